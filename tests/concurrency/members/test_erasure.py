"""Forgetting a member while others write for it: never half, and who is told of again begins anew."""

from __future__ import annotations

from typing import Any

import pytest

from core.registry import checks
from members.ingest import ingest_events, ingest_members, ingest_orders
from members.models import Erasure, Member, Order, PointsAccount
from members.services.erasure import erase_member, settle_erasures
from members.services.identity import merge_members
from members.services.points.awarding import award_points
from retention.services.refresh import refresh
from tests.concurrency.members.test_identity import order
from tests.concurrency.members.test_ingest import under_way, while_waiting
from tests.concurrency.racing import race
from tests.factories import NOW, make_member, make_order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def wrong() -> list[str]:
    return [sentence for check in checks for sentence in check.rows()]


@pytest.fixture
def member(db: None) -> Member:
    return make_member("m", name="Wang", phone="+8613800138000")


def forgotten(member: Member) -> Member:
    gone = Member.everybody.get(pk=member.pk)
    assert (gone.name, gone.phone, gone.erased_at) == ("", "", NOW)
    return gone


class TestAnIngestUnderWay:
    def test_is_waited_for_and_its_order_loses_what_tells_of_a_person(self, member: Member) -> None:
        with under_way(lambda: ingest_orders([order("o1", "m", remark="ring twice")], now=NOW)) as release:
            while_waiting(lambda: erase_member(member_id=member.pk, now=NOW), release)
        assert Order.objects.values_list("member_id", "remark").get() == (member.pk, "")
        assert not Member.objects.exists()
        assert wrong() == []

    @pytest.mark.parametrize("told", ["orders", "members", "events"])
    def test_that_meets_an_erasure_makes_a_new_member(self, member: Member, told: str) -> None:
        event: dict[str, Any] = {"id": "e", "member": "m", "kind": "view", "at": "2026-06-01T10:00:00+08:00"}
        ingest = {
            "orders": lambda: ingest_orders([order("o1", "m")], now=NOW),
            "members": lambda: ingest_members([{"external_id": "m", "city": "Suzhou"}], now=NOW, proof="a file"),
            "events": lambda: ingest_events([event], now=NOW),
        }[told]
        with under_way(lambda: erase_member(member_id=member.pk, now=NOW)) as release:
            assert while_waiting(ingest, release).accepted == 1
        forgotten(member)
        again = Member.objects.get(external_id="m")
        assert (again.pk != member.pk, again.name) == (True, "")
        assert wrong() == []


def test_many_who_erase_and_tell_at_once_leave_everything_whole(member: Member) -> None:
    """Eight threads: each order belongs to a member who is there or to one who is nobody, and nothing is left between."""
    make_order(member)

    def tell(number: int) -> Any:
        return lambda: ingest_members([{"external_id": "m", "name": f"Wang {number}"}], now=NOW, proof="a file")

    def forget() -> Any:
        there = Member.objects.filter(external_id="m").values_list("pk", flat=True).first()
        return erase_member(member_id=there, now=NOW) if there else None

    def award() -> Any:
        there = Member.objects.filter(external_id="m").values_list("pk", flat=True).first()
        return award_points(member_id=there, points=5, reference=f"r{there}", now=NOW) if there else None

    race([*(tell(number) for number in range(6)), *[forget] * 6, *[award] * 6], threads=8)
    settle_erasures(now=NOW)
    refresh(as_of=NOW, full=True)
    for gone in Member.everybody.filter(erased_at__isnull=False):
        forgotten(gone)
        assert not PointsAccount.objects.filter(pk=gone.pk, available__gt=0).exists()
    assert Member.everybody.filter(erased_at__isnull=False).count() == Erasure.objects.count() >= 1
    assert Member.objects.count() <= 1
    assert wrong() == []


def test_an_erasure_and_a_merge_of_the_same_member_happen_one_after_the_other(member: Member) -> None:
    other = make_member("k")
    outcomes = race(
        [
            lambda: erase_member(member_id=member.pk, now=NOW),
            lambda: merge_members(keep=other.pk, drop=member.pk, now=NOW),
        ],
        threads=2,
    )
    assert len(outcomes) == 2
    assert Member.objects.get().pk == other.pk
    assert wrong() == []
