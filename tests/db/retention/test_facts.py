from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.models import Member, Order, Refund
from retention.models import MemberFacts
from retention.services.refresh import refresh
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order, mark_dirty, shop_time

pytestmark = pytest.mark.django_db


def facts_of(member) -> MemberFacts:
    return MemberFacts.objects.get(member=member)


class TestFacts:
    def test_of_a_member_without_orders_are_zeros_and_no_days(self) -> None:
        member = make_member()
        refresh(as_of=NOW)
        facts = facts_of(member)
        assert (facts.order_count, facts.revenue_minor, facts.order_count_365d) == (0, 0, 0)
        assert (facts.first_order_day, facts.last_order_day, facts.previous_order_day) == (None, None, None)

    def test_add_up_what_counts(self) -> None:
        member = make_member()
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 40), total_minor=5_000, discount_minor=500, coupon_code="A")
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 40), total_minor=1_000)
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 3), total_minor=2_000, refunded_minor=800, refund_count=2)
        refresh(as_of=NOW)
        facts = facts_of(member)
        assert (facts.order_count, facts.order_days) == (3, 2)
        assert (facts.revenue_minor, facts.total_minor, facts.discount_minor) == (7_200, 8_000, 500)
        assert (facts.coupon_order_count, facts.refund_count, facts.refunded_order_count) == (1, 2, 1)
        assert (facts.first_order_day, facts.last_order_day) == (TODAY_NUMBER - 40, TODAY_NUMBER - 3)
        assert facts.previous_order_day == TODAY_NUMBER - 40
        assert (facts.order_count_30d, facts.revenue_minor_30d, facts.order_count_90d) == (1, 1_200, 3)

    def test_leave_out_cancelled_orders(self) -> None:
        member = make_member()
        make_order(member, status="cancelled")
        refresh(as_of=NOW)
        assert facts_of(member).order_count == 0

    def test_read_nothing_placed_later_than_as_of(self) -> None:
        member = make_member()
        make_order(member, placed_at=NOW)
        make_order(member, placed_at=NOW + timedelta(microseconds=1))
        refresh(as_of=NOW)
        assert facts_of(member).order_count == 1

    @pytest.mark.parametrize("days", [30, 90, 180, 365])
    def test_hold_the_dates_that_end_with_today(self, days: int) -> None:
        member = make_member()
        make_order(member, placed_at=shop_time(TODAY_NUMBER - days + 1), total_minor=1)
        make_order(member, placed_at=shop_time(TODAY_NUMBER - days), total_minor=2)
        refresh(as_of=NOW)
        assert getattr(facts_of(member), f"revenue_minor_{days}d") == 1

    def test_count_the_last_moment_of_a_day_by_its_day(self) -> None:
        member = make_member()
        make_order(member, placed_at=shop_time(TODAY_NUMBER + 1) - timedelta(hours=12, microseconds=1))
        make_order(member, placed_at=shop_time(TODAY_NUMBER + 1) - timedelta(hours=12))
        refresh(as_of=shop_time(TODAY_NUMBER + 1) - timedelta(hours=12, microseconds=1))
        assert facts_of(member).order_count == 1


class TestARefreshOfWhatChanged:
    def test_follows_an_order_that_moves_to_another_member(self) -> None:
        old, new = make_member(), make_member()
        order = make_order(old)
        refresh(as_of=NOW)
        Order.objects.filter(pk=order.pk).update(member=new)
        mark_dirty(old, new)
        assert refresh(as_of=NOW).kind == "changes"
        assert (facts_of(old).order_count, facts_of(new).order_count) == (0, 1)

    def test_writes_the_changed_members_alone(self) -> None:
        members = [make_member() for _ in range(20)]
        refresh(as_of=NOW)
        make_order(members[3])
        report = refresh(as_of=NOW)
        assert (report.counts["due"], report.counts["facts_written"]) == (1, 1)
        assert_facts_are_exact(NOW)

    def test_finds_an_order_whose_moment_has_come(self) -> None:
        member = make_member()
        make_order(member, placed_at=NOW + timedelta(minutes=5))
        refresh(as_of=NOW)
        report = refresh(as_of=NOW + timedelta(minutes=5))
        assert (report.kind, facts_of(member).order_count) == ("changes", 1)

    def test_of_a_new_day_counts_whose_orders_left_a_window(self) -> None:
        leaving, staying = make_member(), make_member()
        make_order(leaving, placed_at=shop_time(TODAY_NUMBER - 29))
        make_order(staying, placed_at=shop_time(TODAY_NUMBER - 28))
        refresh(as_of=NOW)
        report = refresh(as_of=NOW + timedelta(days=1))
        assert (report.kind, report.counts["due"]) == ("day", 1)
        assert (facts_of(leaving).order_count_30d, facts_of(staying).order_count_30d) == (0, 1)

    @pytest.mark.parametrize("days", [2, 31, 400])
    def test_catches_up_after_days_without_one(self, days: int) -> None:
        for member in [make_member() for _ in range(5)]:
            for ago in range(0, 420, 7 + member.pk % 5):
                make_order(member, placed_at=shop_time(TODAY_NUMBER - ago))
        refresh(as_of=NOW)
        later = NOW + timedelta(days=days)
        assert refresh(as_of=later).kind == "day"
        assert_facts_are_exact(later)

    def test_that_goes_back_in_time_counts_everybody(self) -> None:
        member = make_member()
        make_order(member, placed_at=NOW)
        refresh(as_of=NOW)
        earlier = NOW - timedelta(days=1)
        assert refresh(as_of=earlier).kind == "full"
        assert facts_of(member).order_count == 0

    def test_in_full_writes_what_differs_alone(self) -> None:
        members = [make_member() for _ in range(10)]
        refresh(as_of=NOW)
        MemberFacts.objects.filter(member=members[0]).update(revenue_minor=99)
        report = refresh(as_of=NOW, full=True)
        assert report.counts["facts_written"] == 1
        assert_facts_are_exact(NOW)


class TestARefundDatedAhead:
    LATER = NOW + timedelta(hours=3)

    def refunded_later(self, *, now: int, later: int) -> Member:
        """A member with an order of 10,000 of which part was given back by NOW and part will be later."""
        member = make_member()
        order = make_order(member, total_minor=10_000, refunded_minor=now)
        Refund.objects.create(order=order, position=2, amount_minor=later, reason="price", refunded_at=self.LATER)
        Order.objects.filter(pk=order.pk).update(refunded_minor=now + later, refund_count=2 if now else 1)
        return member

    def test_is_not_read_before_its_moment(self) -> None:
        member = self.refunded_later(now=1_000, later=2_500)
        refresh(as_of=NOW)
        facts = facts_of(member)
        assert (facts.revenue_minor, facts.revenue_minor_30d, facts.refund_count) == (9_000, 9_000, 1)
        assert_facts_are_exact(NOW)

    def test_counts_from_its_moment_on_without_another_mark(self) -> None:
        member = self.refunded_later(now=0, later=2_500)
        assert refresh(as_of=NOW).kind == "full"
        assert facts_of(member).refunded_order_count == 0
        assert refresh(as_of=self.LATER - timedelta(microseconds=1)).kind == "nothing"
        report = refresh(as_of=self.LATER)
        assert (report.kind, report.counts["due"]) == ("changes", 1)
        facts = facts_of(member)
        assert (facts.revenue_minor, facts.refund_count, facts.refunded_order_count) == (7_500, 1, 1)
        assert_facts_are_exact(self.LATER)

    def test_is_taken_back_by_a_refresh_to_an_earlier_time(self) -> None:
        member = self.refunded_later(now=1_000, later=2_500)
        refresh(as_of=self.LATER)
        assert facts_of(member).revenue_minor == 6_500
        refresh(as_of=NOW)
        assert facts_of(member).revenue_minor == 9_000

    def test_belongs_to_the_day_of_its_order(self) -> None:
        member = make_member()
        order = make_order(member, placed_at=shop_time(TODAY_NUMBER - 30), total_minor=10_000, refunded_minor=400)
        Refund.objects.filter(order=order).update(refunded_at=NOW - timedelta(days=1))
        refresh(as_of=NOW)
        facts = facts_of(member)
        assert (facts.revenue_minor, facts.revenue_minor_30d, facts.revenue_minor_90d) == (9_600, 0, 9_600)

    def test_costs_no_join_where_there_is_none(self) -> None:
        make_order(make_member(), refunded_minor=100)
        with CaptureQueriesContext(connection) as queries:
            refresh(as_of=NOW)
        assert not any("JOIN" in query["sql"] and "members_refund" in query["sql"] for query in queries)
