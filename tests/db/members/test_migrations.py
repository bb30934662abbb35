"""What migrations do to the rows there are."""

from __future__ import annotations

from datetime import time
from importlib import import_module

import pytest
from django.apps import apps

from members.models import Order
from tests.factories import TODAY_NUMBER, make_member, make_order, shop_time

pytestmark = pytest.mark.django_db


class TestTheHoursOfOrders:
    def test_are_told_of_orders_that_came_before_them(self) -> None:
        for name, at in {"noon": time(12), "date": time(), "first": time(0, 0, 1), "last": time(23, 59, 59)}.items():
            make_order(make_member(), external_id=name, placed_at=shop_time(TODAY_NUMBER, at))
        known = dict(Order.objects.values_list("external_id", "placed_hour"))
        Order.objects.update(placed_hour=None)

        import_module("members.migrations.0004_order_hours").tell_hours(apps, None)

        assert dict(Order.objects.values_list("external_id", "placed_hour")) == known
        assert known == {"noon": 12, "date": None, "first": 0, "last": 23}
