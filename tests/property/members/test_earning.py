"""Orders that come, change, are refunded, cancelled, handed on, merged in any order: what they earned is what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from core.registry import checks
from members.ingest.load import ingest_orders
from members.models import LedgerEntry, Member, PointsPolicy
from members.services.earning.working import earn
from members.services.growth.entries import growth_of
from members.services.identity import merge_members
from members.services.points.redeeming import redeem_points
from members.services.points.refusals import PointsRefused
from members.services.points.standing import points_standing
from tests.earning import make_rule, refund
from tests.factories import NOW, make_member

RANK = ("placed", "paid", "shipped", "completed", "cancelled")
EARNING = ("paid", "shipped", "completed")


@dataclass
class ModelOrder:
    """An order as somebody would reckon it on paper: 2 points and 1 growth for every full 3 yuan that is left of it."""

    member: str
    status: str
    total: int
    refunded: int = 0

    @property
    def steps(self) -> int:
        return (self.total - self.refunded) // 300 if self.status in EARNING else 0


class Earning(RuleBasedStateMachine):
    members = Bundle("members")
    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.model: dict[str, ModelOrder] = {}
        self.holders: dict[str, str] = {}
        self.spent: dict[str, int] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @initialize(
        refunds=st.sampled_from(["pending_only", "within_balance", "may_owe"]),
        waiting=st.sampled_from(["none", "completed"]),
        target=members,
    )
    def begin(self, refunds: str, waiting: str) -> Any:
        PointsPolicy.objects.update_or_create(id=1, defaults={"refund_policy": refunds, "expiry": "never"})
        make_rule(amount=2, per_minor=300, waiting=waiting)
        make_rule(name="growth", currency="growth", per_minor=300)
        names = ["a", "b", "c"]
        for name in names:
            make_member(name)
        self.spent = dict.fromkeys(names, 0)
        return multiple(*names)

    def holder(self, name: str) -> str:
        while name in self.holders:
            name = self.holders[name]
        return name

    def send(self, number: str) -> None:
        order = self.model[number]
        item: dict[str, Any] = {"external_id": number, "member": order.member, "placed_at": NOW.isoformat()}
        item |= {"status": order.status, "total_minor": order.total}
        item["refunds"] = [refund(order.refunded)] if order.refunded else []
        assert ingest_orders([item], now=NOW).rejected == ()

    @rule(member=members, total=st.integers(0, 3_000), status=st.sampled_from(RANK), target=orders)
    def place(self, member: str, total: int, status: str) -> str:
        number = f"o{len(self.model)}"
        self.model[number] = ModelOrder(self.holder(member), status, total)
        self.send(number)
        return number

    @rule(number=orders, part=st.integers(0, 100))
    def refund_some(self, number: str, part: int) -> None:
        order = self.model[number]
        order.refunded = order.total * part // 100
        self.send(number)

    @rule(number=orders, total=st.integers(0, 3_000))
    def amend(self, number: str, total: int) -> None:
        order = self.model[number]
        order.total = max(total, order.refunded)
        self.send(number)

    @rule(number=orders, status=st.sampled_from(RANK))
    def go_on(self, number: str, status: str) -> None:
        order = self.model[number]
        if RANK.index(status) >= RANK.index(order.status):
            order.status = status
            self.send(number)

    @rule(number=orders, member=members)
    def hand_on(self, number: str, member: str) -> None:
        self.model[number].member = self.holder(member)
        self.send(number)

    @rule(member=members, points=st.integers(1, 20))
    def redeem(self, member: str, points: int) -> None:
        name = self.holder(member)
        row = Member.objects.get(external_id=name)
        if points_standing(member_id=row.pk, now=NOW).available < points:
            with pytest.raises(PointsRefused):
                redeem_points(member_id=row.pk, points=points, reference="too much", now=NOW)
            return
        redeem_points(member_id=row.pk, points=points, reference=f"r{self.spent}", now=NOW)
        self.spent[name] += points

    @rule(keep=members, drop=consumes(members))
    def merge(self, keep: str, drop: str) -> None:
        keep, drop = self.holder(keep), self.holder(drop)
        if keep == drop:
            return
        ids = dict(Member.objects.values_list("external_id", "pk"))
        merge_members(keep=ids[keep], drop=ids[drop], now=NOW)
        self.holders[drop] = keep
        self.spent[keep] += self.spent.pop(drop)
        for order in self.model.values():
            order.member = self.holder(order.member)

    @rule()
    def reckon(self) -> None:
        earn(now=NOW)
        self.as_on_paper()

    def as_on_paper(self) -> None:
        for name, spent in self.spent.items():
            pk = Member.objects.get(external_id=name).pk
            steps = sum(order.steps for order in self.model.values() if order.member == name)
            assert growth_of(pk) == steps
            standing = points_standing(member_id=pk, now=NOW)
            missing = LedgerEntry.objects.filter(member_id=pk).aggregate(points=Sum("shortfall"))["points"] or 0
            assert standing.available + standing.pending - standing.owed == 2 * steps - spent + missing

    @invariant()
    def proves(self) -> None:
        codes = ("points", "earning")
        assert [sentence for check in checks if check.code.startswith(codes) for sentence in check.rows()] == []


class TestEarning(TestCase):
    def test_never_differs_from_what_orders_say(self) -> None:
        run_state_machine_as_test(
            Earning,
            settings=settings(
                max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
