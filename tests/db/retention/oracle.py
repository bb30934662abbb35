"""Facts by pandas from the rows of orders: slow, plain, sharing no code with the product's aggregate."""

from __future__ import annotations

import pandas as pd

from core.conf import shop_zone
from core.periods import day_number
from members.models import Member, Order
from retention.models import MemberFacts

WINDOWS = (30, 90, 180, 365)
COLUMNS = [field.name for field in MemberFacts._meta.concrete_fields if field.name not in {"member", "windows_day"}]


def expected_facts(as_of) -> pd.DataFrame:
    """This function will count everything again, member by member."""
    day = day_number(as_of, shop_zone())
    orders = [row for row in Order.objects.values() if row["status"] != "cancelled" and row["placed_at"] <= as_of]
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
        rows[member_id] = row
    return _frame(rows)


def stored_facts() -> pd.DataFrame:
    return _frame({row.pop("member_id"): row for row in MemberFacts.objects.values("member_id", *COLUMNS)})


def _frame(rows) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS).astype("Int64").sort_index()


def assert_facts_are_exact(as_of) -> None:
    """This function will fail unless what is stored is what orders say at `as_of`, to the last column."""
    pd.testing.assert_frame_equal(stored_facts(), expected_facts(as_of))
