"""The shape of an incoming event, compiled. Its kind is text here, so that `events` can say why a known one is refused."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from members.ingest.contracts import Instant, Text

LONGEST_SECONDS = 10**9
"""Thirty years: beyond any visit and any answer that was waited for."""

LARGEST_VALUE = 10**15
"""Whole numbers up to here are exact in floating point."""

MOST_PROPERTIES = 50

Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=LONGEST_SECONDS)]
Rating: TypeAlias = Annotated[int, Meta(ge=1, le=5)]
Value: TypeAlias = Annotated[float, Meta(ge=-LARGEST_VALUE, le=LARGEST_VALUE)]


class EventItem(Struct, forbid_unknown_fields=True, frozen=True):
    """An event is written once: a key left out and null say the same, nothing."""

    id: str
    member: str
    kind: str
    at: Instant
    session_id: Text = UNSET
    page: Text = UNSET
    dwell_seconds: Seconds | UnsetType | None = UNSET
    product: Text = UNSET
    category: Text = UNSET
    keyword: Text = UNSET
    rating: Rating | UnsetType | None = UNSET
    topic: Text = UNSET
    response_seconds: Seconds | UnsetType | None = UNSET
    value: Value | UnsetType | None = UNSET
    properties: (
        Annotated[dict[str, str | int | float | bool | None], Meta(max_length=MOST_PROPERTIES)] | UnsetType | None
    ) = UNSET
