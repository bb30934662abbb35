"""The rows that reports count: orders of a period and shop, known until `as_of`."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from core.conf import shop_zone
from core.periods import start_of
from members.models import BehaviourEvent, Order, OrderLine, OrderStatus
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


def lines_until(asked: Asked) -> QuerySet[OrderLine, Any]:
    """This function will select the lines of the orders up to the period's last day: the same as `orders_until`, said of the
    order that a line joins, since databases plan a join better than a list of orders."""
    lines = OrderLine.objects.exclude(order__status=OrderStatus.CANCELLED).filter(order__placed_day__lte=asked.last_day)
    if asked.last_day >= asked.known_day:
        lines = lines.filter(order__placed_at__lte=asked.as_of)
    return lines if asked.shop_id is None else lines.filter(order__shop_id=asked.shop_id)


def lines_within(asked: Asked) -> QuerySet[OrderLine, Any]:
    """This function will select the lines of the period's orders."""
    return lines_until(asked).filter(order__placed_day__gte=asked.first_day)


def events_until(asked: Asked) -> QuerySet[BehaviourEvent, Any]:
    """This function will select the events up to the period's last day. Events belong to no shop."""
    found = BehaviourEvent.objects.filter(day__lte=asked.last_day)
    return found.filter(occurred_at__lte=asked.as_of) if asked.last_day >= asked.known_day else found


def events_within(asked: Asked) -> QuerySet[BehaviourEvent, Any]:
    """This function will select the events of the period.

    Moments are named beside days, which say the same: events have no index that begins with the day.
    """
    begins, ends = start_of(asked.first_day, shop_zone()), start_of(asked.last_day + 1, shop_zone())
    return events_until(asked).filter(day__gte=asked.first_day, occurred_at__gte=begins, occurred_at__lt=ends)


def within(column: str, asked: Asked) -> Q:
    return Q(**{f"{column}__range": (asked.first_day, asked.last_day)})
