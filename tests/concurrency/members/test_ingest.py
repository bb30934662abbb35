"""The same rows from two sides at once: nothing twice, nothing lost, nobody waits in a circle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, transaction

from members.ingest import IngestResult, ingest_members, ingest_orders
from members.models import DirtyMark, Identifier, Member, Order, OrderLine, Product
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

SIDES = 4


def order(external_id: str, **changes: Any) -> dict[str, Any]:
    item = {"external_id": external_id, "member": "m1", "placed_at": "2026-06-01T10:00:00+08:00", "status": "paid"}
    return {**item, "total_minor": 100, **changes}


def at_once(work: Callable[[int], Any], sides: int = SIDES) -> list[Any]:
    """This function will run `work` on every side, each in its own connection, all starting together."""
    barrier = Barrier(sides)

    def side(number: int) -> Any:
        try:
            barrier.wait(timeout=20)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(sides) as pool:
        return list(pool.map(side, range(sides)))


@contextmanager
def under_way(work: Callable[[], Any]) -> Iterator[Event]:
    """Inside the block another connection has done `work` and not yet committed; the event lets it commit."""
    done, release = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                release.wait(timeout=20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert done.wait(timeout=20)
        try:
            yield release
        finally:
            release.set()
            held.result()


def while_waiting(work: Callable[[], Any], release: Event) -> Any:
    """This function will start `work`, see that it waits for the other transaction, let that commit and wait for the end."""

    def side() -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(side)
        _until_waiting(1)
        assert not waiting.done()
        release.set()
        return waiting.result(timeout=20)


def _until_waiting(sides: int) -> None:
    """The database itself says how many wait; asking again and again is not sleeping."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _ in range(100_000):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0] >= sides:
                return
    raise AssertionError(f"{sides} sides never waited")


class TestTheSameOrdersFromManySides:
    def test_are_stored_once(self) -> None:
        items = [
            order(
                f"o{number}",
                member=f"m{number % 7}",
                lines=[{"product": f"p{number % 11}", "quantity": 1, "unit_price_minor": 1}],
            )
            for number in range(200)
        ]

        def post(side: int) -> IngestResult:
            return ingest_orders(items if side % 2 else items[::-1], now=NOW)

        results = at_once(post)
        assert [(result.accepted, result.rejected) for result in results] == [(200, ())] * SIDES
        assert sum(result.created for result in results) == 200
        assert (Order.objects.count(), OrderLine.objects.count()) == (200, 200)
        assert (Member.objects.count(), Product.objects.count()) == (7, 11)
        assert set(DirtyMark.objects.values_list("member_id", flat=True)) == set(Member.objects.values_list("pk", flat=True))

    def test_that_overlap_in_part_are_stored_once(self) -> None:
        def post(side: int) -> IngestResult:
            numbers = [(side * 50 + step * 7) % 200 for step in range(120)]
            return ingest_orders([order(f"o{number}", member=f"m{number % 13}") for number in numbers], now=NOW)

        results = at_once(post)
        assert sum(result.created for result in results) == Order.objects.count()
        assert all(result.rejected == () for result in results)

    def test_complete_the_same_products_once(self) -> None:
        codes = [f"p{number}" for number in range(100)]
        bare = [{"product": code, "quantity": 1, "unit_price_minor": 1} for code in codes]
        ingest_orders([order("o0", lines=bare)], now=NOW)

        def post(side: int) -> IngestResult:
            lines = [{**line, "name": f"side {side}", "category": f"side {side}"} for line in bare]
            return ingest_orders([order(f"o{side + 1}", lines=lines if side % 2 else lines[::-1])], now=NOW)

        assert [result.rejected for result in at_once(post)] == [()] * SIDES
        told = set(Product.objects.values_list("name", "category__name"))
        assert len(told) == 1
        assert all(name == category for name, category in told)

    def test_only_go_forward(self) -> None:
        statuses = ["placed", "paid", "shipped", "completed"]
        results = at_once(lambda side: ingest_orders([order("o1", status=statuses[side])], now=NOW))
        assert Order.objects.get().status == "completed"
        refused = [error.code for result in results for row in result.rejected for error in row.errors]
        assert set(refused) <= {"status_goes_back"}


class TestTheSameMembersFromManySides:
    def test_are_stored_once(self) -> None:
        items = [{"external_id": f"m{number}", "tags": ["a", "b"], "consents": {"sms": True}} for number in range(100)]
        results = at_once(lambda side: ingest_members(items if side % 2 else items[::-1], now=NOW, proof="a test"))
        assert [result.accepted for result in results] == [100] * SIDES
        assert sum(result.created for result in results) == Member.objects.count() == 100

    def test_lose_no_key_of_one_another(self) -> None:
        at_once(
            lambda side: ingest_members([{"external_id": "m1", "attributes": {f"k{side}": side}}], now=NOW, proof="a test")
        )
        assert Member.objects.get().attributes == {f"k{side}": side for side in range(SIDES)}

    def test_give_an_identifier_to_one_of_them(self) -> None:
        identifier = {"source": "tmall", "kind": "nick", "value": "n1"}
        results = at_once(
            lambda side: ingest_members([{"external_id": f"m{side}", "identifiers": [identifier]}], now=NOW, proof="a test")
        )
        assert sorted(result.accepted for result in results) == [0] * (SIDES - 1) + [1]
        assert Member.objects.count() == Identifier.objects.count() == 1


@pytest.fixture
def known_names() -> None:
    """The shop and the members are there: what the sides meet at is the order itself."""
    ingest_orders([order("o0"), order("o00", member="m2")], now=NOW)


@pytest.mark.postgresql
@pytest.mark.usefixtures("known_names")
class TestARowThatARivalHasNotCommitted:
    def test_is_waited_for_and_merged(self) -> None:
        rival = order("o1", status="shipped", remark="rival", lines=[{"product": "p", "quantity": 1, "unit_price_minor": 1}])
        with under_way(lambda: ingest_orders([rival], now=NOW)) as release:
            mine = order("o1", status="completed", city="杭州")
            result = while_waiting(lambda: ingest_orders([mine], now=NOW), release)
        assert result == IngestResult(1, (), changed=1)
        stored = Order.objects.get(external_id="o1")
        assert (stored.status, stored.remark, stored.city, stored.lines.count()) == ("completed", "rival", "杭州", 1)

    def test_is_waited_for_and_refuses_what_is_older(self) -> None:
        with under_way(lambda: ingest_orders([order("o1", status="shipped")], now=NOW)) as release:
            mine = [order("o1", status="paid", member="new"), order("o2", status="paid")]
            result = while_waiting(lambda: ingest_orders(mine, now=NOW), release)
        assert (result.accepted, [row.index for row in result.rejected]) == (1, [0])
        assert sorted(Member.objects.values_list("external_id", flat=True)) == ["m1", "m2"]

    def test_is_decided_again_where_it_was_refused_on_a_guess(self) -> None:
        """Among themselves the second row goes back; over what the rival knew, both do: each is refused once."""
        with under_way(lambda: ingest_orders([order("o1", status="completed")], now=NOW)) as release:
            mine = [order("o1", status="shipped"), order("o1", status="paid")]
            result = while_waiting(lambda: ingest_orders(mine, now=NOW), release)
        assert (result.accepted, [row.index for row in result.rejected]) == (0, [0, 1])

    def test_lets_an_update_of_a_known_order_wait(self) -> None:
        ingest_orders([order("o1")], now=NOW)
        with under_way(lambda: ingest_orders([order("o1", status="completed", member="m2")], now=NOW)) as release:
            result = while_waiting(lambda: ingest_orders([order("o1", status="shipped")], now=NOW), release)
        assert [row.index for row in result.rejected] == [0]
        assert Order.objects.get(external_id="o1").member.external_id == "m2"

    def test_claims_an_identifier_first(self) -> None:
        identifier = {"source": "tmall", "kind": "nick", "value": "n1"}
        rival = [{"external_id": "m1", "identifiers": [identifier]}]
        with under_way(lambda: ingest_members(rival, now=NOW, proof="a test")) as release:
            mine = [{"external_id": "new", "identifiers": [identifier]}, {"external_id": "m3"}]
            result = while_waiting(lambda: ingest_members(mine, now=NOW, proof="a test"), release)
        assert (result.accepted, [row.index for row in result.rejected]) == (1, [0])
        assert sorted(Member.objects.values_list("external_id", flat=True)) == ["m1", "m2", "m3"]


@pytest.mark.postgresql
class TestTwoCallsThatMeetInTheMiddle:
    """Both wait for a third at its row, each having passed the ends in its own order - unless the order is one."""

    def meet(self, held: dict[str, Any], one: list[dict[str, Any]]) -> list[IngestResult]:
        def side(items: list[dict[str, Any]]) -> IngestResult:
            try:
                return ingest_orders(items, now=NOW)
            finally:
                connection.close()

        with under_way(lambda: ingest_orders([held], now=NOW)) as release, ThreadPoolExecutor(2) as pool:
            first = pool.submit(side, one)
            _until_waiting(1)
            second = pool.submit(side, one[::-1])
            _until_waiting(2)
            release.set()
            return [first.result(timeout=20), second.result(timeout=20)]

    def test_at_an_order_never_wait_in_a_circle(self, known_names: None) -> None:
        results = self.meet(order("o5"), [order("o1"), order("o5"), order("o9")])
        assert [(result.accepted, result.rejected) for result in results] == [(3, ()), (3, ())]

    def test_at_a_member_never_wait_in_a_circle(self) -> None:
        items = [order(f"o{number}", member=f"m{number}") for number in (1, 5, 9)]
        results = self.meet(order("o0", member="m5"), items)
        assert [(result.accepted, result.rejected) for result in results] == [(3, ()), (3, ())]
        assert Member.objects.count() == 3


@pytest.mark.postgresql
class TestADirtyMark:
    def test_is_seen_with_its_order_and_never_before(self) -> None:
        with under_way(lambda: ingest_orders([order("o1")], now=NOW)):
            assert (Order.objects.count(), DirtyMark.objects.count()) == (0, 0)
        assert (Order.objects.count(), DirtyMark.objects.count()) == (1, 1)

    def test_is_taken_back_with_its_order(self) -> None:
        with transaction.atomic():
            ingest_orders([order("o1")], now=NOW)
            assert DirtyMark.objects.count() == 1
            transaction.set_rollback(True)
        assert (Order.objects.count(), DirtyMark.objects.count(), Member.objects.count()) == (0, 0, 0)
