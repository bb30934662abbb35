"""How often a member orders: days with an order, and the order day before the last."""

from __future__ import annotations

from django.db.models import Aggregate

from retention.features.statistics import Different, SecondLargest


def cadence_aggregates() -> dict[str, Aggregate]:
    """This function will give the aggregates that read `day`, by name."""
    return {"order_days": Different("day"), "previous_order_day": SecondLargest("day")}
