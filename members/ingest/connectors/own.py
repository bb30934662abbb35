"""Our own columns, named as the keys of our items, whatever kind of table they stand in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy

from core.errors import FieldProblem, Text
from members.ingest.cells import (
    EVENTS,
    MEMBERS,
    ORDERS,
    Assembler,
    Gathered,
    Table,
    columns_of,
    header_problems,
    known_columns,
)
from members.ingest.connectors.base import Connector, Reading, SourceRow, Target
from members.ingest.connectors.grouping import Columns, Group, groups
from members.ingest.connectors.tables import TableFile
from members.ingest.connectors.values import identity, moment
from members.ingest.normalise import Refused

IDS = ("external_id", "member", "id", "product", "phone")
"""What a spreadsheet ruins when it takes it for a number: 1930679858170647 becomes 1.93068E+15, as do its neighbours."""
TIMES = ("placed_at", "at", "registered_at", "paid_at", "shipped_at", "delivered_at", "completed_at", "refund_at")
DAYS = ("birth_date",)
"""Times and days that a spreadsheet has written in its own way: 2026/6/1, or as the number 46174."""
NO_TIME = "invalid_time"
OURS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*|--[0-9]{2}-[0-9]{2}", re.DOTALL)


class OwnColumns(Connector):
    """Items of one kind under our own names."""

    def __init__(self, code: str, label: Text, target: Target, table: Table) -> None:
        self.code = code  # type: ignore[misc]
        self.label = label  # type: ignore[misc]
        self.target = target  # type: ignore[misc]
        self.table = table

    def recognises(self, header: Sequence[str]) -> float:
        columns = columns_of(header)
        required = sum(name in columns for name in self.table.required) / len(self.table.required)
        return required * known_columns(columns, self.table) / max(len(columns), 1)

    def header_problems(self, header: Sequence[str]) -> list[FieldProblem]:
        return header_problems(columns_of(header), self.table)

    def fills(self, header: Sequence[str]) -> Mapping[str, str]:
        named = zip(header, columns_of(header), strict=True)
        return {written: _filled(name, self.table) for written, name in named if name in self.table.cells}

    def rows(self, reading: Reading) -> Iterator[SourceRow]:
        for table in reading.tables:
            yield from self._items(table)

    def _items(self, table: TableFile) -> Iterator[SourceRow]:
        columns = columns_of(table.header)
        assembler = Assembler(columns, self.table)
        for group in groups(table, Columns(columns), self.table.key):
            gathered = Gathered(group.number, group.key, problems=group.problems)
            _as_before_the_spreadsheet(group)
            for cells in group.rows:
                assembler.add(gathered, cells)
            item: dict[str, Any] = gathered.item
            yield SourceRow(group.number, item, tuple(gathered.problems), table.path, group.source)


def _as_before_the_spreadsheet(group: Group) -> None:
    """This function will read back what a spreadsheet did to the cells, and note what it did for good."""
    for cells in group.rows:
        for name in IDS:
            if "E+" in cells.get(name, "").upper():
                _told(group, name, identity, cells[name])
        for name in TIMES:
            if cells.get(name) and OURS.fullmatch(cells[name]) is None:
                at = _told(group, name, moment, cells[name])
                cells[name] = at.isoformat() if at else cells[name]
        for name in DAYS:
            if cells.get(name) and OURS.fullmatch(cells[name]) is None:
                at = _told(group, name, moment, cells[name])
                cells[name] = at.date().isoformat() if at else cells[name]


def _told(group: Group, name: str, read: Callable[[str], Any], cell: str) -> Any:
    try:
        return read(cell)
    except Refused as refused:
        # What is no time at all is for the contract to say, with everything else that is wrong with the item.
        if refused.code != NO_TIME and all(problem.path != name for problem in group.problems):
            group.problems.append(refused.at(name))
        return None


def _filled(name: str, table: Table) -> str:
    cell = table.cells[name]
    return cell.part or cell.path[0]


OWN_ORDERS = OwnColumns("orders", gettext_lazy("orders in our own columns"), "orders", ORDERS)
OWN_EVENTS = OwnColumns("events", gettext_lazy("events in our own columns"), "events", EVENTS)
OWN_MEMBERS = OwnColumns("members", gettext_lazy("members in our own columns"), "members", MEMBERS)
