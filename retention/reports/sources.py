"""The rows that reports count: orders of a period and shop, known until `as_of`."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from members.models import BehaviourEvent, Order
from retention.features.orders import COUNTED
from retention.reports.base import Asked


def orders_until(asked: Asked) -> QuerySet[Order, Any]:
    """This function will select the orders that count up to the period's last day, of the shop that is asked about.

    Of the day of `as_of` itself nothing later than that moment.
    """
    orders = Order.objects.filter(COUNTED, placed_day__lte=asked.last_day)
    if asked.last_day >= asked.known_day:
        orders = orders.filter(placed_at__lte=asked.as_of)
    return orders if asked.shop_id is None else orders.filter(shop_id=asked.shop_id)


def orders_within(asked: Asked) -> QuerySet[Order, Any]:
    """This function will select those of them that were placed in the period."""
    return orders_until(asked).filter(placed_day__gte=asked.first_day)


def events_until(asked: Asked) -> QuerySet[BehaviourEvent, Any]:
    """This function will select the events up to the period's last day. Events belong to no shop."""
    found = BehaviourEvent.objects.filter(day__lte=asked.last_day)
    return found.filter(occurred_at__lte=asked.as_of) if asked.last_day >= asked.known_day else found


def events_within(asked: Asked) -> QuerySet[BehaviourEvent, Any]:
    return events_until(asked).filter(day__gte=asked.first_day)


def within(column: str, asked: Asked) -> Q:
    return Q(**{f"{column}__range": (asked.first_day, asked.last_day)})
