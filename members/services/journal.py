"""The journal of an import: what each batch made and changed, gathered by the writers, kept with the batch, read to undo it.

Ids of what was made; of what was changed the former values. A row that was made or changed is remembered by its mark, a
checksum of what the batch left there: an undo touches only what still looks so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from zlib import crc32

import msgspec

from members.models import Import, ImportJournal

ENCODER = msgspec.json.Encoder(order="sorted")
PLAIN_ENCODER = msgspec.json.Encoder()
ATTRIBUTE = "attributes."

ORDER_WORDS = (
    "status", "total_minor", "discount_minor", "refunded_minor", "refund_count", "paid_minor", "points_used",
    "payment_method", "channel", "coupon_code", "city", "province", "remark",
)  # fmt: skip
ORDER_INSTANTS = ("placed_at", "paid_at", "shipped_at", "delivered_at", "completed_at")
ORDER_MARKED = (*ORDER_WORDS, *ORDER_INSTANTS)
"""What of an order counts. Whose it is does not: two members become one without anybody having changed the order. Nor do
days and hours, which follow the instants when the shop's clock is changed."""

words_of = itemgetter(*ORDER_WORDS)
instants_of = itemgetter(*ORDER_INSTANTS)

MEMBER_MARKED = (
    "name", "gender", "birth_year", "birth_key", "phone", "email", "city", "province", "registered_at", "source",
    "time_zone", "language", "attributes",
)  # fmt: skip

MEMBER_ADDED = ("birth_calendar", "occupation", "family", "hobbies", "referrer")
"""Columns that came later. They count where they say something, so that a mark made before they were there still holds."""

Marked = tuple[int, int]
"""A row's id with its mark."""


def mark(values: Iterable[Any]) -> int:
    """This function will return the checksum of a row's values; instants count by the second, in whatever zone they are."""
    told = [int(value.timestamp()) if isinstance(value, datetime) else value for value in values]
    return crc32(ENCODER.encode(told))


def plain(value: Any) -> Any:
    """This function will write a value as the journal keeps it: instants in UTC, everything else as JSON has it."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


@dataclass(slots=True)
class Journal:
    """One batch. Every list is what JSON can keep; `touched` are the members whom the batch concerned."""

    touched: list[int] = field(default_factory=list)
    orders: list[Marked] = field(default_factory=list)
    changed_orders: list[dict[str, Any]] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    members: list[Marked] = field(default_factory=list)
    """Members with a profile."""
    shells: list[int] = field(default_factory=list)
    """Members whom an order or event named: nothing but their id was known."""
    changed_members: list[tuple[int, dict[str, list[Any]]]] = field(default_factory=list)
    """[id, {column: [before, after]}]; an attribute is a column of its own, null where there was none."""
    tags_gained: list[tuple[int, str]] = field(default_factory=list)
    tags_lost: list[tuple[int, str]] = field(default_factory=list)
    names_gained: list[int] = field(default_factory=list)
    names_lost: list[list[Any]] = field(default_factory=list)
    """[id, source, kind, value, member]: given back under its id, by which an earlier batch knows it as gained."""
    consents: list[dict[str, Any]] = field(default_factory=list)
    shops: list[int] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    categories: list[int] = field(default_factory=list)
    completed: list[tuple[int, str, int | None, str, int | None]] = field(default_factory=list)
    """Products of which something became known: [id, name and category before, name and category after]."""

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    @property
    def member_ids(self) -> set[int]:
        """Whom the batch concerned, made or met."""
        return {*self.touched, *self.shells, *(pk for pk, _mark in self.members)}

    def orders_made(self, made: Iterable[tuple[int, Mapping[str, Any], Sequence[Any] | None]]) -> None:
        """This function will note (id, values, lines) of orders, in one loop without a call of ours: each order pays."""
        encode, note = PLAIN_ENCODER.encode, self.orders.append
        for pk, values, lines in made:
            pieces = amount = 0
            for line in lines or ():
                pieces += line.quantity
                amount += line.amount_minor
            instants = [instant and int(instant.timestamp()) for instant in instants_of(values)]
            sums = (len(lines) if lines else 0, pieces, amount)
            note((pk, crc32(encode((words_of(values), instants, sums)))))

    def order_changed(
        self,
        pk: int,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        *,
        lists: Mapping[str, list[Any]],
        lines: Iterable[tuple[int, int]] | None,
    ) -> None:
        """`lists` are the former lines and refunds where they were replaced; `lines` the new ones, None: not told."""
        former = {name: plain(value) for name, value in before.items() if after[name] != value}
        told = {"id": pk, "before": former, "mark": order_mark(after, lines), "told_lines": lines is not None}
        self.changed_orders.append({**told, **{name: [[*map(plain, row)] for row in rows] for name, rows in lists.items()}})

    def member_changed(self, pk: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        columns = {
            name: [plain(before[name]), plain(value)]
            for name, value in after.items()
            if name != "attributes" and before[name] != value
        }
        columns |= changed_attributes(before["attributes"], after["attributes"])
        if columns:
            self.changed_members.append((pk, columns))

    def encoded(self) -> str:
        told = {each.name: rows for each in fields(self) if (rows := getattr(self, each.name))}
        return msgspec.json.encode(told).decode()

    @classmethod
    def decoded(cls, text: str) -> Journal:
        known = {each.name for each in fields(cls)}
        return cls(**{name: rows for name, rows in msgspec.json.decode(text).items() if name in known})


def order_mark(values: Mapping[str, Any], lines: Iterable[tuple[int, int]] | None) -> int:
    """`lines` are (pieces, amount) of each; None leaves them out of account."""
    return order_mark_of(values, None if lines is None else line_sums(lines))


def order_mark_of(values: Mapping[str, Any], sums: tuple[int, int, int] | None) -> int:
    """The mark that `orders_made` makes too."""
    instants = [instant and int(instant.timestamp()) for instant in instants_of(values)]
    return crc32(PLAIN_ENCODER.encode((words_of(values), instants, sums)))


def member_mark(values: Mapping[str, Any]) -> int:
    added = (word for name in MEMBER_ADDED if values[name] for word in (name, values[name]))
    return mark((*(values[name] for name in MEMBER_MARKED), *added))


def changed_attributes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = sorted(before.keys() | after.keys())
    pairs = {name: [before.get(name), after.get(name)] for name in names}
    return {f"{ATTRIBUTE}{name}": pair for name, pair in pairs.items() if not same(*pair)}


def same(one: Any, other: Any) -> bool:
    """In Python 1 equals true; as attributes of a member they are two things."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def line_sums(lines: Iterable[tuple[int, int]]) -> tuple[int, int, int]:
    """How many lines, their pieces, their amounts."""
    count = pieces = amount = 0
    for pieces_of_line, amount_of_line in lines:
        count += 1
        pieces += pieces_of_line
        amount += amount_of_line
    return count, pieces, amount


def write_journal(*, source: Import, step: int, journal: Journal) -> None:
    """This function will keep a batch's journal, inside the batch's transaction; nothing where nothing was done."""
    if journal:
        ImportJournal.objects.create(source=source, step=step, entries=journal.encoded())
