"""Spans of one offset: where the zone's clock is changed, to the second, by Python's own rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from members.services.calendar import spans

FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def cut(name: str) -> list[tuple[str, int]]:
    return [(f"{span.first:%m-%d %H:%M:%S}", span.offset_seconds) for span in spans(ZoneInfo(name), FIRST, LAST)]


class TestSpans:
    @pytest.mark.parametrize(
        ("zone", "expected"),
        [
            ("Asia/Shanghai", [("01-01 00:00:00", 28_800)]),
            ("Asia/Kathmandu", [("01-01 00:00:00", 20_700)]),
            ("America/New_York", [("01-01 00:00:00", -18_000), ("03-09 07:00:00", -14_400), ("11-02 06:00:00", -18_000)]),
            ("Australia/Lord_Howe", [("01-01 00:00:00", 39_600), ("04-05 15:00:00", 37_800), ("10-04 15:30:00", 39_600)]),
        ],
    )
    def test_begin_where_the_clock_is_changed(self, zone: str, expected: list[tuple[str, int]]) -> None:
        assert cut(zone) == expected

    def test_leave_nothing_out_and_nothing_twice(self) -> None:
        found = [*spans(ZoneInfo("Europe/Paris"), FIRST + timedelta(microseconds=7), LAST)]
        assert [span.end for span in found[:-1]] == [span.first for span in found[1:]]
        assert (found[0].first <= FIRST, found[-1].end > LAST) == (True, True)

    def test_of_one_moment_is_one(self) -> None:
        moment = datetime(2025, 3, 9, 7, 0, tzinfo=UTC)
        assert [span.offset_seconds for span in spans(ZoneInfo("America/New_York"), moment, moment)] == [-14_400]

    def test_know_a_zone_that_skipped_a_whole_day(self) -> None:
        """Samoa went over the date line: after 29 December 2011 came the 31st."""
        first, last = datetime(2011, 12, 29, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC)
        found = [*spans(ZoneInfo("Pacific/Apia"), first, last)]
        assert [(span.first.isoformat(), span.offset_seconds) for span in found] == [
            ("2011-12-29T00:00:00+00:00", -36_000),
            ("2011-12-30T10:00:00+00:00", 50_400),
        ]
