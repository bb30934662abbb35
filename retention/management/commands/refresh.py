"""Makes facts, segments and transitions true for one instant, doing no more than what changed asks for."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import DomainError
from retention.management.as_of import HELP, instant_of
from retention.services.refresh import RefreshReport, refresh


class Command(BaseCommand):
    help = "Brings facts, segments and transitions to an instant: by what changed, by the day, or in full."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--full", action="store_true", help="count everybody again, whatever the marks say")
        parser.add_argument("--as-of", metavar="ISO", help=HELP)
        parser.add_argument("--json", action="store_true", help="counts and seconds per stage as one JSON object")

    def handle(self, *_args: str, full: bool, as_of: str | None, json: bool, **_options: Any) -> None:
        try:
            report = refresh(as_of=instant_of(as_of), full=full, now=timezone.now(), wait=True)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(_as_json(report) if json else _as_text(report))


def _as_json(report: RefreshReport) -> str:
    return json.dumps(
        {
            "kind": report.kind,
            "as_of": report.as_of.isoformat(),
            "run": report.run_id,
            "counts": report.counts,
            "seconds": report.seconds,
        }
    )


def _as_text(report: RefreshReport) -> str:
    if report.run_id is None:
        return "Nothing changed."
    counts = ", ".join(f"{name} {number}" for name, number in report.counts.items())
    return f"{report.kind}, as of {report.as_of.isoformat()}: {counts}; {report.seconds['total']:.2f} s"
