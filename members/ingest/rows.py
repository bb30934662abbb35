"""What an item says, cleaned: the columns it states, by name, and the lists it brings. Still no database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from msgspec import UNSET, UnsetType

from core.errors import FieldProblem
from core.periods import day_number, hour_of_day
from members.ingest.contracts import (
    MOST_MINOR,
    Calendar,
    ConsentsItem,
    ConsentWord,
    IdentifierItem,
    LineItem,
    MemberItem,
    OrderItem,
    RefundItem,
)
from members.ingest.normalise import (
    MEMBER_KEYS,
    ORDER_KEYS,
    Key,
    Refused,
    Surroundings,
    attribute,
    birthday,
    currency,
    identity,
    instant,
    shop_slug,
    trimmed,
)
from members.ingest.result import RejectedRow
from members.models import Channel, Purpose
from members.services.consents import Stated

NEVER_NULL = frozenset({"placed_at"})
"""Required keys whose type alone lets null through."""


class Identifies(NamedTuple):
    source: str
    kind: str
    value: str


class Line(NamedTuple):
    """An order line as it is compared and stored, with the product still by its code."""

    product: str
    sku: str
    quantity: int
    unit_price_minor: int
    amount_minor: int


class RefundGiven(NamedTuple):
    amount_minor: int
    reason: str
    refunded_at: datetime


class ProductStated(NamedTuple):
    """What the orders tell about a product; empty is «not told»."""

    name: str
    category: str


@dataclass(slots=True)
class MemberRow:
    index: int
    external_id: str
    stated: dict[str, Any]
    attributes: dict[str, Any] | UnsetType | None
    tags: tuple[str, ...] | UnsetType
    identifiers: tuple[Identifies, ...] | UnsetType
    consents: tuple[Stated, ...]
    adds_only: bool = False
    """The row names a merged id: it fills what is not known of the member who answers for it, and replaces nothing."""


@dataclass(slots=True)
class OrderRow:
    index: int
    shop: str
    external_id: str
    member: str
    stated: dict[str, Any]
    lines: list[Line] | None
    products: dict[str, ProductStated]
    refunds: list[RefundGiven] | None


class Reader:
    """Cleans the values of one row and keeps what was refused, so that all of a row's problems are told at once."""

    def __init__(self, given: Surroundings) -> None:
        self.given = given
        self.problems: list[FieldProblem] = []

    def take(self, path: str, clean: Callable[..., Any], *arguments: Any) -> Any:
        """This function will return the cleaned value, or note why there is none."""
        try:
            return clean(*arguments)
        except Refused as refused:
            self.problems.append(refused.at(path))
            return None

    def stated(self, item: Any, keys: tuple[Key, ...]) -> dict[str, Any]:
        """This function will return the columns that `item` states; null is the column's empty value."""
        columns = {}
        for key in keys:
            value = getattr(item, key.name)
            if value is UNSET:
                continue
            if value is not None:
                try:
                    columns[key.column] = key.clean(value, self.given)
                except Refused as refused:
                    self.problems.append(refused.at(key.name))
            elif key.name in NEVER_NULL:
                self.problems.append(FieldProblem(key.name, "required", _("This is required.")))
            else:
                columns[key.column] = key.empty
        return columns


# --- Members


def member_row(index: int, item: MemberItem, given: Surroundings) -> MemberRow | RejectedRow:
    """This function will clean one member item, or tell everything that is wrong with it."""
    reader = Reader(given)
    stated = reader.stated(item, MEMBER_KEYS)
    _take_birthday(reader, item, stated)
    if "registered_at" in stated:
        registered_at = stated["registered_at"]
        stated["registered_day"] = None if registered_at is None else day_number(registered_at, given.zone)
    row = MemberRow(
        index=index,
        external_id=reader.take("external_id", identity, item.external_id),
        stated=stated,
        attributes=_attributes(reader, item.attributes),
        tags=_tags(reader, item.tags),
        identifiers=_identifiers(reader, item.identifiers),
        consents=() if item.consents is UNSET else _consents(reader, item.consents, item),
    )
    return RejectedRow(index, tuple(reader.problems)) if reader.problems else row


def _take_birthday(reader: Reader, item: MemberItem, stated: dict[str, Any]) -> None:
    """Date and calendar are one thing: a date without a calendar is solar, a calendar without a date says nothing."""
    calendar = None if item.birth_calendar is UNSET else item.birth_calendar
    if item.birth_date is UNSET:
        if calendar is not None:
            message = _("A calendar comes with a birth date.")
            reader.problems.append(FieldProblem("birth_calendar", "birth_date_missing", message))
        return
    lunar = calendar is not None and calendar is not Calendar.SOLAR

    def read(value: str) -> tuple[int | None, int | None]:
        return birthday(value, reader.given, lunar=lunar)

    year, key = reader.take("birth_date", read, item.birth_date or "") or (None, None)
    stated["birth_year"], stated["birth_key"] = year, key
    stated["birth_calendar"] = calendar.value if lunar and calendar is not None and key is not None else ""


def _attributes(reader: Reader, given: dict[str, Any] | UnsetType | None) -> dict[str, Any] | UnsetType | None:
    if given is UNSET or given is None:
        return given
    pairs = [reader.take(f"attributes.{name[:60]}", attribute, name, value) for name, value in given.items()]
    return dict(pair for pair in pairs if pair is not None)


def _tags(reader: Reader, given: list[str] | UnsetType | None) -> tuple[str, ...] | UnsetType:
    if given is UNSET:
        return UNSET
    tags = [reader.take(f"tags[{place}]", identity, tag, 100) for place, tag in enumerate(given or [])]
    return tuple(sorted({tag for tag in tags if tag}))


def _identifiers(reader: Reader, given: list[IdentifierItem] | UnsetType | None) -> tuple[Identifies, ...] | UnsetType:
    if given is UNSET:
        return UNSET
    found = []
    for place, item in enumerate(given or []):
        path = f"identifiers[{place}]"
        found.append(
            Identifies(
                reader.take(f"{path}.source", identity, item.source, 100) or "",
                reader.take(f"{path}.kind", identity, item.kind, 40) or "",
                reader.take(f"{path}.value", identity, item.value) or "",
            )
        )
    return tuple(found)


LONGEST_PROOF = 300
CLOCKS_DIFFER = timedelta(minutes=5)
"""A consent said later than now would outlast every refusal until then."""


def _consents(reader: Reader, told: ConsentsItem, item: MemberItem) -> tuple[Stated, ...]:
    """Words by channel and purpose; what the item says about all of them stands where a word says nothing of its own."""
    found: list[Stated] = []
    for channel in Channel.values:
        of_channel = getattr(told, channel)
        if of_channel is UNSET:
            continue
        if isinstance(of_channel, bool):
            word = ConsentWord(of_channel)
            found.append(_stated(reader, channel, Purpose.MARKETING.value, word, item, f"consents.{channel}"))
            continue
        for purpose in Purpose.values:
            word = getattr(of_channel, purpose)
            if word is not UNSET:
                word = ConsentWord(word) if isinstance(word, bool) else word
                found.append(_stated(reader, channel, purpose, word, item, f"consents.{channel}.{purpose}"))
    return tuple(found)


def _stated(reader: Reader, channel: str, purpose: str, word: ConsentWord, item: MemberItem, path: str) -> Stated:
    at, where = (item.consent_at, "consent_at") if word.at is UNSET else (word.at, f"{path}.at")
    proof = item.consent_proof if word.proof is UNSET else word.proof
    text_version = item.consent_text_version if word.text_version is UNSET else word.text_version
    return Stated(
        channel,
        purpose,
        word.granted,
        None if at is UNSET or at is None or at == "" else reader.take(where, said_at, at, reader.given),
        reader.take(f"{path}.proof", trimmed, (proof or "") if proof is not UNSET else "", LONGEST_PROOF) or "",
        reader.take(f"{path}.text_version", trimmed, (text_version or "") if text_version is not UNSET else "", 100) or "",
    )


def said_at(value: Any, given: Surroundings) -> datetime:
    """This function will read when a member said something: never later than now, a clock's few minutes aside."""
    at = instant(value, given)
    if at > given.now + CLOCKS_DIFFER:
        raise Refused("in_the_future", _("A word on consent was said at the latest now."))
    return min(at, given.now)


# --- Orders


def order_row(index: int, item: OrderItem, given: Surroundings) -> OrderRow | RejectedRow:
    """This function will clean one order item, or tell everything that is wrong with it."""
    reader = Reader(given)
    stated = reader.stated(item, ORDER_KEYS)
    if "placed_at" in stated:
        stated["placed_day"] = day_number(stated["placed_at"], given.zone)
        stated["placed_hour"] = hour_of_day(stated["placed_at"], given.zone)
    if item.currency is not UNSET and item.currency is not None:
        reader.take("currency", currency, item.currency, given)
    shop = reader.take("shop", shop_slug, item.shop) if item.shop else given.shop
    products: dict[str, ProductStated] = {}
    lines = None if item.lines is UNSET else _lines(reader, item.lines or [], products)
    refunds = None if item.refunds is UNSET else _refunds(reader, item.refunds or [], item.total_minor)
    if refunds is not None:
        stated["refunded_minor"] = sum(refund.amount_minor for refund in refunds)
        stated["refund_count"] = len(refunds)
    external_id = reader.take("external_id", identity, item.external_id)
    member = reader.take("member", identity, item.member)
    if reader.problems:
        return RejectedRow(index, tuple(reader.problems))
    return OrderRow(index, shop, external_id, member, stated, lines, products, refunds)


def _lines(reader: Reader, items: list[LineItem], products: dict[str, ProductStated]) -> list[Line]:
    lines = []
    for place, item in enumerate(items):
        try:
            line, product = _line(item)
        except Refused:
            _tell_line(reader, f"lines[{place}]", item)
            continue
        lines.append(line)
        if line.product not in products or not products[line.product].category:
            products[line.product] = product
    return lines


# Lines say the same products again and again: what was read once is looked up, in a fifth of the time.
known_text = lru_cache(maxsize=50_000)(trimmed)
known_id = lru_cache(maxsize=50_000)(identity)


def _line(item: LineItem) -> tuple[Line, ProductStated]:
    amount = item.amount_minor
    if amount is None:
        amount = item.quantity * item.unit_price_minor
        if amount > MOST_MINOR:
            raise Refused("out_of_range", _("This must be at most %(limit)s.") % {"limit": MOST_MINOR})
    line = Line(
        known_id(item.product),
        known_text(item.sku, 200) if item.sku else "",
        item.quantity,
        item.unit_price_minor,
        amount,
    )
    return line, ProductStated(
        known_text(item.name, 300) if item.name else "", known_text(item.category, 200) if item.category else ""
    )


def _tell_line(reader: Reader, path: str, item: LineItem) -> None:
    """The slow way through a line that was refused: which of its keys, and why."""
    reader.take(f"{path}.product", identity, item.product)
    for name, longest in (("sku", 200), ("category", 200), ("name", 300)):
        reader.take(f"{path}.{name}", trimmed, getattr(item, name) or "", longest)
    if item.amount_minor is None and item.quantity * item.unit_price_minor > MOST_MINOR:
        message = _("Quantity times unit price must be at most %(limit)s.") % {"limit": MOST_MINOR}
        reader.problems.append(FieldProblem(f"{path}.unit_price_minor", "out_of_range", message))


def _refunds(reader: Reader, items: list[RefundItem], total_minor: int) -> list[RefundGiven]:
    refunds = []
    for place, item in enumerate(items):
        path = f"refunds[{place}].at"
        if item.at is None:
            reader.problems.append(FieldProblem(path, "required", _("This is required.")))
            continue
        at = reader.take(path, instant, item.at, reader.given)
        if at is not None:
            refunds.append(RefundGiven(item.amount_minor, str(item.reason.value), at))
    if sum(item.amount_minor for item in items) > total_minor:
        reader.problems.append(refunds_exceed_total())
    return refunds


def refunds_exceed_total() -> FieldProblem:
    return FieldProblem("refunds", "refunds_exceed_total", _("The refunds are more than the order's total."))
