"""What a member's orders add up to: a name of MemberFacts and its aggregate, over orders read under the names of READ."""

from __future__ import annotations

from django.db.models import BigIntegerField, Count, F, IntegerField, Max, Min, Q, Sum
from django.db.models.functions import Cast

from members.models import OrderStatus
from retention.models.facts import WINDOWS

COUNTED = ~Q(status=OrderStatus.CANCELLED)
"""Orders that count."""

READ = {
    "day": F("placed_day"),
    "revenue": F("revenue_minor"),
    "total": F("total_minor"),
    "discount": F("discount_minor"),
    "refunds_given": F("refund_count"),
    "coupon": F("coupon_code"),
    "hour": F("placed_hour"),
    "came_by": F("channel"),
}
"""What facts read of an order; all of it stands in the index `order_facts`."""


def order_aggregates(*, day: int) -> dict[str, Count | Min | Max | Cast]:
    """This function will give the aggregates over a member's orders up to shop day `day`, by name."""
    return {
        "order_count": Count("day"),
        "revenue_minor": _sum("revenue"),
        "total_minor": _sum("total"),
        "discount_minor": _sum("discount"),
        "coupon_order_count": Count("day", filter=~Q(coupon="")),
        "refund_count": Cast(Sum("refunds_given"), IntegerField()),
        "refunded_order_count": Count("day", filter=Q(refunds_given__gt=0)),
        "first_order_day": Min("day"),
        "last_order_day": Max("day"),
        **{f"order_count_{days}d": Count("day", filter=_within(days, day)) for days in WINDOWS},
        **{f"revenue_minor_{days}d": _sum("revenue", filter=_within(days, day)) for days in WINDOWS},
    }


def _within(days: int, day: int) -> Q:
    """The orders of the `days` shop days that end with `day`."""
    return Q(day__gt=day - days)


def _sum(amount: str, *, filter: Q | None = None) -> Cast:
    """A sum that stays a whole number: PostgreSQL adds bigint up to numeric. Of nothing it is NULL, stored as 0."""
    return Cast(Sum(amount, filter=filter), BigIntegerField())
