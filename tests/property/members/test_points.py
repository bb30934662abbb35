"""Points in any order of events against a model that is nothing but lists: they never differ, and the books always prove."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
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
from members.models import PointsPolicy
from members.services.erasure import erase_member
from members.services.identity import merge_members
from members.services.points.awarding import award_points
from members.services.points.redeeming import redeem_points
from members.services.points.refusals import PointsRefused
from members.services.points.reversing import reverse_entry
from members.services.points.settling import settle_points
from members.services.points.standing import points_standing
from tests.factories import NOW, make_member

DAY = timedelta(days=1)


@dataclass
class ModelLot:
    number: int
    pending: int
    available: int
    releases_at: datetime | None
    expires_at: datetime | None


@dataclass
class ModelEntry:
    kind: str
    points: int
    lots: dict[int, int] = field(default_factory=dict)
    reversed: bool = False


@dataclass
class ModelMember:
    """One member's points, written as somebody would on paper."""

    lots: list[ModelLot] = field(default_factory=list)
    entries: dict[str, ModelEntry] = field(default_factory=dict)
    owed: int = 0

    def settle(self, now: datetime) -> None:
        """Called at every step: what comes between two steps is told by the instants."""
        happened = [(lot.releases_at, 0, lot) for lot in self.lots] + [(lot.expires_at, 1, lot) for lot in self.lots]
        known = [(at, place, lot) for at, place, lot in happened if at is not None and at <= now]
        for _at, over, lot in sorted(known, key=lambda each: (each[0], each[1], each[2].number)):
            if over:
                lot.available = 0
            else:
                lot.available, lot.pending = lot.available + lot.pending, 0
                self.owed -= sum(self.take(self.owed).values())
        self.owed -= sum(self.take(self.owed).values())

    def in_order(self) -> list[ModelLot]:
        far = datetime.max.replace(tzinfo=NOW.tzinfo)
        return sorted(self.lots, key=lambda lot: (lot.expires_at or far, lot.number))

    def take(self, points: int, first: ModelLot | None = None) -> dict[int, int]:
        taken: dict[int, int] = {}
        for lot in ([first] if first else []) + [lot for lot in self.in_order() if lot is not first]:
            some = min(points, lot.available)
            if some:
                lot.available -= some
                points -= some
                taken[lot.number] = some
        return taken

    def lot(self, number: int) -> ModelLot:
        return next(lot for lot in self.lots if lot.number == number)


class Points(RuleBasedStateMachine):
    members = Bundle("members")
    references = Bundle("references")

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = NOW
        self.numbers = 0
        self.merged: dict[int, int] = {}
        self.erased: set[int] = set()
        self.model: dict[int, ModelMember] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @initialize(refunds=st.sampled_from(["pending_only", "within_balance", "may_owe"]), target=members)
    def begin(self, refunds: str) -> Any:
        self.policy = refunds
        PointsPolicy.objects.update_or_create(id=1, defaults={"refund_policy": refunds, "expiry": "never"})
        made = [make_member().pk for _ in range(3)]
        self.model = {member: ModelMember() for member in made}
        return multiple(*made)

    def member(self, number: int) -> ModelMember:
        model = self.model[number]
        model.settle(self.now)
        return model

    def reference(self) -> str:
        self.numbers += 1
        return f"n{self.numbers}"

    @rule(
        member=members,
        points=st.integers(1, 50),
        waits=st.integers(0, 3),
        stays=st.one_of(st.none(), st.integers(1, 6)),
        target=references,
    )
    def award(self, member: int, points: int, waits: int, stays: int | None) -> Any:
        if member in self.erased:
            return multiple()
        model, reference = self.member(member), self.reference()
        expires_at = None if stays is None else self.now + (waits + stays) * DAY
        award_points(
            member_id=member, points=points, reference=reference, now=self.now, pending_days=waits, expires_at=expires_at
        )
        releases_at = self.now + waits * DAY if waits else None
        model.lots.append(ModelLot(self.numbers, points if waits else 0, 0 if waits else points, releases_at, expires_at))
        model.entries[reference] = ModelEntry("award", points, {self.numbers: points})
        model.settle(self.now)
        return member, reference

    @rule(member=members, points=st.integers(1, 60), target=references)
    def redeem(self, member: int, points: int) -> Any:
        if member in self.erased:
            return multiple()
        model, reference = self.member(member), self.reference()
        if sum(lot.available for lot in model.lots) < points:
            with pytest.raises(PointsRefused):
                redeem_points(member_id=member, points=points, reference=reference, now=self.now)
            return multiple()
        redeem_points(member_id=member, points=points, reference=reference, now=self.now)
        model.entries[reference] = ModelEntry("redeem", points, model.take(points))
        return member, reference

    @rule(known=references)
    def say_it_again(self, known: tuple[int, str]) -> None:
        member, reference = self.whose(known)
        if member in self.erased:
            return
        entry = self.member(member).entries[reference]
        say = award_points if entry.kind == "award" else redeem_points
        receipt = say(member_id=member, points=entry.points, reference=reference, now=self.now)  # type: ignore[operator]
        assert not receipt.created
        with pytest.raises(PointsRefused):
            say(member_id=member, points=entry.points + 1, reference=reference, now=self.now)  # type: ignore[operator]

    @rule(known=references)
    def reverse(self, known: tuple[int, str]) -> None:
        member, reference = self.whose(known)
        if member in self.erased:
            return
        model = self.member(member)
        receipt = reverse_entry(member_id=member, reference=reference, now=self.now)
        entry = model.entries[reference]
        assert receipt.created is not entry.reversed
        if entry.reversed:
            return
        entry.reversed = True
        if entry.kind == "award":
            self.take_back(model, entry)
        else:
            for number, points in entry.lots.items():
                model.lot(number).available += points
        model.settle(self.now)

    def take_back(self, model: ModelMember, entry: ModelEntry) -> None:
        own = model.lot(next(iter(entry.lots)))
        some = min(own.pending, entry.points)
        own.pending -= some
        left = entry.points - some
        if self.policy != "pending_only":
            left -= sum(model.take(left, first=own).values())
        if self.policy == "may_owe":
            model.owed += left

    @rule(days=st.integers(0, 4), settles=st.booleans())
    def time_passes(self, days: int, settles: bool) -> None:
        self.now += days * DAY
        if settles:
            settle_points(now=self.now)

    @rule(keep=members, drop=consumes(members))
    def merge(self, keep: int, drop: int) -> None:
        keep, drop = self.holder(keep), self.holder(drop)
        if keep == drop or {keep, drop} & self.erased:
            return
        merge_members(keep=keep, drop=drop, now=self.now)
        gone = self.model.pop(drop)
        kept = self.model[keep]
        kept.lots += gone.lots
        kept.owed += gone.owed
        kept.entries |= gone.entries
        kept.settle(self.now)
        self.merged[drop] = keep

    @rule(member=consumes(members))
    def erase(self, member: int) -> None:
        """Everything that is left expires; the books keep adding up under a number that nobody has."""
        gone = self.holder(member)
        if gone in self.erased:
            return
        erase_member(member_id=gone, now=self.now)
        self.erased.add(gone)
        model = self.model[gone]
        model.lots, model.entries, model.owed = [], {}, 0

    def holder(self, member: int) -> int:
        while member in self.merged:
            member = self.merged[member]
        return member

    def whose(self, known: tuple[int, str]) -> tuple[int, str]:
        return self.holder(known[0]), known[1]

    @invariant()
    def adds_up(self) -> None:
        for number, model in self.model.items():
            model.settle(self.now)
            standing = points_standing(member_id=number, now=self.now)
            assert standing.pending == sum(lot.pending for lot in model.lots)
            assert standing.available == sum(lot.available for lot in model.lots)
            assert standing.owed == model.owed

    @invariant()
    def proves(self) -> None:
        wrong = [sentence for check in checks if check.code.startswith("points") for sentence in check.rows()]
        assert wrong == []


class TestPoints(TestCase):
    def test_never_differ_from_the_model(self) -> None:
        run_state_machine_as_test(
            Points,
            settings=settings(
                max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
