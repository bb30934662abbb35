"""The shapes of incoming rows, compiled: one struct an item, one annotation a key.

A key left out (UNSET) means «leave it as it is», null clears an optional value, a list that is given replaces the old one.
Types are checked here, by compiled code; what a value must be beyond its type is checked in `normalise`.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from members.models import Gender, OrderStatus, RefundReason

MOST_MINOR = 10**12
"""The largest amount in minor units: ten thousand million of the currency, far above any order and far below 64 bits."""

MOST_POINTS = 10**9
MOST_QUANTITY = 10**9
MOST_LINES = 5_000
MOST_REFUNDS = 1_000
MOST_WORDS = 100
"""Tags, attributes or identifiers of one member."""

Amount: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_MINOR)]
Refunded: TypeAlias = Annotated[int, Meta(gt=0, le=MOST_MINOR)]
Points: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_POINTS)]
Quantity: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_QUANTITY)]

Instant: TypeAlias = Any
"""ISO 8601 text, or a datetime from our own code. Read in `normalise`: the compiled reader refuses bare dates."""

Text: TypeAlias = str | UnsetType | None


class Calendar(Enum):
    """By which calendar a birth date is told; left out it is the solar one."""

    SOLAR = "solar"
    LUNAR = "lunar"
    LUNAR_LEAP = "lunar_leap"


class IdentifierItem(Struct, forbid_unknown_fields=True, frozen=True):
    source: str
    kind: str
    value: str


class ConsentWord(Struct, forbid_unknown_fields=True, frozen=True):
    """A word with its proof: how we know, when the member said it, which text was agreed to."""

    granted: bool
    at: Instant = UNSET
    proof: Text = UNSET
    text_version: Text = UNSET


class PurposesItem(Struct, forbid_unknown_fields=True, frozen=True):
    """A channel's words by purpose."""

    marketing: bool | ConsentWord | UnsetType = UNSET
    service: bool | ConsentWord | UnsetType = UNSET


class ConsentsItem(Struct, forbid_unknown_fields=True, frozen=True):
    """A bare true or false is about marketing."""

    sms: bool | PurposesItem | UnsetType = UNSET
    email: bool | PurposesItem | UnsetType = UNSET


class MemberItem(Struct, forbid_unknown_fields=True, frozen=True):
    external_id: str
    name: Text = UNSET
    gender: Gender | UnsetType | None = UNSET
    birth_date: Text = UNSET
    birth_calendar: Calendar | UnsetType | None = UNSET
    phone: Text = UNSET
    email: Text = UNSET
    city: Text = UNSET
    province: Text = UNSET
    registered_at: Instant = UNSET
    source: Text = UNSET
    time_zone: Text = UNSET
    language: Text = UNSET
    occupation: Text = UNSET
    family: Text = UNSET
    hobbies: Annotated[list[str], Meta(max_length=MOST_WORDS)] | UnsetType | None = UNSET
    referrer: Text = UNSET
    attributes: Annotated[dict[str, str | int | float | bool | None], Meta(max_length=MOST_WORDS)] | UnsetType | None = UNSET
    tags: Annotated[list[str], Meta(max_length=MOST_WORDS)] | UnsetType | None = UNSET
    identifiers: Annotated[list[IdentifierItem], Meta(max_length=MOST_WORDS)] | UnsetType | None = UNSET
    consents: ConsentsItem | UnsetType = UNSET
    consent_at: Instant = UNSET
    consent_proof: Text = UNSET
    consent_text_version: Text = UNSET


class LineItem(Struct, forbid_unknown_fields=True, frozen=True):
    """`name` is the product's display name; `amount_minor` is what the line brought in (absent: quantity x unit price)."""

    product: str
    quantity: Quantity
    unit_price_minor: Amount
    sku: str | None = None
    category: str | None = None
    name: str | None = None
    amount_minor: Amount | None = None


class RefundItem(Struct, forbid_unknown_fields=True, frozen=True):
    amount_minor: Refunded
    reason: RefundReason
    at: Instant


class OrderItem(Struct, forbid_unknown_fields=True, frozen=True):
    external_id: str
    member: str
    placed_at: Instant
    status: OrderStatus
    total_minor: Amount
    shop: Text = UNSET
    currency: Text = UNSET
    discount_minor: Amount | UnsetType | None = UNSET
    paid_minor: Amount | UnsetType | None = UNSET
    points_used: Points | UnsetType | None = UNSET
    payment_method: Text = UNSET
    channel: Text = UNSET
    coupon_code: Text = UNSET
    paid_at: Instant = UNSET
    shipped_at: Instant = UNSET
    delivered_at: Instant = UNSET
    completed_at: Instant = UNSET
    city: Text = UNSET
    province: Text = UNSET
    remark: Text = UNSET
    lines: Annotated[list[LineItem], Meta(max_length=MOST_LINES)] | UnsetType | None = UNSET
    refunds: Annotated[list[RefundItem], Meta(max_length=MOST_REFUNDS)] | UnsetType | None = UNSET
