"""Fits the scoring models on the facts of the last refresh and publishes them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import DomainError
from retention.management.as_of import HELP, instant_of
from retention.models import ScoringModel
from retention.models.refusals import refusal_sentence
from retention.services.scoring import as_late_as_facts, fit_models


def told(fit: ScoringModel) -> str:
    """This function will say what came of a fit in one line."""
    if fit.refusal is not None:
        return f"not published. {refusal_sentence(fit.refusal, members=fit.members)}"
    quality = [f"{name} {fit.metrics[name]:.3f}" for name in ("auc", "recency_auc", "brier") if fit.metrics.get(name)]
    return ", ".join([f"{fit.members} members", *quality, str(fit.parameters)])


class Command(BaseCommand):
    help = "Fits the scoring models, tests them on the shop's own past and publishes those that hold."

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
            self.stdout.write(f"{fit.kind}: {told(fit)}")
        if not fits:
            self.stdout.write("Nothing to fit: no orders have been counted yet. Load orders, then run refresh.")
