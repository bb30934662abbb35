import datetime

import pytest

from rules.days import anniversary_ranges, date_of, day_number


def ranges(first, days, leap_day="feb28"):
    return anniversary_ranges(day_number(datetime.date.fromisoformat(first)), days, leap_day)


class TestDayNumber:
    def test_counts_from_1970(self):
        assert day_number(datetime.date(1970, 1, 1)) == 0
        assert day_number(datetime.date(2026, 1, 1)) == 20_454
        assert day_number(datetime.date(1969, 12, 31)) == -1

    def test_is_undone_by_date_of(self):
        assert date_of(day_number(datetime.date(2024, 2, 29))) == datetime.date(2024, 2, 29)


class TestAnniversaryRanges:
    def test_begin_with_the_first_day_itself(self):
        assert ranges("2026-05-10", 1) == [(510, 510)]
        assert ranges("2026-05-10", 3) == [(510, 512)]

    def test_pass_the_end_of_a_month(self):
        assert ranges("2026-04-30", 2) == [(430, 501)]

    def test_split_at_new_year(self):
        assert ranges("2026-12-30", 4) == [(101, 102), (1230, 1231)]

    @pytest.mark.parametrize(("first", "leap_day"), [("2026-02-28", "feb28"), ("2026-03-01", "mar1")])
    def test_celebrate_the_29th_of_february_on_its_stand_in_in_a_common_year(self, first, leap_day):
        month_day = int(first[5:7]) * 100 + int(first[8:])
        assert ranges(first, 1, leap_day) == [(min(month_day, 229), max(month_day, 229))]

    @pytest.mark.parametrize(("first", "leap_day"), [("2026-03-01", "feb28"), ("2026-02-28", "mar1")])
    def test_do_not_celebrate_it_on_the_other_day(self, first, leap_day):
        month_day = int(first[5:7]) * 100 + int(first[8:])
        assert ranges(first, 1, leap_day) == [(month_day, month_day)]

    @pytest.mark.parametrize("leap_day", ["feb28", "mar1"])
    def test_celebrate_it_on_its_own_day_in_a_leap_year(self, leap_day):
        assert ranges("2024-02-28", 1, leap_day) == [(228, 228)]
        assert ranges("2024-02-29", 1, leap_day) == [(229, 229)]
        assert ranges("2024-03-01", 1, leap_day) == [(301, 301)]

    @pytest.mark.parametrize("leap_day", ["feb28", "mar1"])
    def test_include_it_in_a_window_over_both_days(self, leap_day):
        assert ranges("2026-02-20", 20, leap_day) == [(220, 311)]

    def test_cover_everybody_in_a_year(self):
        assert ranges("2026-06-01", 365) == [(101, 1231)]
        assert ranges("2024-01-01", 366) == [(101, 1231)]
