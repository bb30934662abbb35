"""Twenty segments as a shop would have them: of stored fields and scores, of two to four conditions each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Rule = dict[str, Any]

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def _is(field: str, operator: str, value: Any = None) -> Rule:
    return {"field": field, "operator": operator} | ({} if value is None else {"value": value})


def _all(*rules: Rule) -> Rule:
    return {"combinator": "and", "rules": [*rules]}


def _any(*rules: Rule) -> Rule:
    return {"combinator": "or", "rules": [*rules]}


RULES: dict[str, Rule] = {
    "at-risk": _all(_is("lifecycle_stage", "=", "at_risk"), _is("order_count", ">=", 3)),
    "dormant-high-value": _all(_is("lifecycle_stage", "in", ["dormant", "lost"]), _is("revenue_minor", ">=", 200_000)),
    "new-buyers": _all(_is("lifecycle_stage", "=", "new"), _is("order_count", "=", 1)),
    "came-back": _is("lifecycle_stage", "=", "reactivated"),
    "overdue": _all(_is("overdue_ratio", ">", 1.5), _is("overdue_ratio", "<=", 2)),
    "champions": _all(_is("r_score", ">=", 4), _is("f_score", ">=", 4), _is("m_score", ">=", 4)),
    "one-time": _all(_is("order_count", "=", 1), _is("days_since_last_order", "between", [30, 120])),
    "two-months-silent": _all(_is("days_since_last_order", ">=", 60), _is("order_count_365d", ">=", 4)),
    "coupon-lovers": _all(_is("coupon_share", ">", 0.5), _is("order_count", ">=", 4)),
    "discount-hunters": _all(_is("discount_share", ">", 0.1), _is("average_order_minor", "<", 8_000)),
    "refunders": _all(_is("refund_rate", ">=", 0.2), _is("refund_count", ">=", 2)),
    "cart-left": _all(_is("carts_left_30d", ">=", 1), _is("order_count_30d", "=", 0)),
    "complained": _all(_is("complaint_count_90d", ">=", 1), _is("days_since_last_order", ">", 30)),
    "shanghai-women": _all(_is("city", "=", "上海"), _is("gender", "=", "female"), _is("age", "between", [25, 40])),
    "birthday": _is("birth_date", "is_anniversary_within_days", 7),
    "app-evenings": _all(_is("preferred_channel", "=", "app"), _is("preferred_hour", ">=", 19)),
    "big-baskets": _any(_is("average_order_minor", ">", 20_000), _is("revenue_minor_90d", ">", 100_000)),
    "browsers": _all(_is("days_since_last_visit", "<=", 14), _is("days_since_last_order", ">", 60)),
    "slow-rhythm": _all(_is("rhythm_days", ">", 60), _is("mean_gap_days", "is_not_null")),
    "recent-regulars": _all(_is("order_count_90d", ">=", 3), _is("last_order_at", "within_last_days", 30)),
}
"""By short name."""


def _did(what: str, operator: str, times: int, **window: Any) -> Rule:
    return {"did": what, "operator": operator, "times": times, **window}


WINDOWS: dict[str, Rule] = {
    "ordered-twice": _did("order", ">=", 2, within_days=60),
    "silent-quarter": _did("order", "=", 0, within_days=91),
    "spent-lately": {"did": "order", "operator": ">=", "sum": "amount_minor", "value": 30_000, "within_days": 45},
    "looked-at-tea": _did("view", ">=", 1, within_days=45, where={"category": "tea"}),
    "came-often": _did("visit", ">=", 3, within_days=120),
}
"""What members did, each within a window of its own."""


def make_segments(count: int, *, rules: dict[str, Rule] = RULES) -> None:
    """This function will make the first so many of them."""
    from retention.services.segments import create_segment

    for slug, rule in [*rules.items()][:count]:
        create_segment(slug=slug, name=slug, rule=rule, now=MADE_AT)
