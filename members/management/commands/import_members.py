"""import_members FILE...: members from tables and lines of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from members.ingest import IngestResult, ingest_members
from members.ingest.cells import MEMBERS
from members.management.importing import ImportCommand


class Command(ImportCommand):
    help = "Take members in from files; refused rows are written beside each file with their reasons."
    table = MEMBERS
    target = "members"
    noun = _("Members")

    def ingest(self, items: Sequence[object], *, path: Path, now: datetime, **options: Any) -> IngestResult:
        return ingest_members(items, now=now, proof=f"stated by {path.name}")
