"""What other engines got wrong, each by the number it has in our list of traps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retention.models import Membership, RefreshRun, Segment
from retention.selectors import matching, preview
from retention.services.refresh import refresh
from retention.services.segments import change_rule, create_segment
from tests.factories import BUYERS, NOW, TODAY_NUMBER, make_member, make_order, shop_time

pytestmark = pytest.mark.django_db


def ids(rows: Any) -> set[int]:
    return {row["member_id"] for row in rows}


def statements_of_full_refresh() -> list[str]:
    """This function will count nothing that PostgreSQL's own looks at its tables decide."""
    refresh(as_of=NOW)
    with CaptureQueriesContext(connection) as captured:
        refresh(as_of=NOW, full=True)
    return [query["sql"] for query in captured if not query["sql"].startswith("ANALYZE")]


class TestTrap1WorkGrowsWithTheSegmentNotWithTheChange:
    def test_a_refresh_touches_the_changed_members_alone(self) -> None:
        members = [make_member() for _ in range(200)]
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        refresh(as_of=NOW)
        make_order(members[7])
        counts = refresh(as_of=NOW).counts
        assert (counts["due"], counts["facts_written"], counts["entered"], counts["left"]) == (1, 1, 1, 0)


class TestTrap3EverySegmentOfASegmentIsOneMoreQuery:
    def test_segments_in_segments_are_answered_by_one_scan(self) -> None:
        make_member()
        create_segment(slug="s0", name="S", rule=BUYERS, now=NOW)
        alone = statements_of_full_refresh()
        for number in range(1, 12):
            create_segment(slug=f"s{number}", name="S", rule={"in_segment": f"s{number - 1}"}, now=NOW)
        nested = statements_of_full_refresh()
        assert len(nested) == len(alone)
        assert sum("INSERT INTO mask_change" in sql for sql in nested) == 1


class TestTrap4EditingARuleDoesNotCancelTheWrongBuild:
    def test_a_changed_rule_is_followed_by_the_next_refresh(self) -> None:
        buyer, other = make_member(), make_member()
        make_order(buyer)
        segment = create_segment(slug="group", name="Group", rule=BUYERS, now=NOW)
        refresh(as_of=NOW)
        change_rule(segment=segment, rule={"everyone": True}, now=NOW)
        stale = Segment.objects.select_related("version", "evaluated_version").get()
        assert (stale.version.number, stale.evaluated_version.number) == (2, 1)
        refresh(as_of=NOW)
        fresh = Segment.objects.select_related("evaluated_version").get()
        assert (fresh.evaluated_version.number, fresh.member_count) == (2, 2)
        assert set(Membership.objects.values_list("member_id", flat=True)) == {buyer.pk, other.pk}


class TestTrap6ASegmentIsCalculatingForEver:
    def test_a_refresh_that_died_leaves_nothing_to_clear_up(self) -> None:
        RefreshRun.objects.create(kind="full", as_of=NOW, day=TODAY_NUMBER, started_at=NOW)
        make_member()
        assert refresh(as_of=NOW).kind == "full"


class TestTrap8TheCountIsNotWhoIsMeant:
    def test_count_sample_members_and_selection_are_one(self) -> None:
        for number in range(12):
            member = make_member(f"m{number:02}")
            if number % 3:
                make_order(member)
        segment = create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        refresh(as_of=NOW)
        segment.refresh_from_db()
        meant = ids(matching(rule=BUYERS))
        shown = preview(rule=BUYERS)
        assert segment.member_count == shown.count == len(meant) == 8
        assert set(Membership.objects.values_list("member_id", flat=True)) == meant


class TestTrap9WorkWhileNothingHappens:
    def test_a_quiet_minute_reads_eight_small_rows_and_writes_none(self, django_assert_max_num_queries: Any) -> None:
        make_order(make_member())
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        refresh(as_of=NOW)
        for minute in range(1, 4):
            with django_assert_max_num_queries(8) as queries:
                assert refresh(as_of=NOW + timedelta(minutes=minute)).kind == "nothing"
            assert all(query["sql"].startswith("SELECT") for query in queries.captured_queries)
        assert RefreshRun.objects.count() == 1


class TestTrap25DatesAreComparedInUtc:
    """The shop is in Shanghai: its 16 June begins at 16:00 UTC on the 15th."""

    EVE = datetime(2026, 6, 15, 15, 59, 59, tzinfo=UTC)
    MIDNIGHT = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)

    def test_a_birthday_begins_at_the_shops_midnight(self) -> None:
        member = make_member(birth_key=616)
        today = {"field": "birth_date", "operator": "is_anniversary_within_days", "value": 1}
        refresh(as_of=self.EVE)
        assert ids(matching(rule=today)) == set()
        refresh(as_of=self.MIDNIGHT)
        assert ids(matching(rule=today)) == {member.pk}

    def test_days_since_an_order_turn_at_the_shops_midnight(self) -> None:
        member = make_member()
        make_order(member, placed_at=self.EVE - timedelta(hours=1))
        yesterday = {"field": "days_since_last_order", "operator": "=", "value": 1}
        refresh(as_of=self.EVE)
        assert ids(matching(rule=yesterday)) == set()
        refresh(as_of=self.MIDNIGHT)
        assert ids(matching(rule=yesterday)) == {member.pk}

    def test_windows_hold_the_shops_dates(self) -> None:
        early, late = make_member(), make_member()
        make_order(early, placed_at=shop_time(TODAY_NUMBER - 29) - timedelta(hours=12, seconds=1))
        make_order(late, placed_at=shop_time(TODAY_NUMBER - 29) - timedelta(hours=12))
        refresh(as_of=self.EVE)
        assert ids(matching(rule={"field": "order_count_30d", "operator": "=", "value": 1})) == {late.pk}
