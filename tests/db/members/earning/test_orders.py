"""What orders earn: by which rule, how much, and what becomes of it when the order changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from members.models import EarningDays, EarningMark, GrowthEntry, LedgerEntry, MemberTier, Order, PointsPolicy, Tier
from members.services.earning.checks import orders_earned_what_rules_say
from members.services.earning.marks import mark_orders
from members.services.earning.rules import change_rule, end_rule
from members.services.earning.working import earn
from members.services.identity import merge_members, undo_merge
from members.services.orders import delete_order
from members.services.points.redeeming import redeem_points
from members.services.points.refusals import PointsRefused
from members.services.points.reversing import reverse_entry, reverse_part
from members.services.points.standing import points_standing
from tests.earning import BEGUN, DAY, event, grown, has, make_rule, order, refund, write_order
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def member(db: None) -> Any:
    return make_member("m")


class TestAnOrder:
    def test_earns_for_every_whole_step_of_money(self) -> None:
        make_rule(amount=3, per_minor=1_000)
        order(total_minor=9_999)
        assert has() == (27, 0)

    def test_names_the_rule_that_gave(self) -> None:
        rule = make_rule()
        order()
        entry = LedgerEntry.objects.get()
        assert (entry.rule, entry.reason, entry.order_id) == (rule, "a point a yuan", Order.objects.get().pk)

    def test_earns_once_however_often_it_is_sent_and_reckoned(self) -> None:
        make_rule()
        make_rule(name="growth", currency="growth")
        for _again in range(2):
            order()
            earn(now=NOW)
        assert (has(), grown(), LedgerEntry.objects.count(), GrowthEntry.objects.count()) == ((100, 0), 100, 1, 1)

    def test_that_is_not_paid_earns_nothing_until_it_is(self) -> None:
        make_rule()
        order(status="placed")
        assert has() == (0, 0)
        order(status="paid")
        assert has() == (100, 0)

    def test_placed_before_the_rule_or_after_its_end_earns_nothing(self) -> None:
        rule = make_rule()
        end_rule(rule_id=rule.pk, now=NOW)
        order("early", placed_at=(BEGUN - DAY).isoformat())
        order("late", placed_at=NOW.isoformat())
        assert has() == (0, 0)
        order("within", placed_at=(NOW - DAY).isoformat())
        assert has() == (100, 0)

    def test_of_another_shop_or_payment_earns_nothing(self) -> None:
        make_rule(payment_method="alipay")
        order("a", payment_method="alipay")
        order("b", payment_method="card")
        assert has() == (100, 0)

    def test_earns_for_the_lines_of_a_category_less_their_share_of_refunds(self) -> None:
        make_rule(category="tea")
        lines = [
            {"product": "t", "category": "tea", "quantity": 1, "unit_price_minor": 6_000},
            {"product": "c", "category": "cup", "quantity": 1, "unit_price_minor": 4_000},
        ]
        order(lines=lines)
        assert has() == (60, 0)
        order(lines=lines, refunds=[refund(5_000)])
        assert has() == (30, 0)

    def test_leaves_no_mark_where_no_rule_is_for_orders(self) -> None:
        make_rule(occasion="review")
        write_order()
        assert not EarningMark.objects.exists()


class TestARefund:
    def test_takes_back_in_proportion_and_all_in_the_end(self) -> None:
        make_rule()
        make_rule(name="growth", currency="growth")
        order()
        order(refunds=[refund(3_000)])
        assert (has(), grown()) == ((70, 0), 70)
        order(refunds=[refund(3_000), refund(7_000)])
        assert (has(), grown()) == ((0, 0), 0)

    def test_before_the_order_was_reckoned_leaves_what_is_left(self) -> None:
        make_rule()
        write_order()
        write_order(refunds=[refund(3_000)])
        earn(now=NOW)
        assert (has(), LedgerEntry.objects.count()) == ((70, 0), 1)

    @pytest.mark.parametrize(
        ("policy", "available", "owed", "shortfall"), [("within_balance", 0, 0, 60), ("may_owe", 0, 60, 0)]
    )
    def test_of_spent_points_takes_what_the_policy_lets_it(
        self, policy: str, available: int, owed: int, shortfall: int, member: Any
    ) -> None:
        PointsPolicy.objects.create(refund_policy=policy)
        make_rule()
        order()
        redeem_points(member_id=member.pk, points=60, reference="r", now=NOW)
        order(refunds=[refund(10_000)])
        standing = points_standing(member_id=member.pk, now=NOW)
        back = LedgerEntry.objects.get(kind="take_back")
        assert (has(), standing.owed, back.shortfall) == ((available, 0), owed, shortfall)

    def test_of_pending_points_only_leaves_available_ones(self) -> None:
        PointsPolicy.objects.create(refund_policy="pending_only")
        make_rule()
        order()
        order(refunds=[refund(10_000)])
        assert has() == (100, 0)

    def test_that_was_a_mistake_gives_the_points_again(self) -> None:
        make_rule()
        order(refunds=[refund(4_000)])
        order(refunds=[])
        assert has() == (100, 0)

    def test_belongs_to_the_orders_day_in_growth(self) -> None:
        make_rule(currency="growth")
        order(placed_at=(NOW - 9 * DAY).isoformat())
        order(placed_at=(NOW - 9 * DAY).isoformat(), refunds=[refund(10_000)])
        assert set(GrowthEntry.objects.values_list("counts_at", flat=True)) == {NOW - 9 * DAY}


class TestAnOrderThatGoesOn:
    def test_cancelled_earns_nothing_any_more(self) -> None:
        make_rule()
        order()
        order(status="cancelled")
        assert has() == (0, 0)

    def test_amended_earns_by_its_new_total(self) -> None:
        make_rule()
        order(total_minor=10_000)
        order(total_minor=15_000)
        order(total_minor=12_000)
        assert has() == (120, 0)

    def test_of_another_member_earns_for_that_one(self) -> None:
        make_rule()
        order()
        order(member="other")
        assert (has("m"), has("other")) == ((0, 0), (100, 0))

    def test_removed_earns_nothing(self) -> None:
        make_rule()
        order()
        delete_order(order_id=Order.objects.get().pk)
        earn(now=NOW)
        assert has() == (0, 0)


class TestWaiting:
    def test_for_the_order_ends_with_its_completion(self) -> None:
        make_rule(waiting="completed")
        order()
        assert has() == (0, 100)
        order(status="completed", now=NOW + 9 * DAY)
        assert has(now=NOW + 9 * DAY) == (100, 0)
        assert LedgerEntry.objects.filter(kind="release").count() == 1

    def test_for_the_order_counts_the_days_of_expiry_from_there(self, member: Any) -> None:
        PointsPolicy.objects.create(expiry="days", expiry_number=10)
        make_rule(waiting="completed")
        order()
        order(status="completed", now=NOW + 20 * DAY)
        assert has(now=NOW + 30 * DAY) == (100, 0)
        assert has(now=NOW + 31 * DAY) == (0, 0)

    def test_for_an_order_that_is_cancelled_ends_with_nothing(self) -> None:
        PointsPolicy.objects.create(refund_policy="pending_only")
        make_rule(waiting="completed")
        order()
        order(status="cancelled")
        assert has() == (0, 0)

    def test_of_days_is_counted_from_the_order(self) -> None:
        make_rule(waiting="days", wait_days=7)
        order("new", placed_at=(NOW - 6 * DAY).isoformat())
        order("old", placed_at=(NOW - 7 * DAY).isoformat())
        assert (has(), has(now=NOW + DAY)) == ((100, 100), (200, 0))


class TestMultipliedDays:
    def test_double_what_is_bought_on_them(self) -> None:
        make_rule()
        EarningDays.objects.create(name="double", factor=Decimal("2.5"), starts_at=NOW, ends_at=NOW + DAY)
        order("before", placed_at=(NOW - DAY).isoformat(), total_minor=300)
        order("within", total_minor=300)
        assert has() == (10, 0)

    def test_that_overlap_give_the_largest_factor_alone(self) -> None:
        make_rule()
        for factor in (2, 3):
            EarningDays.objects.create(name="more", factor=factor, starts_at=NOW, ends_at=NOW + DAY)
        order()
        assert has() == (300, 0)

    def test_of_growth_leave_points_alone(self) -> None:
        make_rule()
        make_rule(name="growth", currency="growth")
        EarningDays.objects.create(name="double", currency="growth", factor=2, starts_at=NOW)
        order()
        assert (has(), grown()) == ((100, 0), 200)

    def test_on_a_weekday_are_the_shops_own(self) -> None:
        make_rule()
        EarningDays.objects.create(name="mondays", factor=2, starts_at=BEGUN, weekday=0)
        order("monday", total_minor=100)
        order("tuesday", total_minor=100, placed_at=(NOW - 6 * DAY).isoformat())
        assert has() == (3, 0)

    def test_that_are_withdrawn_hold_for_what_was_reckoned(self) -> None:
        make_rule()
        EarningDays.objects.create(name="double", factor=2, starts_at=NOW)
        order()
        EarningDays.objects.all().delete()
        order(refunds=[refund(5_000)])
        assert has() == (100, 0)


class TestATier:
    @pytest.fixture
    def gold(self, member: Any) -> Tier:
        Tier.objects.create(slug="plain", name="Plain", level=1, threshold=0)
        gold = Tier.objects.create(slug="gold", name="Gold", level=2, threshold=100, points_multiplier=Decimal("1.5"))
        MemberTier.objects.create(member=member, tier=gold, since_day=0, value=100)
        return gold

    def test_multiplies_points_and_no_growth_on_top_of_the_days(self, gold: Tier) -> None:
        make_rule()
        make_rule(name="growth", currency="growth")
        make_rule(occasion="review", amount=5)
        EarningDays.objects.create(name="double", factor=2, starts_at=NOW)
        order(total_minor=300)
        event("review", "e1")
        assert (has(), grown()) == ((9 + 15, 0), 3)

    def test_that_a_rule_is_for_is_the_one_held_when_the_order_was_reckoned(self, gold: Tier, member: Any) -> None:
        make_rule(tier="gold")
        order()
        MemberTier.objects.filter(member=member).update(tier=Tier.objects.get(slug="plain"))
        order(refunds=[refund(5_000)])
        order("later")
        assert has() == (75, 0)


class TestARuleThatChanges:
    def test_leaves_what_was_ordered_before_to_its_old_terms(self) -> None:
        rule = make_rule()
        order(placed_at=(NOW - DAY).isoformat())
        terms = {"name": "two", "currency": "points", "occasion": "order", "amount": 2, "per_minor": 100}
        changed = change_rule(rule_id=rule.pk, terms=terms, now=NOW)
        assert (changed.pk != rule.pk, changed.root) == (True, rule.pk)
        order(placed_at=(NOW - DAY).isoformat(), refunds=[refund(5_000)])
        assert has() == (50, 0)
        order("after")
        assert has() == (250, 0)


class TestMerging:
    def test_moves_what_was_earned_and_gives_it_back(self, member: Any) -> None:
        keep = make_member("k")
        make_rule()
        make_rule(name="growth", currency="growth")
        order()
        record = merge_members(keep=keep.pk, drop=member.pk, now=NOW)
        order(refunds=[refund(4_000)])
        assert (has("k"), grown("k")) == ((60, 0), 60)
        undo_merge(merge_id=record.pk, now=NOW)
        earn(now=NOW)
        assert (has("m"), grown("m"), has("k"), grown("k")) == ((60, 0), 60, (0, 0), 0)


class TestAnEntryOfARule:
    def test_for_an_order_is_not_reversed_by_hand(self, member: Any) -> None:
        make_rule()
        order()
        with pytest.raises(PointsRefused) as refused:
            reverse_entry(member_id=member.pk, reference=LedgerEntry.objects.get().reference, now=NOW)
        assert (refused.value.code, has()) == ("not_reversible", (100, 0))


class TestTheProof:
    def test_names_an_order_that_earned_something_else(self, member: Any) -> None:
        rule = make_rule()
        order()
        entry = LedgerEntry.objects.get()
        reverse_part(member_id=member.pk, entry_id=entry.pk, points=40, reference="slip", now=NOW)
        told = f"order {entry.order_id} earned member {member.pk} 60 by rule {rule.pk}; it should have been 100"
        assert list(orders_earned_what_rules_say()) == [told]
        mark_orders([entry.order_id])
        assert list(orders_earned_what_rules_say()) == []
        earn(now=NOW)
        assert has() == (100, 0)
