"""What uploaded files are and how they are read: found out, mapped by hand, opened for the work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from django.utils.functional import lazystr
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.errors import FieldProblem, InvalidInput, Text
from members.ingest.cells import EVENTS, MEMBERS, ORDERS, Table
from members.ingest.connectors import REGISTERED, Connector, values
from members.ingest.connectors.base import SourceRow
from members.ingest.connectors.detect import Detected, open_table, sort_files
from members.ingest.connectors.generic import MappedColumns
from members.ingest.connectors.guess import SAMPLE, Guess, date_order, guess_columns
from members.ingest.connectors.synonyms import plain
from members.ingest.connectors.tables import TableFile
from members.ingest.files import RowFile, UnreadableFile
from members.models import ColumnMapping, DateOrder, Import, ImportTarget
from members.services.import_files import Upload, receive
from members.services.imports import latest_of_shape, register_import
from members.services.mappings import REQUIRED, mapping_named, mapping_problems

TABLES: Mapping[str, Table] = {"orders": ORDERS, "members": MEMBERS, "events": EVENTS}
TARGETS = ("orders", "members", "events")
TELLING = {"orders": "placed_at", "events": "kind"}
"""A key by which one object tells what kind of thing it is; without any it is a member."""

LINES = "jsonl"
FIRST_BYTES = 4096
SURE_ENOUGH = 0.5
MOST_MAPPINGS = 200
"""Saved mappings that are held against a table, the latest first."""


@dataclass
class LineFile:
    """A file of one JSON object a line, read as tables are."""

    path: Path
    target: str
    shops: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _file(self) -> RowFile:
        return RowFile(self.path, TABLES[self.target], kind=LINES)

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.path,)

    @cached_property
    def row_count(self) -> int:
        with self.path.open("rb") as file:
            return sum(1 for line in file if line.strip())

    @property
    def size(self) -> int:
        return self._file.size

    @property
    def position(self) -> int:
        return self._file.position

    @property
    def sentence(self) -> Text:
        rows = ngettext("%(count)s line", "%(count)s lines", self.row_count) % {"count": f"{self.row_count:,}"}
        return lazystr(_("%(what)s as JSON, %(rows)s") % {"what": ImportTarget(self.target).label, "rows": rows})

    def rows(self, *, shop: str = "", currency: str) -> Iterator[SourceRow]:
        for row in self._file:
            item = row.item
            if isinstance(item, dict) and shop and self.target == "orders":
                item = {**item, "shop": shop}
            yield SourceRow(row.number, item, row.problems, self.path)


Source = Detected | LineFile


@dataclass(frozen=True, slots=True)
class Recognised:
    """What files are. Without `unread` they can be imported as they are; `unknown` are tables that somebody has to map."""

    target: str
    found: list[Source]
    unread: list[tuple[Path, InvalidInput]]
    unknown: list[TableFile]

    @property
    def sentence(self) -> str:
        return _("; ").join(str(each.sentence) for each in self.found)


def recognise(paths: Sequence[Path], *, target: str = "") -> Recognised:
    """This function will find out what files are: the kind of thing under which most of them are known."""
    lines = [path for path in paths if holds_lines(path)]
    tables = [path for path in paths if path not in lines]
    wanted = [target] if target else [*TARGETS]
    if lines and not target:
        wanted = [_target_of_lines(lines[0])]
    best = max((_recognised_as(each, lines, tables) for each in wanted), key=lambda each: len(each.found))
    if best.found or len(wanted) == 1 or not best.unknown:
        return best
    guessed = likely_target(best.unknown[0])
    return _recognised_as(guessed, lines, tables)


def _recognised_as(target: str, lines: Sequence[Path], tables: Sequence[Path]) -> Recognised:
    sorted_files = sort_files(tables, target=target) if tables else None
    found: list[Source] = [LineFile(path, target) for path in lines]
    unread: list[tuple[Path, InvalidInput]] = []
    unknown: list[TableFile] = []
    if sorted_files is not None:
        found += sorted_files.found
        for path, error in sorted_files.unread:
            unread.append((path, error))
            try:
                table = open_table(path)
            except UnreadableFile:
                continue
            if not _is_companion(error):
                unknown.append(table)
    return Recognised(target, found, unread, unknown)


def _is_companion(error: InvalidInput) -> bool:
    return any(problem.code == "companion_alone" for problem in error.problems)


def holds_lines(path: Path) -> bool:
    """Objects or a list, in whatever encoding: that a list is not read is for its reader to say."""
    try:
        with path.open("rb") as file:
            start = file.read(FIRST_BYTES)
    except OSError:
        return False
    return start.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith((b"{", b"["))


def _target_of_lines(path: Path) -> str:
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
    try:
        item = msgspec.json.decode(first.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeError):
        item = None
    keys = item if isinstance(item, dict) else {}
    return next((target for target, key in TELLING.items() if key in keys), "members")


def likely_target(table: TableFile) -> str:
    """This function will say what a table of unknown columns most likely holds: what has most of what it must have."""

    def fit(target: str) -> tuple[float, float]:
        guesses = {guess.key: guess.confidence for guess in guess_columns(table, target)}
        needed = [max(guesses.get(key, 0.0) for key in keys) for keys in REQUIRED[target]]
        named = [confidence for key, confidence in guesses.items() if key]
        return sum(each >= SURE_ENOUGH for each in needed) / len(needed), sum(named)

    found = {target: fit(target) for target in TARGETS}
    whole = [target for target in ("orders", "events") if found[target][0] == 1.0]
    return whole[0] if whole else max(TARGETS, key=lambda target: found[target])


def shape_of(table: TableFile) -> str:
    """This function will return a short mark of a table's columns: files of one export have the same."""
    names = sorted(plain(column) for column in table.header)
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:32]


def receive_upload(
    *,
    parts: Iterable[Upload],
    now: datetime,
    by: str = "",
    target: str = "",
    shop: str = "",
    mapping: str = "",
    most_bytes: int | None = None,
) -> Import:
    """This function will take files in that must be readable without anybody's help, as a draft that can be started.

    `target` empty: found out; `mapping` names a saved one. What cannot be read so is refused with its reasons, and leaves
    nothing.
    """
    received = receive(parts, most_bytes=most_bytes)
    try:
        reading: dict[str, Any] = {"format": "auto", "shop": shop}
        paths = received.folder.files(received.names)
        if mapping:
            saved = mapping_named(name=mapping, target=target or "orders")
            target = saved.target
            reading |= {"columns": saved.columns, "constants": saved.constants, "dates": saved.dates, "mapping": saved.name}
        target = target or recognise(paths).target
        sources = open_sources(paths, target=target, reading=reading)
        said = _("; ").join(str(each.sentence) for each in sources)
        return register_import(received=received, target=target, now=now, by=by, said=said, reading=reading)
    except BaseException:
        received.discard()
        raise


# --- Mapping by hand


@dataclass(frozen=True, slots=True)
class Proposal:
    """How the columns of an unknown table might be read, and where that comes from: a saved mapping, an earlier import."""

    target: str
    guesses: Sequence[Guess]
    constants: Mapping[str, str]
    dates: str
    shop: str = ""
    mapping: str = ""
    as_before: str = ""

    @property
    def columns(self) -> dict[str, str]:
        return {guess.column: guess.key for guess in self.guesses if guess.key}


def propose(table: TableFile, *, target: str, mapping: ColumnMapping | None = None) -> Proposal:
    """This function will propose what a table's columns are: as `mapping` says, else as the last file of this shape was
    read, else as a saved mapping that knows all of its own columns here, else by guessing."""
    if mapping is not None:
        return _proposed_by(table, mapping)
    known = remembered(table, target=target)
    if known is not None:
        reading = known[1]
        names = {name: str(reading.get(name, "")) for name in ("mapping", "as_before")}
        return _proposed_as(table, target, reading, **names)
    guesses = guess_columns(table, target)
    return Proposal(target, guesses, {}, _dates_of(table))


def remembered(table: TableFile, *, target: str = "") -> tuple[str, dict[str, Any]] | None:
    """This function will tell what a table of these columns holds and how it is read: as the last import of its shape was,
    else as the latest saved mapping that finds all of its own columns here."""
    before = latest_of_shape(shape_of(table), target=target)
    if before is not None:
        return before.target, {**before.reading, "as_before": str(before)[:100]}
    saved_ones = ColumnMapping.objects.filter(**({"target": target} if target else {})).order_by("-changed_at")
    for saved in saved_ones[:MOST_MAPPINGS]:
        if saved.columns and MappedColumns(saved).recognises(table.header) == 1.0:
            reading = {"columns": saved.columns, "constants": saved.constants, "dates": saved.dates, "shop": ""}
            return saved.target, {**reading, "mapping": saved.name}
    return None


def _proposed_by(table: TableFile, mapping: ColumnMapping) -> Proposal:
    reading = {"columns": mapping.columns, "constants": mapping.constants, "dates": mapping.dates}
    return _proposed_as(table, mapping.target, reading, mapping=mapping.name)


def _proposed_as(
    table: TableFile, target: str, reading: Mapping[str, Any], *, mapping: str = "", as_before: str = ""
) -> Proposal:
    said = {plain(column): key for column, key in reading["columns"].items()}
    guesses = [
        Guess(guess.column, key, 1.0 if key else 0.9, guess.sample)
        for guess in guess_columns(table, target)
        for key in [said.get(plain(guess.column), "")]
    ]
    in_order = {column: place for place, column in enumerate(table.header)}
    return Proposal(
        target,
        sorted(guesses, key=lambda guess: in_order.get(guess.column, 0)),
        dict(reading.get("constants") or {}),
        str(reading.get("dates") or DateOrder.YEAR_FIRST),
        shop=str(reading.get("shop", "")),
        mapping=mapping,
        as_before=as_before,
    )


def _dates_of(table: TableFile) -> str:
    rows = [row.cells for row in islice((row for row in table.rows() if row.problem is None), SAMPLE)]
    return date_order([[text for row in rows if (text := values.content(row[place]))] for place in range(len(table.header))])


def reading_problems(*, target: str, reading: Mapping[str, Any]) -> list[FieldProblem]:
    """This function will tell what keeps columns mapped by hand from being read."""
    return mapping_problems(
        target=target,
        columns=reading.get("columns", {}),
        constants=reading.get("constants", {}),
        dates=reading.get("dates", DateOrder.YEAR_FIRST),
    )


# --- Opening for the work


def connector_of(target: str, reading: Mapping[str, Any]) -> Connector | None:
    """This function will return what a reading names: nothing where files are found out, else a mapping or a connector."""
    columns = reading.get("columns")
    if columns:
        name = reading.get("mapping") or str(gettext_lazy("columns mapped by hand"))
        mapping = ColumnMapping(
            name=name,
            target=target,
            columns=columns,
            constants=reading.get("constants", {}),
            dates=reading.get("dates", DateOrder.YEAR_FIRST),
        )
        return MappedColumns(mapping)
    return REGISTERED.by_code.get(reading.get("format", "auto"))


def open_sources(paths: Sequence[Path], *, target: str, reading: Mapping[str, Any]) -> list[Source]:
    """This function will open files as a reading says, or raise why one of them cannot be read so."""
    lines = [path for path in paths if holds_lines(path)]
    tables = [path for path in paths if path not in lines]
    found: list[Source] = [LineFile(path, target) for path in lines]
    sorted_files = sort_files(tables, target=target, connector=connector_of(target, reading))
    for path, error in sorted_files.unread:
        raise named(path, error)
    for source in sorted_files.found:
        problems = source.problems()
        if problems:
            message = _("The columns of “%(file)s” cannot be read.") % {"file": source.paths[0].name}
            raise UnreadableFile(message, problems=problems)
    return [*found, *sorted_files.found]


def named(path: Path, error: InvalidInput) -> InvalidInput:
    """This function will say of which file an error speaks."""
    said = UnreadableFile(_("“%(file)s”: %(error)s") % {"file": path.name, "error": error}, problems=error.problems)
    said.code = error.code
    return said


def header_of(found: Source, path: Path) -> list[str] | None:
    """This function will return the columns of one of a source's files; None where it has none."""
    if isinstance(found, LineFile):
        return None
    return next((table.header for table in (*found.tables, *found.companions) if table.path == path), None)


def sources_of(source: Import, paths: Sequence[Path]) -> list[Source]:
    return open_sources(paths, target=source.target, reading=source.reading)
