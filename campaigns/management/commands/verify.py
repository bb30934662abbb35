"""Proves what must hold: every registered check, the rows that do not add up, exit 1 if there are any."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.registry import Check, checks

ROWS_SHOWN = 100
"""Of one check. Origin: who has more has one cause behind them all, and the first hundred show it."""


class Command(BaseCommand):
    help = "Proves that what is stored adds up: counters, balances, incremental = full; exit 1 and the rows if not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the result of each check as one JSON object")

    def handle(self, *_args: str, json: bool, **_options: Any) -> None:
        found = {check: list(islice(check.rows(), ROWS_SHOWN + 1)) for check in checks}
        if json:
            self._show_json(found)
        else:
            self._show(found)
        wrong = [check.code for check, rows in found.items() if rows]
        if wrong:
            raise CommandError(f"{len(wrong)} of {len(found)} checks found what does not add up: {', '.join(wrong)}.")
        if not json:
            self.stdout.write(self.style.SUCCESS(f"Everything adds up: {len(found)} checks."))

    def _show(self, found: dict[Check, list[str]]) -> None:
        for check, rows in found.items():
            self.stdout.write(f"{'ok   ' if not rows else 'WRONG'}  {check.label}")
            for row in rows[:ROWS_SHOWN]:
                self.stdout.write(f"       {row}")
            if len(rows) > ROWS_SHOWN:
                self.stdout.write("       … and more")

    def _show_json(self, found: dict[Check, list[str]]) -> None:
        rows = [{"check": check.code, "label": str(check.label), "rows": wrong} for check, wrong in found.items()]
        self.stdout.write(json.dumps({"ok": not any(found.values()), "checks": rows}, ensure_ascii=False))
