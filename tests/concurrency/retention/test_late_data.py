"""Orders moved, amended and deleted and events coming in through the real doors, beside refreshes: no mark is lost."""

from __future__ import annotations

import random
from typing import Any

import pytest

from core.errors import NotFound
from members.ingest import ingest_events, ingest_orders
from members.models import DirtyMark, Order
from members.services.orders import delete_order
from retention.services.refresh import refresh
from tests.concurrency.members.test_ingest import order
from tests.concurrency.retention.test_refresh import at_once
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

MEMBERS, ORDERS, ROUNDS = 5, 20, 12


def random_order(dice: random.Random) -> dict[str, Any]:
    number = dice.randrange(ORDERS)
    day = f"2026-0{dice.randint(1, 6)}-0{dice.randint(1, 9)}T10:00:00+08:00"
    return order(f"o{number}", member=f"m{dice.randrange(MEMBERS)}", placed_at=day, total_minor=dice.randint(1, 999))


class TestLateDataBesideRefreshes:
    def test_is_all_counted_in_the_end(self) -> None:
        ingest_orders([order(f"o{number}", member=f"m{number % MEMBERS}") for number in range(ORDERS)], now=NOW)
        refresh(as_of=NOW)

        def tell(seed: int) -> None:
            dice = random.Random(seed)
            for turn in range(ROUNDS):
                ingest_orders([random_order(dice) for _row in range(4)], now=NOW)
                event = {"id": f"{seed}-{turn}", "member": f"m{dice.randrange(MEMBERS)}", "kind": "complaint"}
                ingest_events([{**event, "at": "2026-06-01"}], now=NOW)

        def forget() -> None:
            dice = random.Random(7)
            for _turn in range(ROUNDS):
                pk = dice.choice(list(Order.objects.values_list("pk", flat=True)))
                try:
                    delete_order(order_id=pk)
                except NotFound:
                    continue

        def keep_refreshing() -> None:
            for _turn in range(ROUNDS):
                refresh(as_of=NOW)

        done = at_once(lambda: tell(1), lambda: tell(2), forget, keep_refreshing, keep_refreshing)
        assert done == [None] * 5
        refresh(as_of=NOW)
        assert not DirtyMark.objects.exists()
        assert_facts_are_exact(NOW)
