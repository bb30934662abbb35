import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.days import anniversary_ranges, day_number

BIRTHDAYS = [datetime.date(2000, 1, 1) + datetime.timedelta(days=n) for n in range(366)]
DATES = st.dates(min_value=datetime.date(1890, 1, 1), max_value=datetime.date(2110, 1, 1))


def party(born, year, leap_day):
    if (born.month, born.day) != (2, 29):
        return born.replace(year=year)
    try:
        return born.replace(year=year)
    except ValueError:
        return datetime.date(year, 2, 28) if leap_day == "feb28" else datetime.date(year, 3, 1)


class TestAnniversaryRanges:
    @settings(max_examples=300, deadline=None)
    @given(DATES, st.integers(1, 366), st.sampled_from(["feb28", "mar1"]))
    def test_hold_just_those_who_celebrate_in_the_window(self, first, days, leap_day):
        last = first + datetime.timedelta(days=days - 1)
        ranges = anniversary_ranges(day_number(first), days, leap_day)
        assert 1 <= len(ranges) <= 2
        for born in BIRTHDAYS:
            month_day = born.month * 100 + born.day
            celebrates = any(first <= party(born, year, leap_day) <= last for year in range(first.year, last.year + 1))
            assert any(low <= month_day <= high for low, high in ranges) is celebrates
