"""Ready rules: what shops ask first, each a rule to start from. Nothing is stored; a chosen one becomes a segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import InvalidInput
from retention.models import MemberFacts
from retention.scored import current_parameters
from retention.selectors.reasons import rows_asked
from retention.selectors.rules import Rulebook, condition
from retention.selectors.state import asked_at
from retention.services.rules import sentence


@dataclass(frozen=True, slots=True)
class ReadyRule:
    """A rule with a name and what it is good for. `code` is how addresses call it."""

    code: str
    name: str | Promise
    description: str | Promise
    icon: str
    rule: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        return sentence(self.rule)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many members a ready rule means now; `share` None before anybody was counted."""

    count: int
    share: float | None


def _all(*rules: Mapping[str, Any]) -> dict[str, Any]:
    return {"combinator": "and", "rules": list(rules)}


def _is(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


VIEWS = {"did": "view", "operator": ">=", "times": 3, "within_days": 30}

READY_RULES = (
    ReadyRule(
        "at-risk-by-own-cadence",
        _("At risk by their own rhythm"),
        _("They have been away longer than is usual for them, whatever is usual for the shop. The best moment to write."),
        "warning",
        _is("lifecycle_stage", "=", "at_risk"),
    ),
    ReadyRule(
        "one-time-buyers-last-quarter",
        _("One-time buyers of the last quarter"),
        _("They bought once and have not come back yet. A second order makes a customer."),
        "looks_one",
        _all(_is("order_count", "=", 1), _is("first_order_at", "within_last_days", 90)),
    ),
    ReadyRule(
        "high-value-dormant",
        _("High value, dormant"),
        _("They belong to those who spent most, and have fallen asleep. Worth a call or a good offer."),
        "bedtime",
        _all(_is("m_score", ">=", 4), _is("lifecycle_stage", "=", "dormant")),
    ),
    ReadyRule(
        "cart-left",
        _("Left a cart"),
        _("They put something into the cart in the last 30 days and did not order it. Remind them."),
        "shopping_cart",
        _is("carts_left_30d", ">=", 1),
    ),
    ReadyRule(
        "coupon-lovers",
        _("Coupon lovers"),
        _("Half of their orders or more came with a coupon. They come for an offer, so a small one is enough."),
        "sell",
        _all(_is("order_count", ">=", 3), _is("coupon_share", ">=", 0.5)),
    ),
    ReadyRule(
        "complained-and-silent",
        _("Complained, and silent since"),
        _("They complained in the last 90 days and have not ordered in the last 30. Say sorry before you sell."),
        "sentiment_dissatisfied",
        _all(_is("complaint_count_90d", ">=", 1), _is("order_count_30d", "=", 0)),
    ),
    ReadyRule(
        "birthday-next-week",
        _("Birthday in the next seven days"),
        _("Today counts as the first day. A greeting that comes in time."),
        "cake",
        _is("birth_date", "is_anniversary_within_days", 7),
    ),
    ReadyRule(
        "tier-about-to-drop",
        _("Tier about to drop"),
        _("Within 30 days they will fall to a lower tier, unless they buy. Tell them how little is missing."),
        "trending_down",
        _is("tier_drop_on", "within_next_days", 30),
    ),
    ReadyRule(
        "price-sensitive",
        _("Price-sensitive"),
        _("They pay a fifth below list prices or less, order after order. New prices reach them first."),
        "percent",
        _all(_is("order_count", ">=", 2), _is("discount_share", ">=", 0.2)),
    ),
    ReadyRule(
        "browses-never-buys",
        _("Browses but never buys"),
        _("They looked at goods again and again this month and have never ordered. Ask why, or make the first order easy."),
        "visibility",
        _all(_is("order_count", "=", 0), VIEWS),
    ),
)


def ready_rule(code: str) -> ReadyRule | None:
    return next((each for each in READY_RULES if each.code == code), None)


def count_ready_rules() -> dict[str, Counted]:
    """This function will count all ready rules in one scan, as of the last refresh; one that cannot be asked is left out."""
    asked_about, rulebook = asked_at(None), Rulebook()
    everybody = MemberFacts.objects.count()
    if asked_about is None or not everybody:
        return {each.code: Counted(0, None) for each in READY_RULES}
    asked: dict[str, Q] = {}
    for number, each in enumerate(READY_RULES):
        try:
            asked[f"answer_{number}"] = condition(
                each.rule, day=asked_about.day, as_of=asked_about.instant, rulebook=rulebook
            )
        except InvalidInput:  # a release without one of its fields: the others are counted all the same
            continue
    rows = rows_asked(rulebook=rulebook, parameters=current_parameters(), day=asked_about.day, as_of=asked_about.instant)
    counts = rows.aggregate(**{name: Count("member_id", filter=meant) for name, meant in asked.items()})
    return {
        READY_RULES[int(name.removeprefix("answer_"))].code: Counted(count, count / everybody)
        for name, count in counts.items()
    }
