"""Fits the scoring models on the facts of the last refresh and publishes them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import DomainError
from retention.management.as_of import HELP, instant_of
from retention.services.scoring import as_late_as_facts, fit_models


class Command(BaseCommand):
    help = "Fits and publishes the scoring models: RFM cut points, the shop's buying rhythm."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", metavar="ISO", help=HELP)

    def handle(self, *_args: str, as_of: str | None, **_options: Any) -> None:
        now = timezone.now()
        known_until = as_late_as_facts(now) if as_of is None else instant_of(as_of)
        try:
            fits = fit_models(as_of=known_until, now=now)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        for fit in fits:
            self.stdout.write(f"{fit.kind}: {fit.members} members, {fit.parameters}")
        if not fits:
            self.stdout.write("Nothing to fit: no orders have been counted yet. Load orders, then run refresh.")
