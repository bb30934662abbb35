"""Refused rows, beside the files they stood in: written batch by batch; a batch taken back takes its rows back too."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from core.errors import FieldProblem
from core.safe_csv import SafeCsv
from members.ingest.connectors.tables import REFUSAL_COLUMNS
from members.ingest.sources import RefusedItem

ROW, WHY = REFUSAL_COLUMNS
LINE = "rekindle:line"
"""Where a line that is not JSON stands in the file of refused lines."""


class RejectFile:
    """The refused rows of one file: a CSV with the file's columns, number and reason behind; lines of JSON where it had."""

    def __init__(self, path: Path, header: Sequence[str] | None) -> None:
        self.path = path
        self.header = header

    def write(self, rows: Iterable[tuple[int, Sequence[str], str, Any]], *, kept: int) -> tuple[int, int]:
        """This function will put rows (number, cells, reason, item) behind the first `kept` bytes; bytes and rows after it.

        What stands behind those was written by a batch that did not come to its end.
        """
        text = io.StringIO(newline="")
        writer = SafeCsv(text, [*self.header, ROW, WHY], continued=kept > 0) if self.header is not None else None
        count = 0
        for number, cells, reason, item in rows:
            count += 1
            if writer is None or self.header is None:
                print(_as_line(number, reason, item), file=text)
            else:
                width = len(self.header)
                writer.write([*cells[:width], *[""] * (width - len(cells)), number, reason])
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.truncate(kept)
            file.seek(kept)
            file.write(text.getvalue().encode(errors="backslashreplace"))
            return file.tell(), count


def _as_line(number: int, reason: str, item: Any) -> str:
    told = item if isinstance(item, dict) else {LINE: item}
    return json.dumps({**told, ROW: number, WHY: reason}, ensure_ascii=False)


def rows_by_file(refused: Iterable[RefusedItem], *, first: Path) -> dict[Path, list[tuple[int, Sequence[str], str, Any]]]:
    """This function will sort refused items' rows by the file they stand in, with the rows of files that belong to it.

    So both reports of a refused order can be corrected and given again together.
    """
    found: dict[Path, list[tuple[int, Sequence[str], str, Any]]] = {}
    for each in refused:
        path = each.path or first
        reason = said(each.rejected.errors)
        cells = each.row.source if each.row else ()
        for place, row in enumerate(cells or [()]):
            found.setdefault(path, []).append((each.number + place, row, "" if place else reason, each.item))
        for beside in each.row.beside() if each.row and each.row.beside else ():
            why = _("The order of this line was refused.")
            found.setdefault(beside.path, []).append((beside.number, beside.cells, why, None))
    return found


def said(problems: Sequence[FieldProblem]) -> str:
    return _("; ").join(_at(problem.path, problem) for problem in problems)


def add_reasons(reasons: dict[str, int], refused: Iterable[RefusedItem], *, most: int, others: str) -> None:
    """This function will count items by each of their reasons; past `most` different ones they are one."""
    for each in refused:
        for reason in {_grouped(problem) for problem in each.rejected.errors}:
            key = reason if reason in reasons or len(reasons) < most else others
            reasons[key] = reasons.get(key, 0) + 1


def _grouped(problem: FieldProblem) -> str:
    """A place within a list (lines[3].product) says nothing about how many rows are wrong in this way."""
    parts = (part.partition("[") for part in problem.path.split("."))
    path = ".".join(f"{name}[]" if bracket else name for name, bracket, _rest in parts)
    return _at(path, problem)


def _at(place: str, problem: FieldProblem) -> str:
    """Which column, and what is wrong with it."""
    if not place:
        return str(problem.message)
    return _("%(column)s: %(problem)s") % {"column": place, "problem": problem.message}
