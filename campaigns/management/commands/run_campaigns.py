"""`manage.py run_campaigns [--now ISO] [--json]`: one planning, stepping and dispatch pass over all running campaigns."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from campaigns.services.running import run_campaigns
from core.conf import shop_zone
from core.periods import FIRST_YEAR, LAST_YEAR


class Command(BaseCommand):
    help = "Plans, steps and dispatches all running campaigns once, in this process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", metavar="ISO", help="the instant to work at; without an offset, the shop's time")
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = run_campaigns(now=_instant(options["now"]))
        if options["json"]:
            self.stdout.write(json.dumps(dict(counts), sort_keys=True))
        elif counts:
            self.stdout.write(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
        else:
            self.stdout.write(_("Nothing was due."))


def _instant(text: str | None) -> datetime:
    if text is None:
        return timezone.now()
    try:
        given = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--now {text}: {error}") from error
    if given is None:
        raise CommandError(f"--now {text}: write an instant such as 2026-03-01T09:00:00+08:00")
    if not FIRST_YEAR <= given.year <= LAST_YEAR:
        raise CommandError(f"--now {text}: give a time between the years {FIRST_YEAR} and {LAST_YEAR}")
    return given if given.tzinfo else given.replace(tzinfo=shop_zone())
