"""Facts by pandas from the rows of orders and events: slow, plain, sharing no code with the product's aggregate."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from core.conf import shop_zone
from core.periods import date_of, day_number
from members.models import BehaviourEvent, GrowthEntry, Member, Order, OrderLine, PointsAccount, Refund
from retention.models import MemberFacts

WINDOWS = (30, 90, 180, 365)
IN_THE_SHOP = {"visit", "view", "search", "favourite", "cart_add", "cart_remove", "checkout"}
TEXTS = {"preferred_channel", "favourite_category"}
KEPT_BESIDE = {"member", "windows_day", "changed_at"}
COLUMNS = [field.name for field in MemberFacts._meta.concrete_fields if field.name not in KEPT_BESIDE]


def expected_facts(as_of) -> pd.DataFrame:
    """This function will count everything again, member by member."""
    day = day_number(as_of, shop_zone())
    orders = [row for row in Order.objects.values() if row["status"] != "cancelled" and row["placed_at"] <= as_of]
    for refund in Refund.objects.filter(refunded_at__gt=as_of):
        order = next((order for order in orders if order["id"] == refund.order_id), {"refunded_minor": 0, "refund_count": 0})
        order["refunded_minor"] -= refund.amount_minor
        order["refund_count"] -= 1
    categories = list(OrderLine.objects.values_list("order_id", "product__category__name"))
    events = [row for row in BehaviourEvent.objects.values() if row["occurred_at"] <= as_of]
    points = dict(PointsAccount.objects.values_list("member_id", "available"))
    growth = list(GrowthEntry.objects.all())
    rows = {}
    for member_id in Member.objects.values_list("id", flat=True):
        own = [order for order in orders if order["member_id"] == member_id]
        days = sorted({order["placed_day"] for order in own})
        row = {
            "order_count": len(own),
            "order_days": len(days),
            "revenue_minor": sum(order["total_minor"] - order["refunded_minor"] for order in own),
            "total_minor": sum(order["total_minor"] for order in own),
            "discount_minor": sum(order["discount_minor"] for order in own),
            "coupon_order_count": sum(order["coupon_code"] != "" for order in own),
            "refund_count": sum(order["refund_count"] for order in own),
            "refunded_order_count": sum(order["refund_count"] > 0 for order in own),
            "first_order_day": days[0] if days else None,
            "last_order_day": days[-1] if days else None,
            "previous_order_day": days[-2] if len(days) > 1 else None,
        }
        for window in WINDOWS:
            inside = [order for order in own if day - window < order["placed_day"] <= day]
            row[f"order_count_{window}d"] = len(inside)
            row[f"revenue_minor_{window}d"] = sum(order["total_minor"] - order["refunded_minor"] for order in inside)
        row["points_balance"] = points.get(member_id, 0)
        row["growth_value"] = sum(entry.value for entry in growth if entry.member_id == member_id and entry.day <= day)
        did = behaviour([event for event in events if event["member_id"] == member_id], days, day)
        rows[member_id] = row | preferences(own) | favourite(own, categories) | did
    return _frame(rows)


def preferences(orders):
    """This function will find the hour and the channel of most orders, the first of equals."""
    clock = [order["placed_at"].astimezone(shop_zone()) for order in orders]
    hours = Counter(at.hour for at in clock if at.time().isoformat() != "00:00:00")
    channels = Counter(order["channel"] for order in orders if order["channel"])
    most = {name: sorted(votes, key=lambda value: (-votes[value], value)) for name, votes in [("h", hours), ("c", channels)]}
    return {"preferred_hour": next(iter(most["h"]), None), "preferred_channel": next(iter(most["c"]), None)}


def favourite(orders, categories):
    """This function will find the category of most lines, the first of equals."""
    own = {order["id"] for order in orders}
    votes = Counter(category for order, category in categories if order in own and category is not None)
    return {"favourite_category": min(votes, key=lambda category: (-votes[category], category), default=None)}


def behaviour(events, order_days, today):
    """This function will add up one member's events, given the days of the member's orders."""

    def days_of(*kinds):
        return {day_number(event["occurred_at"], shop_zone()) for event in events if event["kind"] in kinds}

    visits, ends = days_of(*IN_THE_SHOP), days_of("checkout") | set(order_days)
    carts = [day for day in days_of("cart_add") if today - 29 <= day <= today]
    complaints = [event["day"] for event in events if event["kind"] == "complaint"]
    messages = [event["day"] for event in events if event["kind"] == "message_sent"]
    uses = [event["day"] for event in events if event["kind"] == "coupon_redeemed"]
    ratings = [event["rating"] for event in events if event["rating"] is not None]
    return {
        "last_visit_day": max(visits, default=None),
        "carts_left_30d": sum(day not in ends and day + 1 not in ends for day in carts),
        "complaint_count_90d": sum(date_of(today).toordinal() - date_of(day).toordinal() < 90 for day in complaints),
        "last_contacted_day": max(messages, default=None),
        "messages_30d": sum(today - day <= 29 for day in messages),
        "coupons_redeemed_90d": sum(today - day <= 89 for day in uses),
        "rating_count": len(ratings),
        "rating_sum": sum(ratings),
    }


def stored_facts() -> pd.DataFrame:
    return _frame({row.pop("member_id"): row for row in MemberFacts.objects.values("member_id", *COLUMNS)})


def _frame(rows) -> pd.DataFrame:
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    return frame.astype({name: "string" if name in TEXTS else "Int64" for name in COLUMNS}).sort_index()


def assert_facts_are_exact(as_of) -> None:
    """This function will fail unless what is stored is what orders and events say at `as_of`, to the last column."""
    pd.testing.assert_frame_equal(stored_facts(), expected_facts(as_of))
