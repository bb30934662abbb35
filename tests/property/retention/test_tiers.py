"""Whatever becomes of orders, growth, refunds, the clock and the scheme: working out what changed equals working out all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from core.conf import shop_zone
from core.periods import date_of, day_number
from members.models import GrowthEntry, MemberTier, Order, Refund, Tier
from members.services.growth.entries import Growth, grow_batch
from members.services.tiers.drafts import draft_in_force
from members.services.tiers.scheme import save_scheme
from retention.services.checks import tiers_are_exact
from retention.services.refresh import refresh
from tests.factories import NOW, make_member, make_order, mark_dirty
from tests.tiers import four_tiers, put_in_force

AGES = st.integers(0, 60) | st.sampled_from([29, 30, 31, 364, 365, 366])
STEPS = st.sampled_from([0, 60, 40_000, 86_400, 3 * 86_400, 29 * 86_400, 30 * 86_400, 31 * 86_400, 400 * 86_400])
RUNGS = st.sampled_from(
    [(("a", 0), ("b", 100), ("c", 300)), (("a", 0), ("b", 150), ("c", 200)), (("a", 0), ("b", 1), ("c", 2))]
)
YEAR = {"window": "year", "review": "date"}
RULES = st.fixed_dictionaries(
    {
        "measure": st.sampled_from(["spend", "orders", "growth"]),
        "window_days": st.sampled_from([1, 30, 45, 365]),
        "downgrade": st.sampled_from(["never", "refund", "periodic", "periodic"]),
        "review": st.sampled_from(["days", "date"]),
        "review_days": st.sampled_from([1, 30, 365]),
        "review_key": st.sampled_from([101, 620, 1231]),
        "step": st.sampled_from(["one", "measure"]),
        "grace_days": st.sampled_from([0, 0, 10]),
    }
) | st.sampled_from([{**YEAR, "downgrade": policy} for policy in ("never", "refund", "periodic")])


class Shop(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = NOW
        self.numbers = iter(range(10_000))
        self.orders: list[Order] = []
        self.members = [make_member() for _ in range(3)]
        put_in_force(("a", 0), ("b", 100), ("c", 300), window_days=30, review_days=30)
        self.refreshed = False

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @rule(who=st.integers(0, 2), age=AGES, ahead=st.booleans(), total=st.sampled_from([0, 50, 100, 150, 300]))
    def order(self, who: int, age: int, ahead: bool, total: int) -> None:
        placed_at = self.now + timedelta(hours=20) if ahead else self.now - timedelta(days=age)
        self.orders.append(make_order(self.members[who], placed_at=placed_at, total_minor=total))
        self.refreshed = False

    @rule(who=st.integers(0, 2), age=AGES, value=st.sampled_from([-100, 1, 100, 300]))
    def growth(self, who: int, age: int, value: int) -> None:
        at = self.now - timedelta(days=age)
        grow_batch(growths=[Growth(self.members[who].pk, value, f"g{next(self.numbers)}", at)], now=self.now)
        self.refreshed = False

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), change=st.sampled_from(["refund", "refund_ahead", "cancel", "move"]))
    def change(self, data: st.DataObject, change: str) -> None:
        order = data.draw(st.sampled_from(self.orders))
        old = order.member
        if change.startswith("refund"):
            ahead = timedelta(hours=30 if change == "refund_ahead" else 0)
            order.refunded_minor, order.refund_count = order.total_minor, int(order.total_minor > 0)
            Refund.objects.filter(order=order).delete()
            if order.total_minor:
                given = {"amount_minor": order.total_minor, "reason": "price", "refunded_at": self.now + ahead}
                Refund.objects.create(order=order, position=1, **given)
        elif change == "cancel":
            order.status = "cancelled"
        else:
            order.member = data.draw(st.sampled_from(self.members))
        order.save(update_fields=["refunded_minor", "refund_count", "status", "member"])
        mark_dirty(old, order.member)
        self.refreshed = False

    @rule(rungs=RUNGS, rules=RULES, moves_down=st.booleans())
    def scheme(self, rungs: Any, rules: dict[str, Any], moves_down: bool) -> None:
        save_scheme(draft=four_tiers(*rungs, **rules), moves_down=moves_down, now=self.now)
        self.refreshed = False

    @rule(seconds=STEPS)
    def clock(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        refresh(as_of=self.now)
        self.refreshed = True

    @invariant()
    def stored_tiers_are_those_of_a_full_count(self) -> None:
        if self.refreshed:
            assert list(tiers_are_exact()) == []

    @invariant()
    def nobody_holds_less_than_was_earned(self) -> None:
        if self.refreshed:
            for held in MemberTier.objects.select_related("tier"):
                value = self._measured(held.member_id)
                assert held.value == value
                earned = Tier.objects.in_force().filter(threshold__lte=max(value, 0)).last()
                assert earned is not None
                assert held.tier.level >= earned.level

    def _measured(self, member_id: int) -> int:
        """The measure once more, in plain words."""
        draft = draft_in_force()
        assert draft is not None
        today = day_number(self.now, shop_zone())
        days = date_of(today).timetuple().tm_yday if draft.window == "year" else draft.window_days
        first = today - days + 1
        if draft.measure == "growth":
            entries = GrowthEntry.objects.filter(member_id=member_id, day__gte=first, day__lte=today)
            return sum(entries.values_list("value", flat=True))
        orders = Order.objects.filter(member_id=member_id, placed_day__gte=first, placed_at__lte=self.now)
        total = 0
        for order in orders.exclude(status="cancelled"):
            given_back = sum(refund.amount_minor for refund in order.refunds.filter(refunded_at__lte=self.now))
            left = order.total_minor - given_back
            total += left if draft.measure == "spend" else int(left > 0 or order.total_minor == 0)
        return total


class TestIncrementalTiers(TestCase):
    def test_equal_a_full_count(self) -> None:
        run_state_machine_as_test(
            Shop,
            settings=settings(
                max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
