"""Merging while others write for the same members: nothing lost, nobody there twice, nobody waits in a circle."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Delivery, Enrolment
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from core.registry import checks
from members.ingest import ingest_members, ingest_orders
from members.models import Member, MergeRecord, Order
from members.services.identity import MergeRefused, merge_members, settle_merges, undo_merge
from retention.services.refresh import refresh
from tests.campaign_factories import know_everybody, make_reachable, make_running
from tests.concurrency.members.test_ingest import at_once, under_way, while_waiting
from tests.concurrency.racing import race
from tests.factories import NOW, make_member, make_order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def order(external_id: str, member: str, **changes: Any) -> dict[str, Any]:
    item = {"external_id": external_id, "member": member, "placed_at": "2026-06-01T10:00:00+08:00", "status": "paid"}
    return {**item, "total_minor": 100, **changes}


def wrong() -> list[str]:
    return [sentence for check in checks for sentence in check.rows()]


@pytest.fixture
def pair(db: None) -> tuple[Member, Member]:
    return make_member("k"), make_member("d")


class TestAnIngestUnderWay:
    def test_is_waited_for_by_the_merge(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        with under_way(lambda: ingest_orders([order("o1", "d")], now=NOW)) as release:
            while_waiting(lambda: merge_members(keep=keep.pk, drop=drop.pk, now=NOW), release)
        assert Order.objects.get().member_id == keep.pk
        assert wrong() == []

    @pytest.mark.parametrize("members", [["d"], ["k", "d", "new"]])
    def test_that_meets_a_merge_finds_the_kept_member(self, pair: tuple[Member, Member], members: list[str]) -> None:
        keep, drop = pair
        with under_way(lambda: merge_members(keep=keep.pk, drop=drop.pk, now=NOW)) as release:
            items = [order(f"o-{member}", member) for member in members]
            result = while_waiting(lambda: ingest_orders(items, now=NOW), release)
        assert result.accepted == len(members)
        assert set(Member.objects.values_list("external_id", flat=True)) == {"k", *members} - {"d"}
        assert Order.objects.get(external_id="o-d").member_id == keep.pk
        assert wrong() == []

    def test_of_a_profile_that_meets_a_merge_adds_to_the_kept_member(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        with under_way(lambda: merge_members(keep=keep.pk, drop=drop.pk, now=NOW)) as release:
            item = {"external_id": "d", "name": "Anna", "tags": ["vip"]}
            result = while_waiting(lambda: ingest_members([item], now=NOW, proof="a file"), release)
        assert (result.accepted, result.created) == (1, 0)
        kept = Member.objects.get()
        assert (kept.pk, kept.name, [each.tag for each in kept.tags.all()]) == (keep.pk, "Anna", ["vip"])

    def test_that_meets_an_undoing_finds_the_member_who_is_back(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        record = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        with under_way(lambda: undo_merge(merge_id=record.pk, now=NOW)) as release:
            result = while_waiting(lambda: ingest_orders([order("o1", "d")], now=NOW), release)
        assert result.accepted == 1
        assert Order.objects.get().member_id == drop.pk


class TestMergesAtOnce:
    def test_of_the_same_two_happen_once(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        make_order(drop)
        outcomes = race([lambda: merge_members(keep=keep.pk, drop=drop.pk, now=NOW)] * 8, threads=8)
        assert [type(outcome) for outcome in outcomes].count(MergeRecord) == 1
        assert {outcome.code for outcome in outcomes if isinstance(outcome, MergeRefused)} == {"already_merged"}
        assert (Member.objects.count(), MergeRecord.objects.count()) == (1, 1)

    def test_in_both_directions_leave_one_member_with_everything(self, pair: tuple[Member, Member]) -> None:
        one, other = pair
        make_order(one), make_order(other)
        calls = [
            lambda: merge_members(keep=one.pk, drop=other.pk, now=NOW),
            lambda: merge_members(keep=other.pk, drop=one.pk, now=NOW),
        ]
        race(calls * 3, threads=6)
        left = Member.objects.get()
        assert set(Order.objects.values_list("member_id", flat=True)) == {left.pk}
        assert MergeRecord.objects.count() == 1

    def test_are_undone_once(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        record = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        outcomes = race([lambda: undo_merge(merge_id=record.pk, now=NOW)] * 6, threads=6)
        assert [type(outcome) for outcome in outcomes].count(MergeRecord) == 1
        assert Member.objects.count() == 2


class TestMergesAmidEverything:
    def test_lose_no_order_and_make_nobody_twice(self) -> None:
        """Orders for twelve members from two sides, while six of them are merged into the others and some parted again."""
        people = [make_member(f"m{number}") for number in range(12)]

        def work(side: int) -> Any:
            if side < 2:
                return [
                    ingest_orders(
                        [order(f"o{side}-{step}-{number}", f"m{number}") for number in range(12)], now=NOW
                    ).accepted
                    for step in range(12)
                ]
            if side == 2:
                records = [merge_members(keep=people[number].pk, drop=people[number + 6].pk, now=NOW) for number in range(6)]
                return [undo_merge(merge_id=record.pk, now=NOW).pk for record in records[::2]]
            return [refresh(as_of=NOW).kind for _time in range(6)]

        accepted = at_once(work)[:2]
        assert accepted == [[12] * 12] * 2
        assert Order.objects.count() == 288
        names = {f"m{number}" for number in (*range(6), 6, 8, 10)}
        assert set(Member.objects.values_list("external_id", flat=True)) == names
        settle_merges(now=NOW)
        assert wrong() == []

    def test_send_to_nobody_twice(self) -> None:
        pairs = [(make_reachable(f"k{number}"), make_reachable(f"d{number}")) for number in range(10)]
        know_everybody()
        make_running()

        def work(side: int) -> None:
            if side == 0:
                for keep, drop in pairs:
                    merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
            else:
                for _time in range(5):
                    plan_campaigns(now=NOW)
                    step_enrolments(now=NOW)

        at_once(work, sides=3)
        settle_merges(now=NOW)
        plan_campaigns(now=NOW)
        step_enrolments(now=NOW)
        waiting = Delivery.objects.filter(state="queued").values_list("member_id", flat=True)
        assert sorted(waiting) == sorted(set(waiting))
        fired = Enrolment.objects.filter(status="fired").values_list("member_id", flat=True)
        assert {keep.pk for keep, _dropped in pairs} <= set(fired)
        assert wrong() == []
