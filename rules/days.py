"""Calendar days as numbers: days since 1970-01-01, as columns store them."""

import datetime
from typing import Literal, TypeAlias

LeapDay: TypeAlias = Literal["feb28", "mar1"]
"""When somebody born on February 29 celebrates in a common year."""

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_LEAP_YEAR = 2000  # has every month-day there is
_CALENDAR = tuple(
    day.month * 100 + day.day for day in (datetime.date(_LEAP_YEAR, 1, 1) + datetime.timedelta(days=n) for n in range(366))
)


def day_number(day: datetime.date) -> int:
    """This function will give the number of a day."""
    return day.toordinal() - _EPOCH


def date_of(number: int) -> datetime.date:
    """This function will give the day of a number."""
    return datetime.date.fromordinal(number + _EPOCH)


def anniversary_ranges(first_day: int, days: int, leap_day: LeapDay) -> list[tuple[int, int]]:
    """This function will give the month-days (MMDD) celebrated on `days` dates from `first_day` on, as ranges.

    Both ends of a range belong to it. Ranges count along the calendar of a leap year, so (228, 301) holds February 29:
    columns hold only month-days that exist, hence the numbers between 229 and 301 do no harm. At most two ranges, the
    second where the dates pass New Year.
    """
    celebrated = set()
    for number in range(first_day, first_day + min(days, 366)):
        celebrated |= _celebrated_on(date_of(number), leap_day)
    return _runs(celebrated)


def _celebrated_on(day: datetime.date, leap_day: LeapDay) -> set[int]:
    month_day = day.month * 100 + day.day
    stand_in = 228 if leap_day == "feb28" else 301
    if month_day == stand_in and not _is_leap(day.year):
        return {month_day, 229}
    return {month_day}


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _runs(month_days: set[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    previous_is_in = False
    for month_day in _CALENDAR:
        is_in = month_day in month_days
        if is_in:
            runs = [*runs[:-1], (runs[-1][0], month_day)] if previous_is_in else [*runs, (month_day, month_day)]
        previous_is_in = is_in
    return runs
