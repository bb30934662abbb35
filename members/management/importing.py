"""What import_members and import_orders share: files in, refused rows beside them, one sentence at the end."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from members.ingest import IngestResult
from members.ingest.cells import Table
from members.ingest.files import RowFile, UnreadableFile
from members.ingest.importing import ImportCounts, RefusedRow, import_rows
from members.models import Channel, Member

FORMATS = ("auto", "csv", "jsonl")
MOST_PROBLEMS_SHOWN = 10


class ImportCommand(BaseCommand):
    """Exits with 1 when a row was refused or a file could not be read; what was accepted is kept."""

    table: ClassVar[Table]
    noun: ClassVar[Any]

    @abstractmethod
    def ingest(self, items: Sequence[object], *, path: Path, now: datetime, **options: Any) -> IngestResult: ...

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV or JSONL, in any usual encoding")
        parser.add_argument("--format", choices=FORMATS, default="auto", help="default: found out from the file")
        parser.add_argument(
            "--dry-run", action="store_true", help="do everything, then undo it: tells what would be refused"
        )

    def handle(self, *args: Any, files: list[Path], dry_run: bool, **options: Any) -> None:
        counts = ImportCounts()
        unread = 0
        with transaction.atomic() if dry_run else ExitStack():
            for path in files:
                try:
                    self._import(path, counts, now=timezone.now(), **options)
                except UnreadableFile as error:
                    unread += 1
                    self._tell(path, error)
            self.stdout.write(self._closing_sentence(counts, dry_run=dry_run))
            if dry_run:
                transaction.set_rollback(True)
        if unread or counts.rejected:
            refused = {"rows": f"{counts.rejected:,}", "files": unread}
            raise CommandError(_("Refused rows: %(rows)s. Files that could not be read: %(files)s.") % refused)

    def _import(self, path: Path, counts: ImportCounts, *, now: datetime, **options: Any) -> None:
        rows = RowFile(path, self.table, kind=options["format"])

        def ingest(items: Sequence[object]) -> IngestResult:
            return self.ingest(items, path=path, now=now, **options)

        with RefusedFile(path) as refused, self._progress() as progress:
            bar = progress.add_task(path.name, total=rows.size)
            for batch in import_rows(rows, ingest, counts):
                refused.write(batch)
                progress.update(bar, completed=rows.position)
        if refused.count:
            where = {"rows": f"{refused.count:,}", "path": refused.path}
            self.stderr.write(_("Refused rows: %(rows)s, with their reasons in %(path)s") % where)

    def _progress(self) -> Progress:
        """A bar for people; nothing where the output is a file or a pipe."""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)

    def _tell(self, path: Path, error: UnreadableFile) -> None:
        self.stderr.write(f"{path}: {error}")
        for problem in error.problems[:MOST_PROBLEMS_SHOWN]:
            if problem.path:
                self.stderr.write(f"  {problem.path}: {problem.message}")

    def _closing_sentence(self, counts: ImportCounts, *, dry_run: bool) -> str:
        sentence = _(
            "%(noun)s: %(accepted)s accepted (%(created)s new, %(changed)s changed), %(rejected)s refused. "
            "Of %(members)s members %(sms)s can be reached by SMS and %(email)s by e-mail."
        ) % {
            "noun": self.noun,
            "accepted": f"{counts.accepted:,}",
            "created": f"{counts.created:,}",
            "changed": f"{counts.changed:,}",
            "rejected": f"{counts.rejected:,}",
            "members": f"{Member.objects.count():,}",
            **{channel: f"{Member.objects.contactable(channel=channel).count():,}" for channel in Channel.values},
        }
        return sentence + (" " + _("Dry run: nothing was kept.") if dry_run else "")


class RefusedFile:
    """`FILE.rejected.jsonl`, made when the first row is refused. One of an earlier run is taken away: it tells of then."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.rejected.jsonl")
        self.count = 0
        self._file: TextIO | None = None

    def __enter__(self) -> RefusedFile:
        self.path.unlink(missing_ok=True)
        return self

    def write(self, rows: Sequence[RefusedRow]) -> None:
        if rows and self._file is None:
            self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        for row in rows:
            print(json.dumps(row.as_json(), ensure_ascii=False), file=self._file)
        self.count += len(rows)

    def __exit__(self, *failure: object) -> None:
        if self._file is not None:
            self._file.close()
