"""What the shop of the demonstration set up: its segments, its coupons and its three campaigns."""

from __future__ import annotations

from typing import Any

CONTROL_SHARE = 0.2


def _is(field: str, operator: str, value: object) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"combinator": "and", "rules": list(rules)}


AT_RISK_OR_DORMANT = _is("lifecycle_stage", "in", ["at_risk", "dormant"])

SEGMENTS: tuple[dict[str, Any], ...] = (
    {"slug": "new", "name": "New members", "rule": _is("lifecycle_stage", "=", "new")},
    {"slug": "active", "name": "Active members", "rule": _is("lifecycle_stage", "=", "active")},
    {"slug": "reactivated", "name": "Came back", "rule": _is("lifecycle_stage", "=", "reactivated")},
    {"slug": "at-risk", "name": "At risk", "rule": _is("lifecycle_stage", "=", "at_risk")},
    {"slug": "dormant", "name": "Dormant", "rule": _is("lifecycle_stage", "=", "dormant")},
    {"slug": "lost", "name": "Lost", "rule": _is("lifecycle_stage", "=", "lost")},
    {"slug": "win-back", "name": "At risk or dormant", "rule": AT_RISK_OR_DORMANT},
    {
        "slug": "one-more-order",
        "name": "Three orders or fewer",
        "rule": _is("order_count", "between", [1, 3]),
    },
    {
        "slug": "best-customers",
        "name": "Best customers",
        "rule": _all(_is("r_score", ">=", 4), _is("f_score", ">=", 4), _is("m_score", ">=", 4)),
    },
    {
        "slug": "big-spenders-leaving",
        "name": "Big spenders who are leaving",
        "rule": _all({"in_segment": "win-back"}, _is("m_score", ">=", 4)),
    },
)

TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "slug": "win-back-15",
        "name": "15% off your next basket",
        "origin": "own",
        "benefit": {"kind": "percent_off", "percent_off": 15, "max_minor": 3000},
        "minimum_minor": 2000,
        "valid_days": 14,
    },
    {
        "slug": "birthday-10",
        "name": "A birthday gift of ¥10",
        "origin": "own",
        "benefit": {"kind": "fixed", "amount_minor": 1000},
        "valid_days": 30,
    },
    {
        "slug": "one-more-5",
        "name": "¥5 off one more order",
        "origin": "own",
        "benefit": {"kind": "fixed", "amount_minor": 500},
        "minimum_minor": 1500,
        "valid_days": 30,
        "total_limit": 500,
    },
)


def _campaign(
    slug: str, name: str, *, trigger: dict[str, Any], audience: dict[str, Any], template: str, message: dict[str, Any]
) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": name,
        "trigger": trigger,
        "audience": audience,
        "steps": [{"kind": "issue_coupon", "template": template}, {"kind": "send_message", **message}],
        "control_share": CONTROL_SHARE,
        "re_entry": {"policy": "per_occurrence" if trigger["kind"] == "date" else "once"},
        "attribution_days": 14,
    }


CAMPAIGNS: tuple[dict[str, Any], ...] = (
    _campaign(
        "win-back",
        "We miss you",
        trigger={"kind": "segment_entered", "segment": "win-back", "include_current": True},
        audience=AT_RISK_OR_DORMANT,
        template="win-back-15",
        message={
            "channel": "sms",
            "body": "We have not seen you for a while. {{ coupon.name }}: {{ coupon.code }}",
        },
    ),
    _campaign(
        "birthday",
        "Happy birthday",
        trigger={"kind": "date", "field": "birth_date", "days_before": 0, "at": "09:00"},
        audience={"everyone": True},
        template="birthday-10",
        message={
            "channel": "email",
            "subject": "Happy birthday!",
            "body": "All the best for your birthday. {{ coupon.name }}: {{ coupon.code }}",
        },
    ),
    _campaign(
        "one-more-order",
        "One more order",
        trigger={"kind": "manual"},
        audience={"in_segment": "one-more-order"},
        template="one-more-5",
        message={
            "channel": "sms",
            "body": "Your next order is {{ coupon.name }} with code {{ coupon.code }}",
        },
    ),
)
