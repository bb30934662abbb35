"""The shop's zone is changed while orders come in: no day of the old calendar is written after the new one is in force."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from members.ingest import ingest_orders
from members.models import Order, StoredCalendar
from members.services.calendar import ZoneChanged, change_zone
from tests.concurrency.members.test_ingest import order, under_way, while_waiting
from tests.factories import NOW

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

EVENING = datetime(2026, 6, 1, 16, 30, tzinfo=UTC)
"""The 1st of June in Greenwich, the 2nd in Shanghai."""
UTC_DAY = 20_605


class TestAChangeOfTheZone:
    def test_waits_for_orders_that_are_not_committed_and_rewrites_them(self, settings: Any) -> None:
        ingest_orders([order("known")], now=NOW)
        with under_way(lambda: ingest_orders([order("late", placed_at=EVENING.isoformat())], now=NOW)) as release:
            settings.SHOP_TIME_ZONE = "UTC"
            counts = while_waiting(lambda: change_zone(now=NOW), release)
        assert counts["orders"] == 2
        assert Order.objects.get(external_id="late").placed_day == UTC_DAY

    def test_refuses_orders_of_the_old_calendar_that_waited_for_it(self, settings: Any) -> None:
        ingest_orders([order("known")], now=NOW)

        def change() -> None:
            settings.SHOP_TIME_ZONE = "UTC"
            change_zone(now=NOW)
            settings.SHOP_TIME_ZONE = "Asia/Shanghai"

        def post() -> Any:
            try:
                return ingest_orders([order("late", placed_at=EVENING.isoformat())], now=NOW)
            except ZoneChanged as refused:
                return refused

        with under_way(change) as release:
            assert isinstance(while_waiting(post, release), ZoneChanged)
        assert (Order.objects.count(), StoredCalendar.objects.get().zone) == (1, "UTC")

    def test_of_two_calls_at_once_is_done_once(self, settings: Any) -> None:
        ingest_orders([order("known", placed_at=EVENING.isoformat())], now=NOW)
        settings.SHOP_TIME_ZONE = "UTC"
        with under_way(lambda: change_zone(now=NOW)) as release:
            assert while_waiting(lambda: change_zone(now=NOW), release)["orders"] == 0
        assert Order.objects.get().placed_day == UTC_DAY
