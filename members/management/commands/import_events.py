"""import_events FILE...: behaviour events from tables and lines of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from members.ingest import IngestResult, ingest_events
from members.ingest.cells import EVENTS
from members.management.importing import ImportCommand


class Command(ImportCommand):
    help = "Take behaviour events in from files; refused rows are written beside each file with their reasons."
    table = EVENTS
    target = "events"
    noun = _("Events")

    def ingest(self, items: Sequence[object], *, path: Path, now: datetime, **options: Any) -> IngestResult:
        return ingest_events(items, now=now)
