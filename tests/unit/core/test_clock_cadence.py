from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from core.services.cadence import Cadence

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")

NIGHTLY = Cadence(daily_at=time(3))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


class TestEverySoManySeconds:
    def test_counts_from_the_instant(self):
        assert Cadence(every_seconds=60).next_after(utc(2026, 3, 1, 12, 0, 7), SHANGHAI) == utc(2026, 3, 1, 12, 1, 7)


class TestDaily:
    @pytest.mark.parametrize(
        ("instant", "expected"),
        [
            (utc(2026, 3, 1, 18, 59, 59), utc(2026, 3, 1, 19)),
            (utc(2026, 3, 1, 19), utc(2026, 3, 2, 19)),
            (utc(2026, 3, 1, 19, 0, 1), utc(2026, 3, 2, 19)),
        ],
    )
    def test_is_the_next_time_the_shop_s_clocks_show_the_hour(self, instant, expected):
        assert NIGHTLY.next_after(instant, SHANGHAI) == expected

    def test_that_is_skipped_comes_when_the_clocks_jump(self):
        # New York, 8 March 2026: 02:00 becomes 03:00, so 02:30 never shows.
        assert Cadence(daily_at=time(2, 30)).next_after(utc(2026, 3, 8, 0), NEW_YORK) == utc(2026, 3, 8, 7)
        assert Cadence(daily_at=time(2)).next_after(utc(2026, 3, 8, 0), NEW_YORK) == utc(2026, 3, 8, 7)

    def test_after_a_skipped_one_is_on_the_next_day(self):
        assert Cadence(daily_at=time(2, 30)).next_after(utc(2026, 3, 8, 7), NEW_YORK) == utc(2026, 3, 9, 6, 30)

    def test_that_shows_twice_comes_once(self):
        # New York, 1 November 2026: 01:30 shows at 05:30 and again at 06:30 UTC.
        half_past_one = Cadence(daily_at=time(1, 30))
        assert half_past_one.next_after(utc(2026, 11, 1, 0), NEW_YORK) == utc(2026, 11, 1, 5, 30)
        assert half_past_one.next_after(utc(2026, 11, 1, 5, 30), NEW_YORK) == utc(2026, 11, 2, 6, 30)

    def test_of_a_day_that_a_calendar_left_out_comes_when_the_clocks_jump(self):
        # Apia went from 29 to 31 December 2011 at midnight.
        assert NIGHTLY.next_after(utc(2011, 12, 29, 14), APIA) == utc(2011, 12, 30, 10)
        assert NIGHTLY.next_after(utc(2011, 12, 30, 10), APIA) == utc(2011, 12, 30, 13)

    def test_over_a_year_of_new_york_comes_every_day_once(self):
        instant, days = utc(2026, 1, 1), []
        for _day in range(365):
            instant = Cadence(daily_at=time(2, 30)).next_after(instant, NEW_YORK)
            days.append(instant.astimezone(NEW_YORK).date())
        assert len(set(days)) == 365


class TestWeekly:
    def test_comes_on_its_weekday_alone(self):
        monday = Cadence(daily_at=time(4), weekday=0)
        assert monday.next_after(utc(2026, 3, 1, 12), SHANGHAI) == utc(2026, 3, 1, 20)  # Monday 04:00 in Shanghai
        assert monday.next_after(utc(2026, 3, 1, 20), SHANGHAI) == utc(2026, 3, 8, 20)
