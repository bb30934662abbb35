"""Days as numbers: a shop day is the count of days since 1970-01-01 on the shop's own calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

EPOCH = date(1970, 1, 1)
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Instants outside are typing mistakes, and near the calendar's own ends arithmetic overflows."""


def within_calendar(instant: datetime) -> bool:
    """This function will say whether `instant` (aware) can be stored, shown in any zone and reckoned with."""
    return FIRST_YEAR <= instant.year <= LAST_YEAR


def day_number(instant: datetime, zone: tzinfo) -> int:
    """This function will return the shop day number on which `instant` (aware) falls in `zone`."""
    return (instant.astimezone(zone).date() - EPOCH).days


def hour_of_day(instant: datetime, zone: tzinfo) -> int | None:
    """This function will return the hour (0 to 23) on the wall clock of `zone`, or None at a day's very first moment.

    That moment is what a date without a time of day is read as: it tells nothing about the hour.
    """
    at = instant.astimezone(zone).time()
    return None if at == time.min else at.hour


def day_of(on: date) -> int:
    return (on - EPOCH).days


def date_of(day: int) -> date:
    return EPOCH + timedelta(days=day)


def start_of(day: int, zone: tzinfo) -> datetime:
    """This function will return the UTC instant at which shop day `day` begins."""
    return datetime.combine(date_of(day), time.min, tzinfo=zone).astimezone(UTC)


def instant_at(day: int, at: time, zone: tzinfo) -> datetime:
    """This function will return the UTC instant of the wall clock time `at` on shop day `day`."""
    return datetime.combine(date_of(day), at, tzinfo=zone).astimezone(UTC)
