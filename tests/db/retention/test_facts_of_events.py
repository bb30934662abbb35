from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.ingest import ingest_events
from members.models import DirtyMark, EventKind, Member, Order, OrderLine
from retention.features.events import BROWSING
from retention.models import MemberFacts
from retention.selectors import facts_rows, scores_rows
from retention.selectors.matching import matching
from retention.services.checks import facts_are_exact
from retention.services.refresh import refresh
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW, TODAY_NUMBER, make_event, make_line, make_member, make_order, mark_dirty, shop_time

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def fact(member: Member, name: str, *, as_of: datetime = NOW) -> Any:
    refresh(as_of=as_of)
    return getattr(MemberFacts.objects.get(member=member), name)


def ago(days: int, at: time = time(12)) -> datetime:
    return shop_time(TODAY_NUMBER - days, at)


class TestTheLastVisit:
    @pytest.mark.parametrize("kind", list(EventKind))
    def test_is_whatever_one_does_in_the_shop(self, kind: EventKind) -> None:
        member = make_member()
        make_event(member, kind, occurred_at=ago(3))
        assert fact(member, "last_visit_day") == (TODAY_NUMBER - 3 if kind in BROWSING else None)

    def test_is_the_latest_and_none_that_is_yet_to_come(self) -> None:
        member = make_member()
        for when in (ago(400), ago(9), NOW + timedelta(hours=1)):
            make_event(member, "view", occurred_at=when)
        assert fact(member, "last_visit_day") == TODAY_NUMBER - 9
        assert refresh(as_of=NOW + timedelta(minutes=59)).kind == "nothing"
        assert fact(member, "last_visit_day", as_of=NOW + timedelta(hours=1)) == TODAY_NUMBER

    def test_of_a_member_without_events_is_not_known(self) -> None:
        member = make_member()
        make_order(member)
        assert fact(member, "last_visit_day") is None


class TestACart:
    def left(self, member: Member) -> int:
        return int(fact(member, "carts_left_30d"))

    def test_is_left_when_nothing_follows(self) -> None:
        member = make_member()
        make_event(member, "cart_add", occurred_at=ago(0))
        assert self.left(member) == 1

    def test_is_one_a_day_however_much_is_put_into_it(self) -> None:
        member = make_member()
        for at in (time(0), time(12), time(23, 59)):
            make_event(member, "cart_add", occurred_at=ago(5, at))
        make_event(member, "cart_remove", occurred_at=ago(5))
        make_event(member, "cart_add", occurred_at=ago(9))
        assert self.left(member) == 2

    @pytest.mark.parametrize(("later", "left"), [(-1, 1), (0, 0), (1, 0), (2, 1)])
    def test_is_not_left_when_a_checkout_or_an_order_follows_on_the_same_or_the_next_day(
        self, later: int, left: int
    ) -> None:
        ordering, checking = make_member(), make_member()
        for member in (ordering, checking):
            make_event(member, "cart_add", occurred_at=ago(10))
        make_order(ordering, placed_at=ago(10 - later, time(0)))
        make_event(checking, "checkout", occurred_at=ago(10 - later, time(0)))
        assert (self.left(ordering), self.left(checking)) == (left, left)

    def test_is_left_in_spite_of_a_cancelled_order_and_of_what_others_order(self) -> None:
        member, other = make_member(), make_member()
        make_event(member, "cart_add", occurred_at=ago(4))
        make_order(member, placed_at=ago(4), status="cancelled")
        make_order(other, placed_at=ago(4))
        make_event(other, "checkout", occurred_at=ago(4))
        assert self.left(member) == 1

    def test_is_counted_anew_when_its_order_comes_or_goes(self) -> None:
        member = make_member()
        make_event(member, "cart_add", occurred_at=ago(4))
        assert self.left(member) == 1
        order = make_order(member, placed_at=ago(3))
        assert self.left(member) == 0
        Order.objects.filter(pk=order.pk).update(status="cancelled")
        mark_dirty(member)
        assert self.left(member) == 1

    def test_is_forgotten_after_30_days(self) -> None:
        member = make_member()
        make_event(member, "cart_add", occurred_at=ago(29))
        make_event(member, "cart_add", occurred_at=ago(30))
        assert self.left(member) == 1


class TestComplaintsAndRatings:
    def test_complaints_are_those_of_90_days(self) -> None:
        member = make_member()
        for days in (0, 0, 89, 90):
            make_event(member, "complaint", occurred_at=ago(days))
        make_event(member, "service")
        assert fact(member, "complaint_count_90d") == 3

    def test_ratings_are_averaged_over_all_time_and_kinds(self) -> None:
        member, silent = make_member(), make_member()
        for kind, rating in (("review", 5), ("survey", 4), ("service", 2), ("review", None)):
            make_event(member, kind, rating=rating, occurred_at=ago(500))
        refresh(as_of=NOW)
        rows = facts_rows([member.pk, silent.pk])
        assert rows[member.pk]["average_rating"] == pytest.approx(11 / 3)
        assert rows[silent.pk]["average_rating"] is None


class TestPreferences:
    def test_are_those_of_most_orders(self) -> None:
        member = make_member()
        for hour, channel in ((9, "app"), (21, "web"), (21, "app")):
            make_order(member, placed_at=ago(hour, time(hour, 30)), channel=channel)
        refresh(as_of=NOW)
        facts = MemberFacts.objects.get(member=member)
        assert (facts.preferred_hour, facts.preferred_channel) == (21, "app")

    def test_are_the_first_of_equals(self) -> None:
        member = make_member()
        for hour, channel in ((23, "web"), (0, "app"), (10, "Web"), (9, "淘宝")):
            make_order(member, placed_at=ago(2, time(hour, 1)), channel=channel)
        refresh(as_of=NOW)
        facts = MemberFacts.objects.get(member=member)
        assert (facts.preferred_hour, facts.preferred_channel) == (0, "Web")

    def test_are_not_known_from_dates_without_a_time_and_orders_without_a_channel(self) -> None:
        member = make_member()
        make_order(member, placed_at=ago(2, time(0)))
        make_order(member, placed_at=ago(2, time(15)), channel="app", status="cancelled")
        refresh(as_of=NOW)
        facts = MemberFacts.objects.get(member=member)
        assert (facts.preferred_hour, facts.preferred_channel) == (None, None)

    def test_name_the_category_of_most_lines_of_orders_that_count(self) -> None:
        member, other = make_member(), make_member()
        make_line(make_order(member, placed_at=ago(400)), "pot", "Pots")
        order = make_order(member, placed_at=ago(2))
        for code, category in (("green", "tea"), ("cup", "Cups"), ("gift", ""), ("card", ""), ("bag", "")):
            make_line(order, code, category)
        make_line(make_order(member, status="cancelled"), "green", "tea")
        make_line(make_order(member, placed_at=NOW + DAY), "green", "tea")
        make_line(make_order(other), "gift", "")
        refresh(as_of=NOW)
        favourites = [MemberFacts.objects.get(member=each).favourite_category for each in (member, other)]
        assert favourites == ["Cups", None]
        refresh(as_of=NOW + DAY)
        assert facts_rows([member.pk])[member.pk]["favourite_category"] == "tea"
        assert_facts_are_exact(NOW + DAY)

    def test_name_the_category_without_reading_lines_again_when_only_time_has_passed(self) -> None:
        member = make_member()
        make_line(make_order(member, placed_at=ago(29)), "green", "tea")
        make_line(make_order(member, placed_at=ago(2)), "green", "tea")
        refresh(as_of=NOW)
        OrderLine.objects.all().delete()
        refresh(as_of=NOW + DAY)
        facts = MemberFacts.objects.get(member=member)
        assert (facts.order_count_30d, facts.favourite_category) == (1, "tea")
        mark_dirty(member)
        assert fact(member, "favourite_category", as_of=NOW + DAY) is None

    def test_weigh_many_orders_against_one(self) -> None:
        member = make_member()
        for number in range(11):
            make_order(member, placed_at=ago(number, time(22)), channel="z")
        make_order(member, placed_at=ago(40, time(1)), channel="a")
        refresh(as_of=NOW)
        facts = MemberFacts.objects.get(member=member)
        assert (facts.preferred_hour, facts.preferred_channel) == (22, "z")


class TestWindowsOfEvents:
    @pytest.mark.parametrize(("kind", "days"), [("cart_add", 30), ("complaint", 90)])
    def test_are_left_with_the_new_day(self, kind: str, days: int) -> None:
        leaving, staying = make_member(), make_member()
        make_event(leaving, kind, occurred_at=ago(days - 1, time(23, 59, 59)))
        make_event(staying, kind, occurred_at=ago(days - 2, time(0)))
        refresh(as_of=NOW)
        report = refresh(as_of=NOW + DAY)
        assert (report.kind, report.counts["due"]) == ("day", 1)
        assert_facts_are_exact(NOW + DAY)

    @pytest.mark.parametrize("kind", ["view", "search", "review", "checkout"])
    def test_are_none_of_other_kinds(self, kind: str) -> None:
        for days in (29, 89):
            make_event(make_member(), kind, occurred_at=ago(days))
        refresh(as_of=NOW)
        assert refresh(as_of=NOW + DAY).counts["due"] == 0

    @pytest.mark.parametrize("days", [1, 2, 31, 95])
    def test_are_exact_after_days_without_a_refresh(self, days: int) -> None:
        kinds = ("cart_add", "complaint", "checkout", "view", "review")
        for member in [make_member() for _ in range(5)]:
            for number in range(0, 130, 3 + member.pk % 4):
                make_event(member, kinds[number % 5], occurred_at=ago(number), rating=number % 5 + 1)
        refresh(as_of=NOW)
        later = NOW + days * DAY
        assert refresh(as_of=later).kind == "day"
        assert_facts_are_exact(later)
        assert list(facts_are_exact()) == []


class TestARefresh:
    def test_counts_again_whose_events_are_new_and_nobody_else(self) -> None:
        make_member("other")
        event = {"id": "e1", "member": "m1", "kind": "cart_add", "at": ago(1).isoformat()}
        refresh(as_of=NOW)
        ingest_events([event], now=NOW)
        assert refresh(as_of=NOW).counts["due"] == 1
        ingest_events([{**event, "kind": "complaint"}], now=NOW)
        assert refresh(as_of=NOW).kind == "nothing"
        assert_facts_are_exact(NOW)

    def test_finds_an_event_that_came_without_a_mark(self) -> None:
        member = make_member("li")
        refresh(as_of=NOW)
        make_event(member, "complaint")
        DirtyMark.objects.all().delete()
        assert list(facts_are_exact()) == ["Member li: complaint_count_90d is 0, counted 1"]

    def test_is_one_statement_however_many_members_have_events(self) -> None:
        refresh(as_of=NOW)
        counts = []
        for members in (2, 40):
            for member in [make_member() for _ in range(members)]:
                make_event(member, "view")
            with CaptureQueriesContext(connection) as captured:
                refresh(as_of=NOW)
            counts.append(sum('"members_behaviourevent"' in query["sql"] for query in captured))
        assert counts[0] == counts[1]


class TestTheFields:
    def test_are_read_by_rules(self) -> None:
        member, quiet = make_member(), make_member()
        make_event(member, "cart_add", occurred_at=ago(2))
        make_event(member, "complaint", rating=2, occurred_at=ago(2))
        make_order(member, placed_at=ago(100, time(20)), channel="app")
        refresh(as_of=NOW)
        for field, operator, value in (
            ("last_visit_at", "within_last_days", 3),
            ("days_since_last_visit", "=", 2),
            ("carts_left_30d", ">=", 1),
            ("complaint_count_90d", "=", 1),
            ("average_rating", "<=", 2.5),
            ("preferred_hour", "between", [18, 22]),
            ("preferred_channel", "in", ["app"]),
        ):
            rule = {"field": field, "operator": operator, "value": value}
            assert list(matching(rule=rule).values_list("member_id", flat=True)) == [member.pk], field
        nothing = matching(rule={"field": "carts_left_30d", "operator": "=", "value": 0})
        assert list(nothing.values_list("member_id", flat=True)) == [quiet.pk]

    def test_age_where_they_count_days(self) -> None:
        member = make_member()
        make_event(member, "visit", occurred_at=ago(2))
        refresh(as_of=NOW)
        assert scores_rows([member.pk], NOW + 5 * DAY)[member.pk]["days_since_last_visit"] == 7
        assert facts_rows([member.pk])[member.pk]["last_visit_at"] == "2026-06-13"
