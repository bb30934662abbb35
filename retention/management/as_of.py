"""The argument `--as-of` of this app's commands."""

from __future__ import annotations

from datetime import datetime

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from core.conf import shop_zone
from core.periods import FIRST_YEAR, LAST_YEAR, day_of, start_of

HELP = "an instant, in the shop's zone if it names none, or a date, which means its last moment; default: now"


def instant_of(text: str | None) -> datetime:
    """This function will read an instant, or a date as the end of that shop day; nothing is now."""
    if text is None:
        return timezone.now()
    try:
        on, at = parse_date(text), parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--as-of {text}: {error}.") from error
    given = on or at
    if given is None:
        raise CommandError(
            f"--as-of {text}: give a date such as 2026-01-31 or an instant such as 2026-01-31T18:00:00+08:00."
        )
    if not FIRST_YEAR <= given.year <= LAST_YEAR:
        raise CommandError(f"--as-of {text}: give a time between the years {FIRST_YEAR} and {LAST_YEAR}.")
    if on is not None:
        return start_of(day_of(on) + 1, shop_zone()) - datetime.resolution
    assert at is not None
    return at if at.tzinfo is not None else at.replace(tzinfo=shop_zone())
