"""CSV that we give away: no cell of it is calculated by the spreadsheet that opens it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""What a cell must not begin with: spreadsheets take it for a formula, which can fetch, send and run."""

KEPT_DIGITS = 12
"""From this length on a spreadsheet shows a number shortened, and saves it so; it is written as a text."""


def safe_cell(text: str) -> str:
    """This function will put an apostrophe before what a spreadsheet would calculate; our readers take it away again."""
    return f"'{text}" if text.startswith(DANGEROUS) or (len(text) >= KEPT_DIGITS and text.isdigit()) else text


class SafeCsv:
    """Rows of text into a CSV that spreadsheets open as it is: UTF-8 with its mark, every cell safe."""

    def __init__(self, file: TextIO, header: Sequence[str], *, continued: bool = False) -> None:
        self._writer = csv.writer(file)
        if not continued:
            file.write("\ufeff")
            self.write(header)

    def write(self, row: Iterable[object]) -> None:
        self._writer.writerow([_written(cell) for cell in row])


def _written(cell: object) -> str:
    """A number of ours is no formula, even below zero; a long one is a text all the same, lest its digits be cut."""
    text = "" if cell is None else str(cell)
    is_number = isinstance(cell, float) or (isinstance(cell, int) and len(text) < KEPT_DIGITS)
    return text if is_number else safe_cell(text)
