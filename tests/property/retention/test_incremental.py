"""Whatever becomes of orders and events, however the clock steps: working out what changed equals working out all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from members.models import Category, EventKind, Order, OrderLine, Product, Refund
from retention.services.checks import segments_are_exact
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW, make_event, make_member, make_order, mark_dirty

AGES = st.integers(0, 400) | st.sampled_from([29, 30, 31, 89, 90, 179, 180, 364, 365, 366])
STEPS = st.sampled_from([0, 1, 60, 3_600, 40_000, 86_400, 2 * 86_400, 31 * 86_400])


RULES: list[dict[str, Any]] = [
    {"field": "days_since_last_order", "operator": ">=", "value": 30},
    {"field": "order_count_90d", "operator": ">=", "value": 2},
    {"field": "carts_left_30d", "operator": ">=", "value": 1},
    {"field": "days_since_last_visit", "operator": "<", "value": 30},
    {"field": "messages_30d", "operator": "=", "value": 1},
    {"field": "favourite_category", "operator": "=", "value": "tea"},
    {"field": "lifecycle_stage", "operator": "in", "value": ["at_risk", "dormant", "lost"]},
    {
        "combinator": "or",
        "not": True,
        "rules": [{"in_segment": "s0"}, {"field": "coupon_share", "operator": ">", "value": 0.4}],
    },
]


class Shop(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = NOW
        self.orders: list[Order] = []
        self.members = [make_member() for _ in range(3)]
        for number, category in enumerate(["tea", "Tea", ""]):
            kept = Category.objects.create(name=category) if category else None
            Product.objects.create(code=f"p{number}", category=kept)
        for number, rule_of_segment in enumerate(RULES):
            create_segment(slug=f"s{number}", name="S", rule=rule_of_segment, now=NOW)
        self.refreshed = False

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @rule(
        who=st.integers(0, 2),
        age=AGES,
        ahead=st.booleans(),
        total=st.integers(0, 500),
        coupon=st.sampled_from(["", "C"]),
        bought=st.lists(st.sampled_from(["p0", "p1", "p2"]), max_size=2),
    )
    def order(self, who: int, age: int, ahead: bool, total: int, coupon: str, bought: list[str]) -> None:
        placed_at = self.now + timedelta(hours=20) if ahead else self.now - timedelta(days=age)
        order = make_order(self.members[who], placed_at=placed_at, total_minor=total, coupon_code=coupon, channel=coupon)
        for position, code in enumerate(bought):
            product = Product.objects.get(code=code)
            given = {"quantity": 1, "unit_price_minor": 1, "amount_minor": 1}
            OrderLine.objects.create(order=order, position=position, product=product, **given)
        self.orders.append(order)
        self.refreshed = False

    @rule(
        who=st.integers(0, 2),
        age=AGES | st.integers(0, 3),
        ahead=st.booleans(),
        kind=st.sampled_from(["cart_add", "cart_add", "checkout", "complaint", "view", "message_sent", *EventKind.values]),
        rating=st.none() | st.integers(1, 5),
    )
    def event(self, who: int, age: int, ahead: bool, kind: str, rating: int | None) -> None:
        occurred_at = self.now + timedelta(hours=20) if ahead else self.now - timedelta(days=age)
        make_event(self.members[who], kind, occurred_at=occurred_at, rating=rating)
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

    @rule(seconds=STEPS)
    def clock(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        refresh(as_of=self.now)
        self.refreshed = True

    @invariant()
    def stored_facts_are_exact(self) -> None:
        if self.refreshed:
            assert_facts_are_exact(self.now)

    @invariant()
    def segments_are_exact(self) -> None:
        if self.refreshed:
            assert list(segments_are_exact()) == []


class TestIncrementalFacts(TestCase):
    def test_equal_a_full_count(self) -> None:
        run_state_machine_as_test(
            Shop,
            settings=settings(
                max_examples=15, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
