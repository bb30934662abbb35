"""Reading members and orders from files: CSV and JSONL, in any usual encoding, row by row, so that memory stays flat.

A file that cannot be read at all raises UnreadableFile with everything found wrong; a row that cannot be read is handed
on with its number and its problems, like a row that the ingest refuses.
"""

from __future__ import annotations

import csv
import io
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from core.errors import FieldProblem, InvalidInput
from members.ingest.cells import Assembler, Gathered, Table, columns_of, header_problems, known_columns
from members.ingest.encodings import encoding_of

DELIMITERS = (",", ";", "\t")
LONGEST_LINE = 16 * 1024 * 1024
"""Characters of one JSONL line; a longer one is refused unread. Origin: the largest order (5,000 lines) is a tenth of it."""

REFUSAL_COLUMNS = ("rekindle:row", "rekindle:why")
"""What we put beside refused rows: the number and the reasons. They are passed over when a file comes back."""

LONGEST_CELL = 1024 * 1024
REMEMBERED_KEYS = 200_000
"""Orders already read of which a file's reader remembers the number, to find rows of one order that stand apart."""


class UnreadableFile(InvalidInput):
    code = "unreadable_file"


@dataclass(frozen=True, slots=True)
class FileRow:
    """One item of a file by the number of its (first) row, the header being row 1; or why there is none."""

    number: int
    item: Any
    problems: tuple[FieldProblem, ...] = ()


class RowFile:
    """One file of items. Iterate it once; `position` tells how many of its `size` bytes are read."""

    def __init__(self, path: Path, table: Table, *, kind: str = "auto") -> None:
        self.path = path
        self.table = table
        self.kind = kind
        self._bytes: io.BufferedReader | None = None
        self.size = self._size()

    @property
    def position(self) -> int:
        return self._bytes.tell() if self._bytes and not self._bytes.closed else self.size

    def __iter__(self) -> Iterator[FileRow]:
        encoding = encoding_of(self.path)
        if encoding is None:
            raise _unreadable("not_text", _("This is not a text file. Save it as CSV or JSONL, in UTF-8 if you can choose."))
        with self.path.open("rb") as self._bytes:
            file = io.TextIOWrapper(self._bytes, encoding=encoding, errors="surrogateescape", newline="")
            kind = _kind_of(file) if self.kind == "auto" else self.kind
            yield from _json_rows(file) if kind == "jsonl" else self._table_rows(file)

    def _size(self) -> int:
        try:
            with self.path.open("rb") as file:
                return file.seek(0, io.SEEK_END)
        except OSError as error:
            raise _unreadable("not_readable", error.strerror or str(error)) from error

    # --- CSV

    def _table_rows(self, file: io.TextIOWrapper) -> Iterator[FileRow]:
        delimiter, columns = _header(file, self.table)
        csv.field_size_limit(LONGEST_CELL)
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        numbered = enumerate(_until_damaged(rows), start=1)
        next(numbered, None)
        assembler = Assembler(columns, self.table)
        yield from _items(numbered, assembler) if assembler.key else _single_items(numbered, assembler)


def _kind_of(file: io.TextIOWrapper) -> str:
    start = file.read(4096).lstrip()
    file.seek(0)
    if start.startswith("["):
        raise _unreadable("not_lines", _("This is one JSON list. JSONL has one object a line, without brackets and commas."))
    return "jsonl" if start.startswith("{") else "csv"


def _header(file: io.TextIOWrapper, table: Table) -> tuple[str, list[str]]:
    """This function will find the delimiter under which the header names the most known columns, and go back."""
    first = file.readline(LONGEST_CELL)
    file.seek(0)
    if not first.strip():
        raise _unreadable("empty_file", _("The file is empty, or its first row is."))
    found = {delimiter: columns_of(_split(first, delimiter)) for delimiter in DELIMITERS}
    delimiter = max(found, key=lambda each: (known_columns(found[each], table), len(found[each])))
    problems = header_problems(found[delimiter], table)
    if problems:
        raise UnreadableFile(_("The file's columns cannot be read."), problems=problems)
    return delimiter, found[delimiter]


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


@dataclass(frozen=True, slots=True)
class Damage:
    """Where the reader of rows gave up: nothing behind it can be told apart."""

    reason: str


def _until_damaged(rows: Iterator[list[str]]) -> Iterator[list[str] | Damage]:
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Damage(str(error))
            return
        yield row


def _single_items(rows: Iterator[tuple[int, list[str] | Damage]], assembler: Assembler) -> Iterator[FileRow]:
    for number, row in rows:
        problem = _row_problem(row, assembler)
        if problem is not None:
            yield FileRow(number, None if isinstance(row, Damage) else row, (problem,))
        elif not isinstance(row, Damage) and (cells := assembler.cells_of(row)):
            gathered = Gathered(number, ())
            assembler.add(gathered, cells)
            yield FileRow(number, gathered.item)


def _items(rows: Iterator[tuple[int, list[str] | Damage]], assembler: Assembler) -> Iterator[FileRow]:
    """This function will yield the items of rows that belong together: neighbours with one key are one item.

    An order is not taken without one of its rows, whose lines would be missing. A row that cannot be read is counted to the
    order whose key it still shows; when it shows none, to both its neighbours.
    """
    finished: OrderedDict[int, None] = OrderedDict()
    current: Gathered | None = None
    doubt: list[FieldProblem] = []
    for number, row in rows:
        problem = _row_problem(row, assembler)
        cells = {} if isinstance(row, Damage) else assembler.cells_of(row)
        if problem is not None and not assembler.shows_key(cells):
            yield FileRow(number, None if isinstance(row, Damage) else row, (problem,))
            doubt = [_doubt(number)]
            if current is not None:
                current.problems += doubt
            continue
        if not cells:
            continue
        key = assembler.key_of(cells)
        if current is None or key != current.key or not all(cells.get(name) for name in assembler.named_by):
            if current is not None:
                yield _finished(current, finished)
            current = Gathered(number, key, problems=doubt)
            doubt = []
        if problem is None:
            assembler.add(current, cells)
        else:
            current.problems += [problem, _doubt(number)]
    if current is not None:
        yield _finished(current, finished)


def _row_problem(row: list[str] | Damage, assembler: Assembler) -> FieldProblem | None:
    if isinstance(row, Damage):
        message = _("The file cannot be read from here on: %(reason)s.") % {"reason": row.reason}
        return FieldProblem("", "unreadable_row", message)
    if len(row) in (0, len(assembler.columns)):
        return None
    counts = {"found": len(row), "wanted": len(assembler.columns)}
    message = _("This row has %(found)s cells, the first row has %(wanted)s.") % counts
    return FieldProblem("", "wrong_number_of_cells", message)


def _doubt(number: int) -> FieldProblem:
    message = _("Row %(number)s, which may belong to this order, cannot be read.") % {"number": number}
    return FieldProblem("lines", "row_unreadable", message)


def _finished(gathered: Gathered, finished: OrderedDict[int, None]) -> FileRow:
    mark = hash(gathered.key)
    if mark in finished:
        message = _("Rows of this order stand further up already. Sort the file by order, so that its rows stand together.")
        gathered.problems.append(FieldProblem("external_id", "rows_apart", message))
    finished[mark] = None
    if len(finished) > REMEMBERED_KEYS:
        finished.popitem(last=False)
    return FileRow(gathered.number, gathered.item, tuple(gathered.problems))


# --- JSONL


def _json_rows(file: io.TextIOWrapper) -> Iterator[FileRow]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) >= LONGEST_LINE and not line.endswith("\n"):
            _skip_line(file)
            yield FileRow(number, None, (FieldProblem("", "too_long", _("This line is too long to be one item.")),))
        elif line.strip():
            yield _json_row(number, line)


def _skip_line(file: io.TextIOWrapper) -> None:
    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith("\n"):
        pass


def _json_row(number: int, line: str) -> FileRow:
    try:
        return FileRow(number, _without_refusal(msgspec.json.decode(line)))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return FileRow(number, line[:1000], (FieldProblem("", "not_json", _("This line is not one whole JSON object.")),))


def _without_refusal(item: Any) -> Any:
    """A refused item that comes back corrected still carries where it stood and why it was refused."""
    if isinstance(item, dict) and any(name in item for name in REFUSAL_COLUMNS):
        return {name: value for name, value in item.items() if name not in REFUSAL_COLUMNS}
    return item


def _unreadable(code: str, message: str, problems: Sequence[FieldProblem] = ()) -> UnreadableFile:
    return UnreadableFile(message, problems=problems or [FieldProblem("", code, message)])
