"""Workbooks: the first sheet with a header, row by row. Formulas are not calculated, dates are read as such."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl  # type: ignore[import-untyped]
from django.utils.translation import gettext as _
from openpyxl.utils.exceptions import InvalidFileException  # type: ignore[import-untyped]

from members.ingest.connectors.tables import TableFile, TableRow, damage, unreadable
from members.ingest.connectors.values import EXACT_DIGITS

HEADER_WITHIN = 20
"""Rows in which a header may stand: exports begin with a title and a period at times."""

LEAST_COLUMNS = 2
AT_ONCE = 500
MOST_ROWS = 1_100_000
"""A sheet has 1,048,576 rows; more is no sheet but a trap for the reader."""

MOST_UNPACKED = 4 * 1024**3
MOST_STRINGS = 256 * 1024**2
"""Bytes of the workbook's shared texts, which are held in memory while its rows are read."""

SHARED_STRINGS = "xl/sharedStrings.xml"
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, InvalidFileException),
    *(ParseError, KeyError, ValueError, TypeError, AttributeError, IndexError, NotImplementedError),
)
"""What reading a damaged workbook raises, from the archive up to the cells."""


class XlsxTable(TableFile):
    kind = "xlsx"

    @staticmethod
    def recognises(start: bytes) -> bool:
        return start.startswith(b"PK\x03\x04")

    @property
    def description(self) -> str:
        return "XLSX"

    def prepare(self) -> None:
        self._demand_bearable()
        for name, rows in self._sheets():
            found = next(((number, cells) for number, cells in self._first_rows(name) if _is_header(cells)), None)
            if found is not None:
                self.sheet = name
                self.header_row, cells = found
                self.header = [cell.strip() for cell in _trimmed(cells)]
                self.row_count = max(rows - self.header_row, 0)
                self.size = rows
                break
        else:
            raise unreadable("no_header", _("No sheet of this workbook has a header in its first rows."))

    def _rows(self) -> Iterator[TableRow]:
        width = len(self.header)
        for row in self._sheet_rows(self.sheet):
            self.position = row.number
            if row.problem is not None:
                yield row
            elif row.number > self.header_row:
                cells = _trimmed(row.cells)
                yield TableRow(row.number, cells + [""] * (width - len(cells)))
        self.position = self.size

    def _sheets(self) -> list[tuple[str, int]]:
        """The visible sheets, and how many rows the file says that each has."""
        book = self._open()
        try:
            return [(sheet.title, sheet.max_row or 0) for sheet in book.worksheets if sheet.sheet_state == "visible"]
        finally:
            book.close()

    def _first_rows(self, name: str) -> Iterator[tuple[int, list[str]]]:
        for row in islice(self._sheet_rows(name), HEADER_WITHIN):
            yield row.number, row.cells

    def _sheet_rows(self, name: str) -> Iterator[TableRow]:
        book = self._open()
        number = 0
        try:
            sheet = book[name]
            sheet.reset_dimensions()  # what the file says of its size is often wrong, and would cut rows off
            for number, cells in enumerate(_quietly(sheet.iter_rows()), start=1):
                yield TableRow(number, [cell_text(cell.value, cell.data_type) for cell in cells])
                if number >= MOST_ROWS:
                    yield damage(number + 1, _("a sheet does not have so many rows"))
                    return
        except BROKEN as error:
            yield damage(number + 1, str(error) or type(error).__name__)
        finally:
            book.close()

    def _open(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return openpyxl.load_workbook(self.path, read_only=True, data_only=False, keep_links=False)
        except BROKEN as error:
            raise _half_a_workbook() from error

    def _demand_bearable(self) -> None:
        """A small archive can unpack to more than the machine has."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        except (zipfile.BadZipFile, OSError) as error:
            raise _half_a_workbook() from error
        if not any(name.startswith("xl/") for name in sizes):
            raise unreadable("archive", _("This is an archive, not a workbook. Unpack it and import the files within."))
        if sum(sizes.values()) > MOST_UNPACKED or sizes.get(SHARED_STRINGS, 0) > MOST_STRINGS:
            raise unreadable("too_large", _("This workbook is too large to be read. Save the sheet as CSV."))


def _half_a_workbook() -> Exception:
    return unreadable("half_a_file", _("This workbook is damaged or was not copied to its end. Export or copy it again."))


def _quietly(rows: Iterator[Any]) -> Iterator[Any]:
    """The library's warnings (a style missing, a date out of range) are nobody's business who runs an import."""
    while True:
        found: list[Any] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                for row in islice(rows, AT_ONCE):
                    found.append(row)
            except BROKEN as error:
                broken: BaseException | None = error
            else:
                broken = None
        yield from found
        if broken is not None:
            raise broken
        if len(found) < AT_ONCE:
            return


def _is_header(cells: Sequence[str]) -> bool:
    return sum(bool(cell.strip()) for cell in cells) >= LEAST_COLUMNS


def _trimmed(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


# --- Cells


def cell_text(value: Any, data_type: str = "") -> str:
    """This function will write a cell's value as text; a text that only looks like a formula is kept from being one."""
    if value is None:
        return ""
    if data_type == "f":
        return value if isinstance(value, str) else "=…"
    if isinstance(value, str):
        return f"'{value}" if value.startswith("=") else value
    return next((write(value) for kind, write in WRITERS if isinstance(value, kind)), str(value))


def exact_number(value: int | float) -> str:
    """A spreadsheet's number beyond fifteen digits has lost the rest: it is written so that no reader takes it for an id."""
    if abs(value) >= 10**EXACT_DIGITS:
        return f"{value:.14E}"
    return format(value, f".{EXACT_DIGITS}g") if isinstance(value, float) else str(value)


def _datetime_text(value: datetime) -> str:
    return value.date().isoformat() if value.time() == time.min and value.tzinfo is None else value.isoformat(sep=" ")


WRITERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (int, exact_number),
    (float, exact_number),
    (datetime, _datetime_text),
    (date, date.isoformat),
)
