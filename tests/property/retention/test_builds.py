"""Whatever happens while segments are filled in chunks: members and transitions are in the end those of a full pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import QuerySet
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from members.models import Member, Order, Refund
from members.services.identity import merge_members, undo_merge
from retention.models import BuildAnswer, BuildTouched, LifecycleBands, Membership, Segment, SegmentBuild, Transition
from retention.services import builds, filling, ties
from retention.services.checks import segments_are_exact
from retention.services.filling import finish_builds
from retention.services.refresh import refresh
from retention.services.segments import change_rule, create_segment, delete_segment
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW, make_member, make_order, mark_dirty

RULES: list[dict[str, Any]] = [
    {"everyone": True},
    {"field": "order_count", "operator": ">=", "value": 1},
    {"field": "order_count_30d", "operator": "=", "value": 0},
    {"field": "revenue_minor", "operator": ">=", "value": 300},
    {"field": "days_since_last_order", "operator": "<", "value": 2},
    {"field": "lifecycle_stage", "operator": "=", "value": "new"},
    {"did": "order", "operator": ">=", "times": 2, "within_days": 30},
    {"combinator": "and", "not": True, "rules": [{"in_segment": "s0"}]},
]
SLUGS = ("s0", "s1", "s2")
STEPS = st.sampled_from([0, 0, 0, 60, 40_000, 86_400, 31 * 86_400])


class LargeShop(RuleBasedStateMachine):
    """Two members are many here, and two are a chunk."""

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = NOW
        self.members = [make_member() for _ in range(5)]
        self.merged: list[int] = []
        create_segment(slug="s0", name="S", rule=RULES[1], now=NOW)
        refresh(as_of=self.now)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    # what happens in a shop

    @rule(data=st.data(), age=st.integers(0, 40), total=st.integers(0, 500))
    def orders(self, data: st.DataObject, age: int, total: int) -> None:
        self.order(data, age=age, total=total)

    def order(self, data: st.DataObject, *, age: int, total: int) -> None:
        member = data.draw(st.sampled_from(self.members))
        make_order(member, placed_at=self.now - timedelta(days=age), total_minor=total)

    @precondition(lambda self: Order.objects.exists())
    @rule(data=st.data(), change=st.sampled_from(["cancel", "delete", "refund", "refund ahead"]))
    def change_order(self, data: st.DataObject, change: str) -> None:
        order = data.draw(st.sampled_from(list(Order.objects.order_by("pk"))))
        if change == "delete":
            order.delete()
        elif change == "cancel":
            Order.objects.filter(pk=order.pk).update(status="cancelled")
        elif order.total_minor and not order.refund_count:
            at = self.now + timedelta(hours=30 if change == "refund ahead" else 0)
            given = {"amount_minor": order.total_minor, "reason": "price", "refunded_at": at}
            Refund.objects.create(order=order, position=1, **given)
            Order.objects.filter(pk=order.pk).update(refunded_minor=order.total_minor, refund_count=1)
        mark_dirty(order.member)

    @rule()
    def newcomer(self) -> None:
        self.members.append(make_member())

    @precondition(lambda self: len(self.members) > 3)
    @rule()
    def goes(self) -> None:
        gone = self.members.pop()
        ties.clear([gone.pk])
        Member.objects.filter(pk=gone.pk).delete()

    @precondition(lambda self: len(self.members) > 3)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        drop = self.members.pop(data.draw(st.integers(1, len(self.members) - 1)))
        self.merged.append(merge_members(keep=self.members[0].pk, drop=drop.pk, now=self.now).pk)

    @precondition(lambda self: self.merged)
    @rule()
    def part_again(self) -> None:
        record = undo_merge(merge_id=self.merged.pop(), now=self.now)
        self.members.append(Member.objects.get(pk=record.dropped_id))

    # what marketers do

    @rule(slug=st.sampled_from(SLUGS), number=st.integers(0, len(RULES) - 1), chunks=st.integers(0, 3))
    def save_rule(self, slug: str, number: int, chunks: int) -> None:
        document = RULES[number] if slug != "s0" else RULES[number % (len(RULES) - 1)]
        segment = Segment.objects.filter(slug=slug).first()
        if segment is None:
            create_segment(slug=slug, name="S", rule=document, now=self.now)
        else:
            change_rule(segment=segment, rule=document, now=self.now)
        if chunks:
            self.begin(chunks)

    @rule(slug=st.sampled_from(SLUGS[1:]))
    def delete(self, slug: str) -> None:
        for segment in Segment.objects.filter(slug=slug):
            delete_segment(segment=segment)

    @rule(days=st.integers(0, 60))
    def bands(self, days: int) -> None:
        LifecycleBands.objects.update_or_create(pk=1, defaults={"new_days": days})

    # what the clock does

    @rule(seconds=st.sampled_from([0, 0, 0, 60, 3_600, 86_400]), chunks=st.integers(0, 2))
    def refresh_and_begin(self, seconds: int, chunks: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.begin(chunks)

    def begin(self, chunks: int) -> None:
        """Builds are opened, and there is time for a few chunks."""

        def work() -> None:
            refresh(as_of=self.now, build_seconds=0)
            worker = filling._Worker(self.now)
            for _chunk in range(chunks):
                for build in worker.claim()[:1]:
                    worker.step([build])
            worker.let_go()

        self.heard(work)

    @precondition(lambda self: _open().filter(position__gt=0).exists())
    @rule(data=st.data(), total=st.sampled_from([0, 400]))
    def order_meanwhile(self, data: st.DataObject, total: int) -> None:
        """Somebody who may have been asked already, and whose mark a refresh has taken before the swap."""
        self.order(data, age=0, total=total)
        self.heard(lambda: refresh(as_of=self.now, build_seconds=0))

    @rule()
    def worker_dies(self) -> None:
        filling._Worker(self.now).claim()
        SegmentBuild.objects.exclude(lease=None).update(lease_until=self.now, attempts=0)

    @rule(seconds=STEPS)
    def finish(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.heard(lambda: refresh(as_of=self.now))
        self.heard(lambda: finish_builds(now=self.now))
        assert_facts_are_exact(self.now)
        assert list(segments_are_exact()) == []
        assert not _open().exists()
        assert not Segment.objects.exclude(failure=None).exists()
        assert (BuildAnswer.objects.count(), BuildTouched.objects.count()) == (0, 0)

    def heard(self, work: Any) -> None:
        """Transitions written by `work` lead from the members of before to those of after, for segments that were there."""
        counted = set(Segment.objects.exclude(as_of=None).values_list("pk", flat=True))
        known = _inside(counted)
        last = Transition.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        work()
        for segment_id, member_id, entered in (
            Transition.objects.filter(pk__gt=last).order_by("pk").values_list("segment_id", "member_id", "entered")
        ):
            assert entered != ((segment_id, member_id) in known)
            known ^= {(segment_id, member_id)}
        assert known == _inside(counted)


def _open() -> QuerySet[SegmentBuild]:
    return SegmentBuild.objects.filter(state__in=SegmentBuild.OPEN)


def _inside(segment_ids: set[int]) -> set[tuple[int, int]]:
    return set(Membership.objects.filter(segment_id__in=segment_ids).values_list("segment_id", "member_id"))


class TestBuilds(TestCase):
    def test_equal_a_full_pass(self) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(builds, "FEW", 1)
            patched.setattr(builds, "CHUNK", 2)
            run_state_machine_as_test(
                LargeShop,
                settings=settings(
                    max_examples=10, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
                ),
            )
