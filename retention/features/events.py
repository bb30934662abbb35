"""What a member's events add up to: a name of MemberFacts and its aggregate, or, for carts, whose carts were left."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, F, IntegerField, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Cast

from members.models import BehaviourEvent, EventKind, Order

BROWSING = (
    EventKind.VISIT,
    EventKind.VIEW,
    EventKind.SEARCH,
    EventKind.FAVOURITE,
    EventKind.CART_ADD,
    EventKind.CART_REMOVE,
    EventKind.CHECKOUT,
)
"""What a member can only do in the shop: any of these is a visit."""

CART_DAYS = 30
COMPLAINT_DAYS = 90
MESSAGE_DAYS = 30
REDEMPTION_DAYS = 90

WINDOWED = (
    (EventKind.CART_ADD, CART_DAYS),
    (EventKind.COMPLAINT, COMPLAINT_DAYS),
    (EventKind.MESSAGE_SENT, MESSAGE_DAYS),
    (EventKind.COUPON_REDEEMED, REDEMPTION_DAYS),
)
"""Which events leave which window of days as time passes."""


def event_aggregates(*, day: int) -> dict[str, Count | Max | Cast]:
    """This function will give the aggregates over a member's events up to shop day `day`, by name.

    They read what stands in the index `event_facts`. A rating counts whatever kind of event it came with.
    """
    return {
        "last_visit_day": Max("day", filter=Q(kind__in=BROWSING)),
        "complaint_count_90d": _counted(EventKind.COMPLAINT, day, COMPLAINT_DAYS),
        "last_contacted_day": Max("day", filter=Q(kind=EventKind.MESSAGE_SENT)),
        "messages_30d": _counted(EventKind.MESSAGE_SENT, day, MESSAGE_DAYS),
        "coupons_redeemed_90d": _counted(EventKind.COUPON_REDEEMED, day, REDEMPTION_DAYS),
        "rating_count": Count("rating"),
        "rating_sum": Cast(Sum("rating"), IntegerField()),
    }


def _counted(kind: EventKind, day: int, days: int) -> Count:
    """The events of a kind of the `days` shop days that end with `day`."""
    return Count("day", filter=Q(kind=kind, day__gt=day - days))


def carts_left(
    events: QuerySet[BehaviourEvent], *, day: int, read_events: Q, read_orders: Q
) -> QuerySet[BehaviourEvent, Any]:
    """This function will count, member by member, the days in `events` on which a cart was filled and left.

    A cart is one shop day of a member with something put into it. It is left unless the member went to the checkout or
    ordered on that day or the next. Days and not moments are compared, because many shops know orders by their date alone.
    `read_events` and `read_orders` say which events and orders there are for this count.
    """
    same_or_next_day = (OuterRef("day"), OuterRef("day") + 1)
    own = Q(member_id=OuterRef("member_id"))
    checkouts = BehaviourEvent.objects.filter(own, read_events, kind=EventKind.CHECKOUT, day__range=same_or_next_day)
    orders = Order.objects.filter(own, read_orders, placed_day__range=same_or_next_day)
    filled = events.filter(kind=EventKind.CART_ADD, day__gt=day - CART_DAYS)
    left = filled.filter(~Exists(checkouts), ~Exists(orders))
    return left.values("member_id").annotate(carts_left_30d=Count(F("day"), distinct=True))
