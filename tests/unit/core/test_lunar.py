"""Lunar birthdays on solar dates, against the published calendar (Hong Kong Observatory's conversion tables)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.lunar import lunar_birthdays


@pytest.mark.parametrize(
    ("on", "year", "key"),
    [
        (date(2024, 2, 10), 2024, 101),
        (date(2025, 1, 29), 2025, 101),
        (date(2026, 2, 17), 2026, 101),
        (date(2025, 10, 6), 2025, 815),
        (date(2026, 9, 25), 2026, 815),
        (date(2026, 6, 19), 2026, 505),
    ],
)
def test_festivals_fall_on_their_dates(on: date, year: int, key: int) -> None:
    found = lunar_birthdays(on)
    assert (found.year, key in found.plain, key in found.leap) == (year, True, True)


def test_a_leap_month_is_kept_by_those_born_in_one_and_nobody_else() -> None:
    """2025 has a leap sixth month, from 25 July; its sixth month began on 25 June."""
    assert lunar_birthdays(date(2025, 6, 25)).plain == {601}
    assert lunar_birthdays(date(2025, 6, 25)).leap == set()
    assert lunar_birthdays(date(2025, 7, 25)).plain == set()
    assert lunar_birthdays(date(2025, 7, 25)).leap == {601}


def test_the_30th_is_kept_on_the_last_day_of_a_shorter_month() -> None:
    """The twelfth month of 2025 has 29 days, that of 2023 has 30."""
    assert lunar_birthdays(date(2026, 2, 16)).plain == {1229, 1230}
    assert lunar_birthdays(date(2024, 2, 9)).plain == {1230}
    assert lunar_birthdays(date(2024, 2, 8)).plain == {1229}


def test_everybody_has_one_birthday_a_lunar_year() -> None:
    days = [lunar_birthdays(date(2024, 2, 10) + timedelta(days=number)) for number in range(384 * 3)]
    for year in (2024, 2025):
        mine = [day for day in days if day.year == year]
        for keys in ([key for day in mine for key in day.plain], [key for day in mine for key in day.leap]):
            assert sorted(keys) == [month * 100 + day for month in range(1, 13) for day in range(1, 31)]


def test_years_that_nobody_publishes_have_none() -> None:
    assert (lunar_birthdays(date(1800, 1, 1)).plain, lunar_birthdays(date(9999, 12, 31)).leap) == (set(), set())
