"""From the cells of a table to items: which column is which key, declared once. An empty cell says nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from core.errors import FieldProblem
from members.ingest.contracts import MOST_LINES
from members.ingest.reading import shown, suggestion

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
DECIMAL_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
KEPT_AS_TEXT = re.compile(r'="(.*)"')
"""How spreadsheets are told to keep the digits of a long number: ="1930679858170647"."""

YES = frozenset({"1", "true", "yes", "y", "t", "是"})
NO = frozenset({"0", "false", "no", "n", "f", "否"})
FREELY_NAMED = ("attributes.", "properties.")
"""What a column begins with whose name the shop chooses; such names keep their case."""


def text(cell: str) -> str:
    return cell


def number(cell: str) -> int | str:
    """What is not a whole number stays text, and the contract refuses it by its path."""
    return int(cell) if WHOLE_NUMBER.fullmatch(cell) else cell


def count(cell: str) -> int | str:
    """Like `number`, with a fraction of zeros, which programs write in columns where some cells are empty: 4.0. Not so for
    money: who writes 598.00 means another unit."""
    whole, _point, fraction = cell.partition(".")
    return number(cell if fraction.strip("0") else whole)


def decimal(cell: str) -> float | str:
    """Like `number`, with a decimal point where there is one."""
    return float(cell) if DECIMAL_NUMBER.fullmatch(cell) else cell


def flag(cell: str) -> bool | str:
    word = cell.lower()
    return True if word in YES else False if word in NO else cell


def words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split("|") if word.strip()]


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a column's value stands in the item, and how it is read. `part` is the list it is one entry of."""

    path: tuple[str, ...]
    read: Callable[[str], Any] = text
    part: str = ""


def _plain(*names: str, read: Callable[[str], Any] = text) -> dict[str, Cell]:
    return {name: Cell((name,), read) for name in names}


MEMBER_CELLS: Mapping[str, Cell] = {
    **_plain("external_id", "name", "gender", "birth_date", "phone", "email", "city", "province"),
    **_plain("registered_at", "source", "time_zone", "language"),
    **_plain("birth_calendar", "occupation", "family", "referrer"),
    "hobbies": Cell(("hobbies",), words),
    "tags": Cell(("tags",), words),
    "consent_sms": Cell(("consents", "sms", "marketing"), flag),
    "consent_email": Cell(("consents", "email", "marketing"), flag),
    "consent_sms_service": Cell(("consents", "sms", "service"), flag),
    "consent_email_service": Cell(("consents", "email", "service"), flag),
    **_plain("consent_at", "consent_proof", "consent_text_version"),
}

ORDER_CELLS: Mapping[str, Cell] = {
    **_plain("external_id", "member", "placed_at", "status", "shop", "currency", "payment_method", "channel", "coupon_code"),
    **_plain("paid_at", "shipped_at", "delivered_at", "completed_at", "city", "province", "remark"),
    **_plain("total_minor", "discount_minor", "paid_minor", read=number),
    **_plain("points_used", read=count),
    "product": Cell(("product",), part="lines"),
    "product_name": Cell(("name",), part="lines"),
    "sku": Cell(("sku",), part="lines"),
    "category": Cell(("category",), part="lines"),
    "quantity": Cell(("quantity",), count, part="lines"),
    "unit_price_minor": Cell(("unit_price_minor",), number, part="lines"),
    "amount_minor": Cell(("amount_minor",), number, part="lines"),
    "refund_amount_minor": Cell(("amount_minor",), number, part="refunds"),
    "refund_reason": Cell(("reason",), part="refunds"),
    "refund_at": Cell(("at",), part="refunds"),
}

EVENT_CELLS: Mapping[str, Cell] = {
    **_plain("id", "member", "kind", "at", "session_id", "page", "product", "category", "keyword", "topic"),
    **_plain("rating", read=count),
    **_plain("dwell_seconds", "response_seconds", "value", read=decimal),
}


@dataclass(frozen=True, slots=True)
class Table:
    """What a file of one kind holds. `key` names the columns that say which rows are one item (without a value in the last
    of them a row stands alone); empty: each row is an item. `freely_named` is one of FREELY_NAMED.
    """

    cells: Mapping[str, Cell]
    required: tuple[str, ...]
    key: tuple[str, ...] = ()
    freely_named: str = ""


MEMBERS = Table(MEMBER_CELLS, ("external_id",), freely_named="attributes.")
ORDERS = Table(ORDER_CELLS, ("external_id", "member", "placed_at", "status", "total_minor"), key=("shop", "external_id"))
EVENTS = Table(EVENT_CELLS, ("id", "member", "kind", "at"), freely_named="properties.")


# --- The header


def columns_of(header: Sequence[str]) -> list[str]:
    names = (name.strip() for name in header)
    return [name if name.startswith(FREELY_NAMED) else name.lower() for name in names]


def known_columns(columns: Iterable[str], table: Table) -> int:
    """This function will count the columns that the table knows: the right delimiter finds the most."""
    return sum(_cell_of(name, table) is not None for name in columns)


def _cell_of(name: str, table: Table) -> Cell | None:
    beginning = table.freely_named
    if beginning and name.startswith(beginning) and len(name) > len(beginning):
        return Cell((beginning.removesuffix("."), name.removeprefix(beginning)))
    return table.cells.get(name)


def header_problems(columns: Sequence[str], table: Table) -> list[FieldProblem]:
    """This function will tell what keeps the rows from being read: unknown, repeated and missing columns."""
    problems = []
    for name, times in Counter(columns).items():
        label = shown(name) or _("(no name)")
        if _cell_of(name, table) is None:
            message = _("Row 1: this column is not known.") + suggestion(name, [*table.cells])
            problems.append(FieldProblem(label, "unknown_column", message))
        if times > 1:
            problems.append(FieldProblem(label, "repeated_column", _("Row 1: this column stands there more than once.")))
    for name in table.required:
        if name not in columns:
            problems.append(FieldProblem(name, "missing_column", _("Row 1: this column is missing.")))
    return problems


# --- Rows


@dataclass(slots=True)
class Gathered:
    """The rows that make one item: their first number, their cells, what they disagree about."""

    number: int
    key: tuple[str, ...]
    item: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    problems: list[FieldProblem] = field(default_factory=list)


class Assembler:
    """Reads rows of one header into items: a row is an item, or a line of the item that it shares its key with."""

    def __init__(self, columns: Sequence[str], table: Table) -> None:
        cells = {name: _cell_of(name, table) for name in columns}
        self.columns = columns
        self.cells = {name: cell for name, cell in cells.items() if cell is not None}
        self.key = table.key
        self.named_by = table.key[-1:]

    def cells_of(self, row: Sequence[str]) -> dict[str, str]:
        """This function will return the cells that say something, by column."""
        stripped = ((name, _content(cell)) for name, cell in zip(self.columns, row, strict=False))
        return {name: cell for name, cell in stripped if cell}

    def key_of(self, cells: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(cells.get(name, "") for name in self.key)

    def shows_key(self, cells: Mapping[str, str]) -> bool:
        return all(cells.get(name) for name in self.key if name in self.cells)

    def add(self, gathered: Gathered, cells: Mapping[str, str]) -> None:
        """This function will put a row's cells into the item it belongs to."""
        line: dict[str, Any] = {}
        for name, content in cells.items():
            cell = self.cells[name]
            if cell.part == "lines":
                line[cell.path[0]] = cell.read(content)
            elif name not in gathered.cells:
                gathered.cells[name] = content
                _put(gathered.item, cell, cell.read(content))
            elif gathered.cells[name] != content:
                message = _("The rows of one order say different things here.")
                gathered.problems.append(FieldProblem(name, "rows_disagree", message))
        if line:
            lines = gathered.item.setdefault("lines", [])
            if len(lines) <= MOST_LINES:  # one too many is enough for the refusal; a wrong file must not fill the memory
                lines.append(line)


def _content(cell: str) -> str:
    cell = cell.strip()
    match = KEPT_AS_TEXT.fullmatch(cell)
    return match[1].strip() if match else cell


def _put(item: dict[str, Any], cell: Cell, value: Any) -> None:
    if cell.part:
        item.setdefault(cell.part, [{}])[0][cell.path[0]] = value
        return
    for name in cell.path[:-1]:
        item = item.setdefault(name, {})
    item[cell.path[-1]] = value
