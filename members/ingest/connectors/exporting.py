"""CSV that we give away: no cell of it is calculated by the spreadsheet that opens it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from core.errors import FieldProblem
from members.ingest.connectors.tables import REFUSAL_COLUMNS

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
        self._writer.writerow([safe_cell("" if cell is None else str(cell)) for cell in row])


class RejectsCsv:
    """Refused rows as the file had them, each with its number and reasons behind: correct it there and give it again.

    The columns with number and reason are not read when the file comes back.
    """

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self.file = path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
        self.width = len(header)
        self.csv = SafeCsv(self.file, [*header, *REFUSAL_COLUMNS])

    def __enter__(self) -> RejectsCsv:
        return self

    def __exit__(self, *failure: object) -> None:
        self.file.close()

    def write(self, number: int, source: Sequence[Sequence[str]], problems: Sequence[FieldProblem]) -> None:
        """This function will write the rows of one refused item; the reason stands with the first."""
        reason = "; ".join(
            f"{problem.path}: {problem.message}" if problem.path else str(problem.message) for problem in problems
        )
        for place, row in enumerate(source or [[]]):
            cells = [*row[: self.width], *[""] * (self.width - len(row))]
            self.csv.write([*cells, number + place, "" if place else reason])
