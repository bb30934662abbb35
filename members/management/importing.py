"""What the import commands share: files in, refused rows beside them, one sentence at the end."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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

from core.batching import without_looking_for_cycles
from core.errors import DomainError, InvalidInput
from members.ingest import IngestResult
from members.ingest.cells import Table
from members.ingest.connectors.detect import Detected, sort_files
from members.ingest.files import RowFile
from members.ingest.importing import ImportCounts, RefusedRow, import_rows
from members.ingest.sources import RefusedItem, connector_named, take_items
from members.models import Channel, Member
from members.services.calendar import demand_zone
from members.services.journal import Journal

LINES = "jsonl"
MOST_PROBLEMS_SHOWN = 10
MOST_REASONS_SHOWN = 5


class ImportCommand(BaseCommand):
    """Exits with 1 when a row was refused or a file could not be read; what was accepted is kept."""

    table: ClassVar[Table]
    target: ClassVar[str]
    noun: ClassVar[Any]

    @abstractmethod
    def ingest(self, items: Sequence[object], *, path: Path, now: datetime, **options: Any) -> IngestResult: ...

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV, JSONL, XLSX or Parquet")
        parser.add_argument(
            "--format",
            default="auto",
            metavar="NAME",
            help="auto (default: found out), csv, jsonl, or a saved mapping's name",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="do everything, then undo it: tells what would be refused"
        )

    def handle(self, *args: Any, files: list[Path], dry_run: bool, **options: Any) -> None:
        counts = ImportCounts()
        unread = 0
        self.reasons: Counter[str] = Counter()
        _demand_zone()
        with transaction.atomic() if dry_run else ExitStack():
            for source in self._sources(files, options["format"]):
                try:
                    self._import(source, counts, now=timezone.now(), **options)
                except InvalidInput as error:
                    unread += 1
                    self._tell(source.paths[0], error)
            self.stdout.write(self._closing_sentence(counts, dry_run=dry_run))
            if dry_run:
                transaction.set_rollback(True)
        if unread or counts.rejected:
            refused = {"rows": f"{counts.rejected:,}", "files": unread}
            raise CommandError(_("Refused rows: %(rows)s. Files that could not be read: %(files)s.") % refused)

    def take(self, found: Detected, counts: ImportCounts, *, now: datetime, **options: Any) -> Iterator[list[RefusedItem]]:
        """This function will take a table in; a command whose items come with others overrides it."""

        def ingest(items: Sequence[object], journal: Journal | None = None) -> IngestResult:
            return self.ingest(items, path=found.paths[0], now=now, **options)

        return take_items(found, ingest, counts)

    def _sources(self, files: list[Path], wanted: str) -> Iterator[Source]:
        """This function will yield what is imported as one: files of lines, tables with those that belong to them."""
        lines = [path for path in files if wanted == LINES or (wanted == "auto" and _holds_json(path))]
        tables = [path for path in files if path not in lines]
        try:
            connector = None if wanted == LINES else connector_named(name=wanted, target=self.target)
        except DomainError as error:
            raise CommandError(str(error)) from error
        found = sort_files(tables, target=self.target, connector=connector)
        yield from (Source((path,), error=error) for path, error in found.unread)
        yield from (Lines(path, self) for path in lines)
        yield from (Tables(each, self) for each in found.found)

    def _import(self, source: Source, counts: ImportCounts, *, now: datetime, **options: Any) -> None:
        if source.error is not None:
            raise source.error
        if source.sentence:
            self.stderr.write(source.sentence)
        with ExitStack() as stack:
            written = {path: stack.enter_context(RefusedFile(path)) for path in source.paths}
            progress = stack.enter_context(self._progress())
            stack.enter_context(without_looking_for_cycles())
            bar = progress.add_task(source.paths[0].name, total=source.size)
            for batch in source.take(counts, now=now, **options):
                for path, row in batch:
                    written[path].write(row)
                    self.reasons.update(_reasons(row))
                progress.update(bar, completed=source.position)
        for refused in written.values():
            if refused.count:
                where = {"rows": f"{refused.count:,}", "path": refused.path}
                self.stderr.write(_("Refused rows: %(rows)s, with their reasons in %(path)s") % where)

    def _progress(self) -> Progress:
        """A bar for people; nothing where the output is a file or a pipe."""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)

    def _tell(self, path: Path, error: InvalidInput) -> None:
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
        left_out = _("Left out %(count)s consents of members who unsubscribed.") % {"count": f"{counts.suppressed:,}"}
        kept_back = [left_out] if counts.suppressed else []
        said = [
            sentence,
            *kept_back,
            *self._reasons_sentences(counts),
            *([_("Dry run: nothing was kept.")] if dry_run else []),
        ]
        return " ".join(said)

    def _reasons_sentences(self, counts: ImportCounts) -> Iterator[str]:
        """Why rows were refused, most frequent first: one wrong column refuses ten thousand of them."""
        if counts.rejected and not counts.accepted:
            yield _("Every row was refused.")
        if self.reasons:
            most = (f"{count:,} × {reason}" for reason, count in self.reasons.most_common(MOST_REASONS_SHOWN))
            yield _("Refused because: %(reasons)s") % {"reasons": "; ".join(most)}


def _demand_zone() -> None:
    """Before any file is read: every batch would be refused for it."""
    try:
        demand_zone(now=timezone.now())
    except DomainError as refusal:
        raise CommandError(str(refusal)) from refusal


class Source:
    """What is imported as one: a file, or several that belong together. With an `error` it cannot be."""

    sentence = ""

    def __init__(self, paths: tuple[Path, ...], *, size: int = 0, error: InvalidInput | None = None) -> None:
        self.paths = paths
        self.size = size
        self.error = error

    @property
    def position(self) -> int:
        return self.size

    def take(self, counts: ImportCounts, *, now: datetime, **options: Any) -> Iterator[list[tuple[Path, RefusedRow]]]:
        """This function will take the files in and yield what each batch refused, by the file it stands in."""
        raise NotImplementedError


class Lines(Source):
    """A file of one JSON object a line."""

    def __init__(self, path: Path, command: ImportCommand) -> None:
        super().__init__((path,))
        self.command = command
        try:
            self.rows = RowFile(path, command.table, kind=LINES)
            self.size = self.rows.size
        except InvalidInput as error:
            self.error = error

    @property
    def position(self) -> int:
        return self.rows.position

    def take(self, counts: ImportCounts, *, now: datetime, **options: Any) -> Iterator[list[tuple[Path, RefusedRow]]]:
        path = self.paths[0]

        def ingest(items: Sequence[object]) -> IngestResult:
            return self.command.ingest(items, path=path, now=now, **options)

        for batch in import_rows(self.rows, ingest, counts):
            yield [(path, row) for row in batch]


class Tables(Source):
    """Tables that a connector reads together."""

    def __init__(self, found: Detected, command: ImportCommand) -> None:
        super().__init__(found.paths, size=found.size)
        self.found = found
        self.command = command
        if found.connector.code != command.target:
            self.sentence = f"{found.paths[0].name}: {found.sentence}"

    @property
    def position(self) -> int:
        return self.found.position

    def take(self, counts: ImportCounts, *, now: datetime, **options: Any) -> Iterator[list[tuple[Path, RefusedRow]]]:
        for batch in self.command.take(self.found, counts, now=now, **options):
            yield [(row.path or self.paths[0], row) for row in batch]


def _holds_json(path: Path) -> bool:
    """Objects or a list, in whatever encoding: that a list is not read is for its reader to say."""
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    return start.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith((b"{", b"["))


def _reasons(row: RefusedRow) -> Iterable[str]:
    return {
        f"{problem.path}: {problem.message}" if problem.path else str(problem.message) for problem in row.rejected.errors
    }


class RefusedFile:
    """`FILE.rejected.jsonl`, made when the first row is refused. One of an earlier run is taken away: it tells of then."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.rejected.jsonl")
        self.count = 0
        self._file: TextIO | None = None

    def __enter__(self) -> RefusedFile:
        self.path.unlink(missing_ok=True)
        return self

    def write(self, row: RefusedRow) -> None:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        print(json.dumps(row.as_json(), ensure_ascii=False), file=self._file)
        self.count += 1

    def __exit__(self, *failure: object) -> None:
        if self._file is not None:
            self._file.close()
