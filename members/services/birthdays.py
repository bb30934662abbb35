"""Whose birthday a date is: by the solar calendar with the shop's word on 29 February, and by the lunar one."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from datetime import date

from django.db.models import Q

from core.lunar import lunar_birthdays
from members.models import BirthCalendar, LeapDay

LEAP_KEY = 229


def birthdays_on(on: date, leap_day: LeapDay) -> Iterator[tuple[int, Q]]:
    """This function will yield the year that birthdays kept on the date `on` belong to, and which members have them: by the
    solar calendar and by the lunar one. A lunar birthday that falls after New Year belongs to the lunar year that ends, so
    that there is one in each.
    """
    yield on.year, Q(birth_calendar="", birth_key__in=birth_keys(on, leap_day))
    lunar = lunar_birthdays(on)
    for calendar, keys in ((BirthCalendar.LUNAR, lunar.plain), (BirthCalendar.LUNAR_LEAP, lunar.leap)):
        if keys:
            yield lunar.year, Q(birth_calendar=calendar, birth_key__in=sorted(keys))


def birth_keys(on: date, leap_day: LeapDay) -> tuple[int, ...]:
    """This function will return the solar birthdays (month * 100 + day) that are kept on the date `on`."""
    own = on.month * 100 + on.day
    if leap_day is LeapDay.LEAP_YEARS:
        return (own,)
    stands_in = (2, 28) if leap_day is LeapDay.FEB_28 else (3, 1)
    if not isleap(on.year) and (on.month, on.day) == stands_in:
        return (own, LEAP_KEY)
    return (own,)


def possible_keys(on: date, leap_day: LeapDay) -> set[int]:
    """This function will return the keys of all birthdays kept on `on`, of whatever calendar: what an index is asked."""
    lunar = lunar_birthdays(on)
    return {*birth_keys(on, leap_day), *lunar.plain, *lunar.leap}
