"""import_orders FILE...: orders with their lines from CSV or JSONL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext_lazy as _

from members.ingest import IngestResult, ingest_orders
from members.ingest.cells import ORDERS
from members.management.importing import ImportCommand


class Command(ImportCommand):
    help = "Take orders in from files; refused rows are written beside each file with their reasons."
    table = ORDERS
    noun = _("Orders")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--shop", default="default", help="the shop of orders that name none")

    def ingest(self, items: Sequence[object], *, path: Path, now: datetime, **options: Any) -> IngestResult:
        return ingest_orders(items, now=now, shop=options["shop"])
