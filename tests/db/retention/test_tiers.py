"""Tiers in the refresh: reached at once, lost by the policy alone, written only where something changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from core.periods import day_of
from members.models import Member, MemberTier, Order, Refund, Tier, TierChange, TierScheme
from members.services.growth.entries import award_growth
from members.services.identity import merge_members, undo_merge
from members.services.points.awarding import award_points
from members.services.points.redeeming import redeem_points
from members.services.tiers.standing import tier_standing
from retention.models import Membership
from retention.services.checks import facts_are_exact, tiers_are_exact
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from retention.services.tier_changes import apply_scheme, preview_scheme
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order, mark_dirty
from tests.tiers import four_tiers, put_in_force, tier_of

pytestmark = pytest.mark.django_db


def _on(days: int) -> Any:
    return NOW + timedelta(days=days)


def _refund(order: Order, amount: int) -> None:
    Order.objects.filter(pk=order.pk).update(refunded_minor=amount, refund_count=1)
    Refund.objects.create(order=order, position=1, amount_minor=amount, reason="price", refunded_at=NOW)
    mark_dirty(order.member)


def _history(member: Member) -> list[tuple[str | None, str, str]]:
    rows = TierChange.objects.filter(member_id=member.pk).order_by("pk")
    return list(rows.values_list("came_from__slug", "went_to__slug", "cause"))


class TestATier:
    def test_is_reached_at_once_with_the_refresh_of_who_changed(self) -> None:
        put_in_force()
        member, other = make_member(), make_member()
        refresh(as_of=NOW)
        assert (tier_of(member), tier_of(other)) == ("ordinary", "ordinary")
        make_order(member, total_minor=5_000)
        report = refresh(as_of=NOW)
        assert (report.counts["tiers_written"], report.counts["tiers_changed"]) == (1, 1)
        assert (tier_of(member), tier_of(other)) == ("gold", "ordinary")
        assert _history(member) == [("ordinary", "gold", "reached")]

    def test_counts_what_was_earned_never_what_is_left(self) -> None:
        """Spending points, or growth that was earned long ago, moves nobody: the measure is not a balance."""
        put_in_force(measure="growth")
        member = make_member()
        award_growth(member_id=member.pk, value=5_000, reference="g", now=NOW)
        award_points(member_id=member.pk, points=500, reference="a", now=NOW)
        refresh(as_of=NOW)
        redeem_points(member_id=member.pk, points=500, reference="r", now=NOW)
        refresh(as_of=NOW)
        assert tier_of(member) == "gold"

    def test_of_orders_leaves_out_cancelled_and_wholly_refunded_ones(self) -> None:
        put_in_force(("a", 0), ("b", 2), measure="orders")
        member = make_member()
        make_order(member)
        make_order(member, status="cancelled")
        make_order(member, total_minor=100, refunded_minor=100)
        refresh(as_of=NOW)
        assert (tier_of(member), MemberTier.objects.get().value) == ("a", 1)
        make_order(member, total_minor=100, refunded_minor=99)
        refresh(as_of=NOW)
        assert tier_of(member) == "b"

    def test_counts_the_days_of_the_window_and_no_others(self) -> None:
        put_in_force(window_days=10)
        member = make_member()
        make_order(member, placed_at=_on(-9), total_minor=1_000)
        make_order(member, placed_at=_on(-10), total_minor=9_000)
        refresh(as_of=NOW)
        assert (tier_of(member), MemberTier.objects.get().value) == ("silver", 1_000)
        refresh(as_of=_on(1))
        assert MemberTier.objects.get().value == 0

    def test_writes_nothing_twice(self) -> None:
        put_in_force()
        make_order(make_member(), total_minor=5_000)
        refresh(as_of=NOW)
        mark_dirty(Member.objects.get())
        counts = refresh(as_of=NOW).counts
        assert (counts["tiers_written"], counts["tiers_changed"]) == (0, 0)
        assert TierChange.objects.count() == 1


class TestALossByReview:
    def test_comes_one_step_at_a_time_after_the_grace(self) -> None:
        put_in_force(review_days=100, window_days=50, grace_days=5)
        member = make_member()
        make_order(member, total_minor=10_000)
        refresh(as_of=NOW)
        held = MemberTier.objects.get()
        assert (held.review_day, held.drop_day) == (TODAY_NUMBER + 100, TODAY_NUMBER + 105)
        assert tier_standing(member_id=member.pk).will_drop_on == date(2026, 6, 15) + timedelta(days=105)
        for day, tier in ((100, "diamond"), (104, "diamond"), (105, "gold"), (204, "gold"), (210, "silver")):
            refresh(as_of=_on(day))
            assert tier_of(member) == tier, day
        assert _history(member)[1:] == [("diamond", "gold", "review"), ("gold", "silver", "review")]

    def test_does_not_come_to_who_earned_it_again(self) -> None:
        put_in_force(review_days=100, window_days=50)
        member = make_member()
        make_order(member, total_minor=5_000)
        refresh(as_of=NOW)
        make_order(member, placed_at=_on(60), total_minor=5_000)
        refresh(as_of=_on(60))
        assert MemberTier.objects.get().drop_day is None
        refresh(as_of=_on(100))
        held = MemberTier.objects.get()
        assert (tier_of(member), held.review_day, held.drop_day) == ("gold", TODAY_NUMBER + 200, TODAY_NUMBER + 200)

    def test_is_undone_by_what_is_bought_within_the_grace(self) -> None:
        put_in_force(review_days=100, window_days=50, grace_days=10)
        member = make_member()
        make_order(member, total_minor=5_000)
        refresh(as_of=NOW)
        refresh(as_of=_on(105))
        make_order(member, placed_at=_on(105), total_minor=5_000)
        refresh(as_of=_on(105))
        refresh(as_of=_on(111))
        assert (tier_of(member), MemberTier.objects.get().review_day) == ("gold", TODAY_NUMBER + 200)

    def test_goes_to_what_was_earned_where_the_scheme_says_so(self) -> None:
        put_in_force(review_days=100, window_days=50, step="measure")
        member = make_member()
        make_order(member, total_minor=10_000)
        refresh(as_of=NOW)
        make_order(member, placed_at=_on(80), total_minor=1_500)
        refresh(as_of=_on(100))
        assert tier_of(member) == "silver"

    def test_judges_a_calendar_year_when_it_is_over(self) -> None:
        put_in_force(window="year", review="date", step="measure")
        member = make_member()
        make_order(member, total_minor=5_000)
        refresh(as_of=NOW)
        first, second = day_of(date(2027, 1, 1)) - TODAY_NUMBER, day_of(date(2028, 1, 1)) - TODAY_NUMBER
        assert MemberTier.objects.get().drop_day is None
        refresh(as_of=_on(first))
        held = MemberTier.objects.get()
        assert (tier_of(member), held.value, held.drop_day) == ("gold", 0, TODAY_NUMBER + second)
        refresh(as_of=_on(second))
        assert tier_of(member) == "ordinary"

    def test_never_comes_where_tiers_are_for_ever(self) -> None:
        put_in_force(downgrade="never", window_days=10)
        order = make_order(make_member(), total_minor=5_000)
        refresh(as_of=NOW)
        _refund(order, 5_000)
        refresh(as_of=_on(500))
        assert (tier_of(order.member), MemberTier.objects.get().drop_day) == ("gold", None)


class TestALossByRefund:
    def test_comes_with_the_refund_and_not_with_time(self) -> None:
        put_in_force(downgrade="refund", window_days=30)
        order = make_order(make_member(), total_minor=5_000)
        refresh(as_of=NOW)
        refresh(as_of=_on(90))
        assert tier_of(order.member) == "gold"
        _refund(order, 4_500)
        refresh(as_of=_on(90))
        assert tier_of(order.member) == "ordinary"
        assert _history(order.member)[-1] == ("gold", "ordinary", "refund")

    def test_leaves_who_had_earned_it_without_that_order(self) -> None:
        put_in_force(downgrade="refund", window_days=30)
        member = make_member()
        make_order(member, total_minor=5_000)
        order = make_order(member, placed_at=_on(-10), total_minor=900)
        refresh(as_of=NOW)
        _refund(order, 900)
        refresh(as_of=NOW)
        assert (tier_of(member), MemberTier.objects.get().best) == ("gold", 5_000)

    def test_does_not_come_with_a_purchase(self) -> None:
        """An old refund inside a window that still falls short is no new one."""
        put_in_force(downgrade="refund", window_days=30)
        member = make_member()
        make_order(member, total_minor=5_000)
        refresh(as_of=NOW)
        make_order(member, placed_at=_on(60), total_minor=4_000, refunded_minor=500)
        refresh(as_of=_on(60))
        make_order(member, placed_at=_on(61), total_minor=1_000)
        refresh(as_of=_on(61))
        assert tier_of(member) == "gold"


class TestAChangeOfTheScheme:
    HIGHER = (("ordinary", 0), ("silver", 2_000), ("gold", 6_000), ("diamond", 10_000))

    def _members(self) -> tuple[Member, Member]:
        put_in_force()
        silver, gold = make_member(), make_member()
        make_order(silver, total_minor=1_000)
        make_order(gold, total_minor=6_000)
        refresh(as_of=NOW)
        return silver, gold

    def test_is_counted_before_it_applies(self) -> None:
        self._members()
        moves = preview_scheme(draft=four_tiers(*self.HIGHER), now=NOW)
        assert (moves.up, moves.down, moves.staying) == ({}, {(1, 0): 1}, 1)
        lower = preview_scheme(
            draft=four_tiers(("ordinary", 0), ("silver", 500), ("gold", 900), ("diamond", 6_000)), now=NOW
        )
        assert (lower.up, lower.down, lower.staying) == ({(1, 2): 1, (2, 3): 1}, {}, 0)
        assert TierScheme.objects.get().version == 1

    def test_takes_nothing_from_anybody_unless_that_is_chosen(self) -> None:
        silver, gold = self._members()
        apply_scheme(draft=four_tiers(*self.HIGHER), moves_down=False, now=NOW)
        assert (tier_of(silver), tier_of(gold)) == ("silver", "gold")
        apply_scheme(draft=four_tiers(("ordinary", 0), ("silver", 2_000), ("gold", 7_000)), moves_down=True, now=NOW)
        assert (tier_of(silver), tier_of(gold)) == ("ordinary", "silver")
        assert _history(silver)[-1] == ("silver", "ordinary", "scheme")
        scheme = TierScheme.objects.get()
        assert (scheme.version, scheme.counted_version, scheme.moves_down) == (3, 3, False)

    def test_is_carried_out_by_the_next_refresh_if_by_nobody_before(self) -> None:
        silver, _gold = self._members()
        put_in_force(("ordinary", 0), ("silver", 500), ("gold", 900), ("diamond", 6_000))
        assert refresh(as_of=NOW).counts["tiers_changed"] == 2
        assert tier_of(silver) == "gold"
        assert refresh(as_of=NOW).kind == "nothing"


class TestRules:
    def test_read_the_tier_the_growth_and_the_balance(self) -> None:
        put_in_force(review_days=20, window_days=10)
        member, other = make_member(), make_member()
        rules = {
            "gold": {"field": "tier", "operator": "=", "value": "gold"},
            "below": {"field": "tier", "operator": "!=", "value": "gold"},
            "falling": {"field": "tier_drop_on", "operator": "within_next_days", "value": 30},
            "rich": {"field": "points_balance", "operator": ">=", "value": 100},
            "poor": {"field": "points_balance", "operator": "=", "value": 0},
            "grown": {"field": "growth_value", "operator": ">", "value": 5},
        }
        for slug, rule in rules.items():
            create_segment(slug=slug, name=slug, rule=rule, now=NOW)
        make_order(member, total_minor=5_000)
        refresh(as_of=NOW)
        award_points(member_id=member.pk, points=100, reference="a", now=NOW)
        award_growth(member_id=member.pk, value=6, reference="g", now=NOW)
        refresh(as_of=NOW)
        inside = {
            slug: set(Membership.objects.filter(segment__slug=slug).values_list("member_id", flat=True)) for slug in rules
        }
        mine, others = {member.pk}, {other.pk}
        assert inside == {"gold": mine, "below": others, "falling": mine, "rich": mine, "poor": others, "grown": mine}
        redeem_points(member_id=member.pk, points=1, reference="r", now=NOW)
        refresh(as_of=NOW)
        assert not Membership.objects.filter(segment__slug="rich").exists()
        assert list(facts_are_exact()) == list(tiers_are_exact()) == []


class TestVerify:
    def test_names_a_tier_that_a_count_does_not_give(self) -> None:
        put_in_force()
        make_order(make_member("m1"), total_minor=5_000)
        refresh(as_of=NOW)
        assert list(tiers_are_exact()) == []
        MemberTier.objects.update(tier=Tier.objects.get(slug="ordinary"))
        assert list(tiers_are_exact()) == ["Member m1: the stored tier is not what a full count gives"]


class TestTwoProfilesThatBecomeOne:
    def test_keep_the_higher_tier_and_are_counted_together(self) -> None:
        put_in_force(downgrade="never")
        keep, drop = make_member(), make_member()
        make_order(drop, total_minor=5_000)
        make_order(keep, total_minor=1_000)
        refresh(as_of=NOW)
        merged = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        assert tier_of(keep) == "gold"
        refresh(as_of=NOW)
        assert MemberTier.objects.get().value == 6_000
        undo_merge(merge_id=merged.pk, now=NOW)
        refresh(as_of=NOW)
        assert (tier_of(keep), tier_of(drop)) == ("silver", "gold")
        assert list(tiers_are_exact()) == []
