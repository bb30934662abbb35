from __future__ import annotations

from datetime import timedelta

import pytest

from core.registry import Amount
from retention.models import DaySnapshot, Segment, SegmentSize
from retention.reports.base import Asked
from retention.reports.morning import Morning
from retention.selectors.overview import Overview, overview
from retention.selectors.trends import latest_snapshot, moves, trends
from retention.services.refresh import refresh
from retention.services.snapshots import STALE_AFTER, keep_snapshot
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order

pytestmark = pytest.mark.django_db


def kept(day: int, **figures: int | list[int | None]) -> DaySnapshot:
    return DaySnapshot.objects.create(
        day=day,
        as_of=NOW,
        run_id=0,
        standing=Overview(0, 0, 0, 0, 0, {}, {}).as_json(),
        figures={code: value if isinstance(value, list) else [value, None] for code, value in figures.items()},
        kept_at=NOW,
    )


def segment_of(slug: str, yesterday: int, today: int) -> None:
    segment = Segment.objects.create(slug=slug, name=slug.title(), word=0, bit=0, created_at=NOW)
    for day, members in ((TODAY_NUMBER - 1, yesterday), (TODAY_NUMBER, today)):
        SegmentSize.objects.create(segment=segment, day=day, members=members)


class TestKeeping:
    def test_keeps_one_row_a_day_with_what_one_scan_and_the_other_apps_say(self) -> None:
        buyer = make_member()
        for days in (3, 40):
            make_order(buyer, placed_at=NOW - timedelta(days=days), total_minor=7_000)
        make_member()
        refresh(as_of=NOW)
        keep_snapshot(now=NOW)
        [snapshot] = DaySnapshot.objects.all()
        assert Overview.from_json(snapshot.standing) == overview()
        figures = snapshot.figures
        assert (figures["members"], figures["active"]) == ([2, None], [1, None])
        assert (figures["repurchase"], figures["revenue_30d"]) == ([1, 1], [7_000, None])
        assert (figures["messages_sent"], figures["points_liability"]) == ([0, None], [0, None])

    def test_does_nothing_until_a_refresh_or_an_hour_has_passed(self) -> None:
        make_member()
        refresh(as_of=NOW)
        counted = [keep_snapshot(now=NOW + wait)["kept"] > 0 for wait in (timedelta(0), STALE_AFTER / 2, STALE_AFTER)]
        assert counted == [True, False, True]
        make_order(make_member())
        refresh(as_of=NOW + timedelta(minutes=1))
        assert keep_snapshot(now=NOW + STALE_AFTER)["kept"] > 0
        assert [snapshot.figures["members"] for snapshot in DaySnapshot.objects.all()] == [[2, None]]

    def test_has_nothing_to_keep_before_the_first_refresh(self) -> None:
        assert keep_snapshot(now=NOW) == {"kept": 0}
        assert latest_snapshot() is None

    def test_counts_as_lost_lately_who_was_not_lost_thirty_days_ago(self) -> None:
        """Five orders ten days apart: the rhythm is 10 days, lost past 80. Lost since 81 days, and since 111."""
        for last in (81, 110, 111):
            member = make_member()
            for back in range(5):
                make_order(member, placed_at=NOW - timedelta(days=last + 10 * back))
        refresh(as_of=NOW)
        seen = overview()
        assert (seen.stages, seen.lost_lately) == ({"lost": 3}, 2)


class TestTrends:
    def test_compares_a_level_with_a_week_ago_and_gives_a_point_a_week(self) -> None:
        kept(TODAY_NUMBER - 49, active=60)
        kept(TODAY_NUMBER - 7, active=90)
        trend = trends(kept(TODAY_NUMBER, active=100))["active"]
        assert (trend.now, trend.week_ago) == (Amount(100), Amount(90))
        assert trend.points == (60.0, None, None, None, None, None, 90.0, 100.0)

    def test_shows_a_counter_by_its_growth(self) -> None:
        for back, sent in ((37, 10), (30, 40), (14, 70), (7, 90)):
            kept(TODAY_NUMBER - back, messages_sent=sent)
        trend = trends(kept(TODAY_NUMBER, messages_sent=100))["messages_sent"]
        assert (trend.now, trend.week_ago) == (Amount(60), Amount(80))
        assert trend.points[-3:] == (None, 20.0, 10.0)

    def test_gives_shares_as_parts_of_their_whole(self) -> None:
        kept(TODAY_NUMBER - 7, repurchase=[0, 0])
        assert trends(kept(TODAY_NUMBER, repurchase=[3, 4]))["repurchase"].points[-2:] == (None, 0.75)


class TestChanges:
    def test_names_the_largest_first_against_what_moves_anyway(self) -> None:
        segment_of("few", 4, 24)
        kept(TODAY_NUMBER - 1, members=10_000, at_risk=100, returned=5)
        found = moves(kept(TODAY_NUMBER, members=10_030, at_risk=90, returned=5))
        assert found is not None
        assert found.since_day == TODAY_NUMBER - 1
        assert [(change.name, change.before, change.now) for change in found.changes] == [
            ("Few", 4, 24),
            ("at risk", 100, 90),
            ("members", 10_000, 10_030),
        ]

    def test_say_a_stage_once_though_a_segment_says_it_too(self) -> None:
        segment_of("warned", 100, 90)
        kept(TODAY_NUMBER - 1, at_risk=100)
        found = moves(kept(TODAY_NUMBER, at_risk=90))
        assert found is not None
        assert [change.kind for change in found.changes] == ["figure"]

    def test_goes_back_to_the_last_kept_day_of_a_week_and_no_further(self) -> None:
        kept(TODAY_NUMBER - 8, members=1)
        today = kept(TODAY_NUMBER, members=2)
        assert moves(today) is None
        kept(TODAY_NUMBER - 7, members=1)
        found = moves(today)
        assert found is not None
        assert found.since_day == TODAY_NUMBER - 7


class TestMorning:
    def test_tells_each_kept_day_in_the_reports_units(self) -> None:
        kept(TODAY_NUMBER - 31, messages_sent=4)
        kept(TODAY_NUMBER - 1, active=9, repurchase=[1, 4], messages_sent=30)
        kept(TODAY_NUMBER, active=10, repurchase=[2, 4], messages_sent=40)
        counted = Morning().count(Asked(TODAY_NUMBER - 5, TODAY_NUMBER, TODAY_NUMBER, NOW))
        assert counted["days"] == [
            {"day": TODAY_NUMBER - 1, "values": {"active": 9, "repurchase": 0.25, "messages_sent": 26}},
            {
                "day": TODAY_NUMBER,
                "values": {"active": 10, "repurchase": 0.5, "messages_sent": None},
            },
        ]
        result = Morning().run(request=Asked(TODAY_NUMBER - 5, TODAY_NUMBER, TODAY_NUMBER, NOW))
        assert result.sentences == ["June 15, 2026: 10 active and not known at risk; June 14, 2026: 9 and not known."]

    def test_has_a_sentence_for_days_that_were_not_kept(self) -> None:
        [sentence] = Morning().run(request=Asked(0, 5, TODAY_NUMBER, NOW)).sentences
        assert sentence == "No day of this period was kept: the first is kept after the next refresh."
