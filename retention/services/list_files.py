"""Ids out of a file that somebody uploaded: text with one id a line, CSV, or the first sheet of a workbook; row by row."""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl  # type: ignore[import-untyped]
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import FieldProblem, InvalidInput
from members.ingest.connectors.xlsx import BROKEN, MOST_ROWS, MOST_STRINGS, MOST_UNPACKED, SHARED_STRINGS, cell_text
from members.ingest.encodings import encoding_of
from members.ingest.files import LONGEST_CELL

ARCHIVE = b"PK\x03\x04"
SEPARATORS = ",;\t|"
NAMES = frozenset({
    "external_id", "external id", "externalid", "id", "ids", "member", "members", "member_id", "member id", "memberid",
    "member number", "member no", "customer", "customer_id", "customer id", "user_id", "user id", "openid", "unionid",
    "会员", "会员号", "会员编号", "会员id", "会员名", "客户编号", "客户id", "买家昵称", "买家会员名", "用户id", "编号",
})  # fmt: skip
"""Headers of the column that holds ids. As the only cell of a first row they are a header, not an id."""


def ids_in(path: Path) -> Iterator[str]:
    """This function will yield the ids of a file in its order, blanks around them taken away, empty cells left out.

    Raises InvalidInput when the file cannot be read, or when nobody can tell which of its columns holds the ids.
    """
    rows = _sheet(path) if _begins(path) == ARCHIVE else _lines(path)
    first = next(rows, None)
    if first is None:
        raise _unreadable("empty", _("The file is empty."))
    column, header = _column_of(first)
    for row in rows if header else chain([first], rows):
        if (cell := row[column] if column < len(row) else "").strip():
            yield cell.strip()


def ids_typed(text: str) -> list[str]:
    """This function will take ids out of pasted text: one a line, or with commas or tabs between them."""
    lines = (line for row in text.splitlines() for line in row.replace("\t", ",").replace("，", ",").split(","))
    found = [each.strip() for each in lines if each.strip()]
    return found[1:] if found and found[0].casefold() in NAMES else found


def _column_of(first: Sequence[str]) -> tuple[int, bool]:
    """The column that holds the ids, and whether the first row is a header."""
    named = [place for place, cell in enumerate(first) if cell.strip().casefold() in NAMES]
    if named:
        return named[0], True
    filled = [place for place, cell in enumerate(first) if cell.strip()]
    if len(filled) > 1:
        message = _("The file has several columns. Give one column of ids, or call the right one “external_id”.")
        raise _unreadable("which_column", message)
    return (filled[0] if filled else 0), False


def _lines(path: Path) -> Iterator[list[str]]:
    encoding = encoding_of(path)
    if encoding is None:
        raise _unreadable("no_text", _("This is neither text nor a workbook. Save the list as CSV, TXT or XLSX."))
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        start = file.readline(LONGEST_CELL)
        separator = next((mark for mark in SEPARATORS if mark in start), ",")
        file.seek(0)
        csv.field_size_limit(LONGEST_CELL)  # of the process: every reader of files sets the same
        try:
            yield from csv.reader(file, delimiter=separator, strict=True)
        except csv.Error as error:
            # Also a file that was cut off inside a cell: what is left of it is another member's id.
            message = _("The file cannot be read: a quotation mark in it is never closed, or something stands behind one.")
            raise _unreadable("damaged", message) from error


def _sheet(path: Path) -> Iterator[list[str]]:
    """The first visible sheet. A small archive can unpack to more than the machine has."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        if sum(sizes.values()) > MOST_UNPACKED or sizes.get(SHARED_STRINGS, 0) > MOST_STRINGS:
            raise _unreadable("too_large", _("This workbook is too large to be read. Save the sheet as CSV."))
        with path.open("rb") as file:
            book = _book(file)
            sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
            sheet.reset_dimensions()  # what the file says of its size is often wrong, and would cut rows off
            for number, cells in enumerate(sheet.iter_rows()):
                if number >= MOST_ROWS:  # a row that says of itself that it is the billionth comes with all before it
                    raise _unreadable("too_large", _("This workbook is too large to be read. Save the sheet as CSV."))
                yield [_cell(cell) for cell in cells]
    except (*BROKEN, StopIteration) as error:
        message = _("This workbook is damaged or was not uploaded to its end. Save it again, or as CSV.")
        raise _unreadable("half_a_file", message) from error


def _book(file: BinaryIO) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)


def _cell(cell: Any) -> str:
    """A number in a cell is an id as it is read aloud: without a point and a zero behind it."""
    return cell_text(cell.value).removeprefix("'")


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(ARCHIVE))


def _unreadable(code: str, message: str | Promise) -> InvalidInput:
    return InvalidInput(message, problems=[FieldProblem("file", code, message)])
