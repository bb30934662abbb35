"""Instants in documents that people write: with an offset, within the years that can be reckoned with."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from core.conf import shop_zone
from core.periods import FIRST_YEAR, LAST_YEAR, day_of, start_of

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
OUT_OF_CALENDAR = format_lazy(_("Give a time between the years {first} and {last}."), first=FIRST_YEAR, last=LAST_YEAR)


def whole_day(value: object, *, ends: bool = False) -> object:
    """This function will read a date alone (2026-01-31) as the shop's day: its first moment or, where it `ends` something,
    the first after it. Anything else stays what it is, for its reader to judge."""
    try:
        on = date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-01-31") else None
    except ValueError:
        on = None
    if on is None or not FIRST_YEAR <= on.year <= LAST_YEAR:
        return value
    return start_of(day_of(on) + ends, shop_zone()).isoformat()
