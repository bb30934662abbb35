import datetime

import pytest

from rules.days import day_number
from tests.db.rules.given import LEAP_DAYS, TODAY, denied, leaf


class TestWindows:
    def days_that_match(self, rows, ask, operator, days):
        shifts = range(-4, 5)
        today = day_number(TODAY)
        rows.objects.bulk_create(rows(member_id=shift + 10, last_order_day=today + shift) for shift in shifts)
        return [member_id - 10 for member_id in ask(leaf("last_order_at", operator, days))]

    def test_within_last_days_holds_the_dates_that_end_with_today(self, rows, ask):
        assert self.days_that_match(rows, ask, "within_last_days", 3) == [-2, -1, 0]

    def test_within_next_days_holds_the_dates_that_begin_with_today(self, rows, ask):
        assert self.days_that_match(rows, ask, "within_next_days", 3) == [0, 1, 2]

    @pytest.mark.parametrize("operator", ["within_last_days", "within_next_days"])
    def test_one_day_is_today(self, rows, ask, operator):
        assert self.days_that_match(rows, ask, operator, 1) == [0]

    @pytest.mark.parametrize(
        ("operator", "shifts"),
        [
            ("before", [-4, -3, -2, -1]),
            ("<", [-4, -3, -2, -1]),
            ("after", [1, 2, 3, 4]),
            (">", [1, 2, 3, 4]),
            ("<=", [-4, -3, -2, -1, 0]),
            (">=", [0, 1, 2, 3, 4]),
            ("=", [0]),
            ("!=", [-4, -3, -2, -1, 1, 2, 3, 4]),
        ],
    )
    def test_dates_are_compared_as_calendar_days(self, rows, ask, operator, shifts):
        assert self.days_that_match(rows, ask, operator, "2026-05-10") == shifts

    def test_between_includes_both_ends(self, rows, ask):
        assert self.days_that_match(rows, ask, "between", ["2026-05-09", "2026-05-11"]) == [-1, 0, 1]


class TestBirthdays:
    """The traps of other engines: a day early, and members born on February 29 left out."""

    @pytest.fixture(autouse=True)
    def _birthdays(self, add):
        for month_day in (101, 227, 228, 229, 301, 302, 1231):
            add(month_day, birth_month_day=month_day)

    def today(self, ask, as_of, **options):
        return ask(leaf("birth_date", "is_anniversary_within_days", 1), as_of=as_of, **options)

    def test_fall_on_their_own_day_not_a_day_early(self, ask):
        assert self.today(ask, datetime.date(2026, 2, 26)) == []
        assert self.today(ask, datetime.date(2026, 2, 27)) == [227]
        assert self.today(ask, datetime.date(2026, 3, 2)) == [302]

    def test_of_february_29_are_kept_in_common_years_on_the_28th(self, ask):
        assert self.today(ask, datetime.date(2026, 2, 28)) == [228, 229]
        assert self.today(ask, datetime.date(2026, 3, 1)) == [301]

    def test_of_february_29_are_kept_in_common_years_on_march_1_if_so_chosen(self, ask):
        assert self.today(ask, datetime.date(2026, 2, 28), leap_day="mar1") == [228]
        assert self.today(ask, datetime.date(2026, 3, 1), leap_day="mar1") == [229, 301]

    @pytest.mark.parametrize("leap_day", LEAP_DAYS)
    def test_of_february_29_are_kept_on_the_day_in_leap_years(self, ask, leap_day):
        assert self.today(ask, datetime.date(2028, 2, 28), leap_day=leap_day) == [228]
        assert self.today(ask, datetime.date(2028, 2, 29), leap_day=leap_day) == [229]
        assert self.today(ask, datetime.date(2028, 3, 1), leap_day=leap_day) == [301]

    def test_are_found_over_new_year(self, ask):
        week = leaf("birth_date", "is_anniversary_within_days", 7)
        assert ask(week, as_of=datetime.date(2026, 12, 28)) == [101, 1231]
        assert ask(week, as_of=datetime.date(2026, 12, 25)) == [1231]

    def test_are_all_found_within_a_year(self, ask):
        year = leaf("birth_date", "is_anniversary_within_days", 366)
        assert ask(year) == [101, 227, 228, 229, 301, 302, 1231]
        assert ask(denied(year)) == []
