"""The Chinese lunar calendar: which birthdays by it are kept on a solar date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from lunar_python import LunarMonth, LunarYear, Solar

LONGEST_MONTH = 30
FIRST_YEAR, LAST_YEAR = 1900, 2100
"""Years of which the calendar is published and compared; the library computes others, which nobody can check."""


@dataclass(frozen=True, slots=True)
class LunarBirthdays:
    """`year` is the lunar year; `plain` and `leap` are month * 100 + day of those born in a month, and in a leap month."""

    year: int
    plain: frozenset[int]
    leap: frozenset[int]


@lru_cache(maxsize=1_000)
def lunar_birthdays(on: date) -> LunarBirthdays:
    """This function will return the lunar birthdays that are kept on the date `on`.

    In a leap month nobody born in the month itself has a birthday again. Who was born in a leap month has it there in years
    that have this leap month, in others in the month itself. Who was born on the 30th has it on the last day of a month that
    has 29. So everybody has one birthday a lunar year.
    """
    if not FIRST_YEAR < on.year < LAST_YEAR:
        return LunarBirthdays(on.year, frozenset(), frozenset())
    lunar = Solar.fromYmd(on.year, on.month, on.day).getLunar()
    year, signed_month, day = lunar.getYear(), lunar.getMonth(), lunar.getDay()
    month = abs(signed_month)
    days = {day} | ({LONGEST_MONTH} if _is_last(year, signed_month, day) else set())
    keys = frozenset(month * 100 + each for each in days)
    in_leap_month = signed_month < 0
    has_leap_twin = LunarYear.fromYear(year).getLeapMonth() == month
    return LunarBirthdays(
        year=year,
        plain=frozenset() if in_leap_month else keys,
        leap=keys if in_leap_month or not has_leap_twin else frozenset(),
    )


def _is_last(year: int, signed_month: int, day: int) -> bool:
    found = LunarMonth.fromYm(year, signed_month)
    return found is not None and day == found.getDayCount()
