"""import_orders FILE...: orders with their lines, in our own columns or as shop systems export them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext_lazy as _

from members.ingest import IngestResult, ingest_orders
from members.ingest.cells import ORDERS
from members.ingest.connectors.detect import Detected
from members.ingest.importing import ImportCounts
from members.ingest.sources import DEFAULT_SHOP, RefusedItem, take_orders
from members.management.importing import ImportCommand


class Command(ImportCommand):
    help = "Take orders in from files; refused rows are written beside each file with their reasons."
    table = ORDERS
    target = "orders"
    noun = _("Orders")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--shop", default="", help="the shop of the orders; the file names it or it is «default»")

    def ingest(self, items: Sequence[object], *, path: Path, now: datetime, **options: Any) -> IngestResult:
        return ingest_orders(items, now=now, shop=options["shop"] or DEFAULT_SHOP)

    def take(self, found: Detected, counts: ImportCounts, *, now: datetime, **options: Any) -> Iterator[list[RefusedItem]]:
        proof = f"stated by {found.paths[0].name}"
        return take_orders(found, now=now, counts=counts, proof=proof, shop=options["shop"])
