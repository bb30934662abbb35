"""The same events from several sides at once: each is stored once, nobody waits in a circle."""

from __future__ import annotations

from typing import Any

import pytest

from members.ingest import IngestResult, ingest_events, ingest_orders
from members.models import BehaviourEvent, DirtyMark, Member, Product
from tests.concurrency.members.test_ingest import SIDES, at_once, order, under_way, while_waiting
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def event(name: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "member": "m1", "kind": "view", "at": "2026-06-01T10:00:00+08:00", **changes}


def line(number: int) -> dict[str, Any]:
    return {"product": f"p{number}", "category": f"c{number}", "quantity": 1, "unit_price_minor": 1}


class TestTheSameEventsFromManySides:
    def test_are_stored_once(self) -> None:
        items = [event(f"e{n}", member=f"m{n % 7}", product=f"p{n % 11}", category=f"c{n % 3}") for n in range(200)]
        results = at_once(lambda side: ingest_events(items if side % 2 else items[::-1], now=NOW))
        assert [(result.accepted, result.rejected) for result in results] == [(200, ())] * SIDES
        assert sum(result.created for result in results) == BehaviourEvent.objects.count() == 200
        assert (Member.objects.count(), Product.objects.count()) == (7, 11)
        assert set(DirtyMark.objects.values_list("member_id", flat=True)) == set(Member.objects.values_list("pk", flat=True))

    def test_that_overlap_in_part_are_stored_once(self) -> None:
        def post(side: int) -> IngestResult:
            numbers = [(side * 50 + step * 7) % 200 for step in range(120)]
            return ingest_events([event(f"e{number}", member=f"m{number % 13}") for number in numbers], now=NOW)

        assert sum(result.created for result in at_once(post)) == BehaviourEvent.objects.count()

    def test_may_come_beside_orders_of_the_same_members_and_products(self) -> None:
        def post(side: int) -> IngestResult:
            numbers = range(200) if side % 2 else range(199, -1, -1)
            if side < 2:
                return ingest_events(
                    [event(f"e{n}", member=f"m{n % 9}", product=f"p{n % 5}", category=f"c{n % 5}") for n in numbers], now=NOW
                )
            lines = [
                [{"product": f"p{n % 5}", "category": f"c{n % 5}", "quantity": 1, "unit_price_minor": 1}] for n in range(200)
            ]
            return ingest_orders([order(f"o{n}", member=f"m{n % 9}", lines=lines[n]) for n in numbers], now=NOW)

        assert [result.accepted for result in at_once(post)] == [200] * SIDES
        assert (BehaviourEvent.objects.count(), Member.objects.count(), Product.objects.count()) == (200, 9, 5)


@pytest.mark.postgresql
class TestAnEventThatARivalHasNotCommitted:
    def test_is_waited_for_and_left_as_the_rival_wrote_it(self) -> None:
        with under_way(lambda: ingest_events([event("e1", rating=5)], now=NOW)) as release:
            mine = [event("e1", rating=1, member="m2", product="cup", category="Cups"), event("e2", member="m3")]
            result = while_waiting(lambda: ingest_events(mine, now=NOW), release)
        assert result == IngestResult(2, (), created=1)
        assert dict(BehaviourEvent.objects.values_list("external_id", "member__external_id")) == {"e1": "m1", "e2": "m3"}
        assert sorted(Member.objects.values_list("external_id", flat=True)) == ["m1", "m3"]
        assert Product.objects.count() == 0

    def test_is_marked_with_its_event_and_never_before(self) -> None:
        with under_way(lambda: ingest_events([event("e1")], now=NOW)):
            assert (BehaviourEvent.objects.count(), DirtyMark.objects.count()) == (0, 0)
        assert (BehaviourEvent.objects.count(), DirtyMark.objects.count()) == (1, 1)
