"""Rows into the text of a CSV, piece by piece: no spreadsheet calculates a cell of it, no piece is large."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from core.errors import FieldProblem, InvalidInput
from core.safe_csv import SafeCsv
from retention.selectors.exporting import COLUMNS, DEFAULT
from rules.fields import nearest

AT_ONCE = 1_000


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """This function will yield a CSV with a header, a thousand rows at a time; the first piece has its mark and header."""
    file = io.StringIO(newline="")
    writer = SafeCsv(file, header)
    waiting = iter(rows)
    while True:
        count = 0
        for row in islice(waiting, AT_ONCE):
            writer.write(row)
            count += 1
        yield file.getvalue()
        if count < AT_ONCE:
            return
        file.seek(0)
        file.truncate()


def chosen_columns(given: str) -> list[str]:
    """This function will read the names of columns between commas, each once; InvalidInput for one that does not exist."""
    names = [*dict.fromkeys(name.strip() for name in given.split(",") if name.strip())] or [*DEFAULT]
    unknown = next((name for name in names if name not in COLUMNS), None)
    if unknown is not None:
        guess = nearest(unknown[:50], COLUMNS)
        message = _("There is no column “%(name)s”.")
        if guess is not None:
            message = _("There is no column “%(name)s”. Did you mean “%(guess)s”?")
        message %= {"name": unknown[:50], "guess": guess}
        raise InvalidInput(message, problems=[FieldProblem("columns", "unknown_column", message)])
    return names
