"""Rows that belong together: neighbours that show one order's number are one order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress

from django.utils.translation import gettext as _

from core.errors import FieldProblem
from members.ingest.connectors.tables import TableFile, TableRow
from members.ingest.connectors.values import content
from members.ingest.contracts import MOST_LINES
from members.ingest.files import REMEMBERED_KEYS

Key = tuple[str, ...]


@dataclass(slots=True)
class Group:
    """The rows of one item: the number of the first, the cells of each that say something, by column."""

    number: int
    key: Key
    rows: list[dict[str, str]] = field(default_factory=list)
    source: list[list[str]] = field(default_factory=list)
    problems: list[FieldProblem] = field(default_factory=list)

    def add(self, cells: dict[str, str], source: list[str]) -> None:
        if len(self.rows) <= MOST_LINES:  # one too many is enough for the refusal; a wrong file must not fill the memory
            self.rows.append(cells)
            self.source.append(source)

    @property
    def cells(self) -> dict[str, str]:
        """The first word of each column: what is said once an order stands on any of its rows."""
        if len(self.rows) == 1:
            return self.rows[0]
        return {name: cell for row in reversed(self.rows) for name, cell in row.items()}

    def disagreements(self, columns: Mapping[str, str]) -> None:
        """This function will note the columns, by name in our items and in the file, of which rows say different things."""
        for name, column in columns.items():
            if len({row[name] for row in self.rows if name in row}) > 1:
                message = _("The rows of one order say different things here.")
                self.problems.append(FieldProblem(column, "rows_disagree", message))


class Columns:
    """Which column of a file is which of ours. The first of several columns that mean one thing counts."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.used = [bool(name) for name in names]

    def cells_of(self, row: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, cell in compress(zip(self.names, row, strict=False), self.used):
            text = content(cell) if cell else ""
            if text and name not in found:
                found[name] = text
        return found


def groups(table: TableFile, columns: Columns, key: Key = ()) -> Iterator[Group]:
    """This function will yield the table's items: without a key each row, else neighbours that share the columns named.

    A row without a value in the key's last column stands alone. An order is not taken without one of its rows, whose lines
    would be missing: a row that cannot be read is counted to the order whose key it still shows, and when it shows none, to
    both its neighbours.
    """
    yield from _keyed(table, columns, key) if key else _single(table, columns)


def _single(table: TableFile, columns: Columns) -> Iterator[Group]:
    for row in table.rows():
        cells = columns.cells_of(row.cells)
        if row.problem is not None:
            yield Group(row.number, (), [cells], [row.cells], [row.problem])
        elif cells:
            yield Group(row.number, (), [cells], [row.cells])


def _keyed(table: TableFile, columns: Columns, key: Key) -> Iterator[Group]:
    shown = [name for name in key if name in columns.names]
    finished: OrderedDict[int, None] = OrderedDict()
    current: Group | None = None
    doubt: list[FieldProblem] = []
    for row in table.rows():
        cells = columns.cells_of(row.cells)
        if row.problem is not None and not all(cells.get(name) for name in shown):
            yield Group(row.number, (), [cells], [row.cells], [row.problem])
            doubt = [_doubt(row)]
            if current is not None:
                current.problems += doubt
            continue
        if not cells:
            continue
        own = tuple(cells.get(name, "") for name in key)
        if current is None or own != current.key or not cells.get(key[-1]):
            if current is not None:
                yield _finished(current, finished)
            current = Group(row.number, own, problems=[*doubt])
            doubt = []
        current.add(cells, row.cells)
        if row.problem is not None:
            current.problems += [row.problem] if row.number == current.number else [row.problem, _doubt(row)]
    if current is not None:
        yield _finished(current, finished)


def _doubt(row: TableRow) -> FieldProblem:
    message = _("Row %(number)s, which may belong to this order, cannot be read.") % {"number": row.number}
    return FieldProblem("", "row_unreadable", message)


def _finished(group: Group, finished: OrderedDict[int, None]) -> Group:
    if not group.key[-1]:
        return group
    mark = hash(group.key)
    if mark in finished:
        message = _("Rows of this order stand further up already. Sort the file by order, so that its rows stand together.")
        group.problems.append(FieldProblem("", "rows_apart", message))
    finished[mark] = None
    if len(finished) > REMEMBERED_KEYS:
        finished.popitem(last=False)
    return group
