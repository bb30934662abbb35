"""Files as tables: a header and numbered rows of text, whatever they are made of. Row by row, so that memory stays flat.

Every kind of file gives its cells as the text that the readers of `values` understand; what a spreadsheet knows beyond
text (a date, a number too long to be exact, a formula) is written so that it cannot be mistaken.
"""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

from django.utils.translation import gettext as _

from core.errors import FieldProblem, Text
from members.ingest.connectors.values import is_formula
from members.ingest.encodings import OTHER_KINDS, encoding_of
from members.ingest.files import DELIMITERS, LONGEST_CELL, LONGEST_LINE, REFUSAL_COLUMNS, UnreadableFile

PIECE = 1 << 20
MOST_COLUMNS = 1_000
"""Origin: the widest export of a marketplace has about eighty. Even to say what is wrong with 100,000 takes minutes."""
SEPARATOR_ROW = "sep="
"""A first row by which some programs tell spreadsheets the delimiter; the header is the row behind it."""

ENCODING_NAMES = {"utf-8-sig": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}


class TableRow(NamedTuple):
    """A row by its number in the file, the file's first being 1."""

    number: int
    cells: list[str]
    problem: FieldProblem | None = None


def unreadable(code: str, message: Text, path: str = "") -> UnreadableFile:
    return UnreadableFile(message, problems=[FieldProblem(path, code, message)])


class TableFile(ABC):
    """One file with a header. `row_count` may be an estimate; `position` tells how far of its `size` rows are read."""

    kind: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: list[str] = []
        self.header_row = 1
        self.row_count = 0
        self.size = 0
        self.position = 0
        self.prepare()
        if len(self.header) > MOST_COLUMNS:
            message = _("The first row has %(found)s columns; at most %(most)s are read. Export fewer, or another sheet.")
            raise unreadable("too_many_columns", message % {"found": f"{len(self.header):,}", "most": f"{MOST_COLUMNS:,}"})
        self.refused_before = tuple(self.header[-len(REFUSAL_COLUMNS) :]) == REFUSAL_COLUMNS
        if self.refused_before:
            self.header = self.header[: -len(REFUSAL_COLUMNS)]

    @staticmethod
    @abstractmethod
    def recognises(start: bytes) -> bool:
        """This function will tell by a file's first bytes whether it is of this kind."""

    @property
    @abstractmethod
    def description(self) -> str:
        """The file's encoding or kind as people call it."""

    @abstractmethod
    def prepare(self) -> None:
        """This function will find the header and count the rows, or raise UnreadableFile."""

    @abstractmethod
    def _rows(self) -> Iterator[TableRow]:
        """This function will yield the rows under the header, blank ones too."""

    def rows(self) -> Iterator[TableRow]:
        """This function will yield the rows under the header, each with what keeps it from being read."""
        width = len(self.header)
        for row in self._rows():
            if self.refused_before:
                row = row._replace(cells=row.cells[:width])
            if row.problem is not None:
                yield row
            elif any(row.cells):
                yield row if len(row.cells) == width and not _formulas(row.cells) else self._checked(row)

    def _checked(self, row: TableRow) -> TableRow:
        wanted, cells = len(self.header), row.cells
        if len(cells) != wanted:
            message = _("This row has %(found)s cells, the header has %(wanted)s.") % {"found": len(cells), "wanted": wanted}
            return row._replace(problem=FieldProblem("", "wrong_number_of_cells", message))
        names = [self.header[place] for place in _formulas(cells)]
        message = _("This cell is a formula, and we calculate none. Copy the column and paste it as values.")
        return row._replace(problem=FieldProblem(names[0], "formula", message))


def _formulas(cells: list[str]) -> list[int]:
    if "=" not in "".join(cells):  # as hardly a row has one, asked of all cells at once
        return []
    return [place for place, cell in enumerate(cells) if "=" in cell[:3] and is_formula(cell)]


def damage(number: int, reason: str) -> TableRow:
    message = _("The file cannot be read from here on: %(reason)s.") % {"reason": reason}
    return TableRow(number, [], FieldProblem("", "unreadable_row", message))


class CsvTable(TableFile):
    """Text with commas, semicolons or tabs, in any usual encoding."""

    kind = "csv"

    @staticmethod
    def recognises(start: bytes) -> bool:
        return True

    @property
    def description(self) -> str:
        return ENCODING_NAMES.get(self.encoding, self.encoding.upper())

    def prepare(self) -> None:
        encoding = encoding_of(self.path)
        if encoding is None:
            raise _not_text(self.path)
        self.encoding = encoding
        with self.path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
            first = file.readline(LONGEST_CELL)
            named = first.lower().strip('"\ufeff')
            if named.startswith(SEPARATOR_ROW):
                self.header_row = 2
                first = file.readline(LONGEST_CELL)
            if not first.strip():
                raise unreadable("empty_file", _("The file is empty, or its first row is."))
            if encoding == "gb18030" and _is_utf8(first):
                raise _mixed(self.path)
            told = named.removeprefix(SEPARATOR_ROW)[:1] if self.header_row == 2 else ""
            self.delimiter = told if told in DELIMITERS else max(DELIMITERS, key=lambda each: len(_cells(first, each)))
            file.seek(0)
            self.header = next((row.cells for row in self._read(file) if row.number == self.header_row), [])
        self.header = [name.strip().strip("\ufeff") for name in self.header]
        self.size = self.path.stat().st_size
        self.row_count = max(_count_lines(self.path) - self.header_row, 0)

    def _rows(self) -> Iterator[TableRow]:
        look_twice = self.encoding == "gb18030"
        with self.path.open("rb") as raw:
            file = io.TextIOWrapper(raw, encoding=self.encoding, errors="surrogateescape", newline="")
            for row in self._read(file):
                self.position = raw.tell()
                if row.number > self.header_row:
                    yield _in_other_encoding(row) if look_twice and _is_utf8("".join(row.cells)) else row
        self.position = self.size

    def _read(self, file: io.TextIOWrapper) -> Iterator[TableRow]:
        csv.field_size_limit(LONGEST_CELL)
        number = 0
        try:
            for number, cells in enumerate(csv.reader(_lines(file), delimiter=self.delimiter, strict=True), start=1):
                yield TableRow(number, cells)
        except csv.Error as error:
            yield damage(number + 1, str(error))


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    """A file may be one line of two gigabytes: it is given up before it fills the memory."""
    while line := file.readline(LONGEST_LINE):
        if len(line) >= LONGEST_LINE:
            raise csv.Error(_("a line is longer than %(most)s characters") % {"most": f"{LONGEST_LINE:,}"})
        yield line


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _count_lines(path: Path) -> int:
    """Quoted line breaks are counted too: an estimate, for a sentence and a progress bar."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            lines += piece.count(b"\n")
            last = piece
    return lines + (not last.rstrip(b"\x00").endswith(b"\n"))


# --- Encodings that do not agree

ASIAN = range(0x2E80, 0xA000)


def _is_utf8(text: str) -> bool:
    """Whether text read as GB18030 is UTF-8 in truth: by chance two such characters and nothing wrong do not occur."""
    if text.isascii():
        return False
    try:
        meant = text.encode("gb18030").decode()
    except UnicodeError:
        return False
    return sum(ord(letter) in ASIAN for letter in meant) > 1


def _in_other_encoding(row: TableRow) -> TableRow:
    message = _("This row is in another encoding (UTF-8) than the file (GB18030).")
    return row._replace(problem=FieldProblem("", "mixed_encodings", message))


def _mixed(path: Path) -> UnreadableFile:
    message = _(
        "The file mixes encodings: row %(row)s is not in UTF-8 as the rows above it are. Export it again as a whole."
    )
    return unreadable("mixed_encodings", message % {"row": _first_line_not_utf8(path)})


def _first_line_not_utf8(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_CELL), b""), start=1):
            try:
                line.decode()
            except UnicodeError:
                return number
    return 0


# --- Files that are no text

OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
"""How .xls files begin, and workbooks with a password."""


def _not_text(path: Path) -> UnreadableFile:
    with path.open("rb") as file:
        start = file.read(8192)
    if start.startswith(OLD_WORKBOOK):
        message = _("This is an old .xls file, or a workbook with a password. Save it as .xlsx or CSV, without one.")
        return unreadable("old_workbook", message)
    if start.startswith(OTHER_KINDS) or b"\x00" in start or not _first_line_not_utf8(path):
        return unreadable("not_text", _("This is not a text file. Save it as CSV or JSONL, in UTF-8 if you can choose."))
    return _mixed(path)
