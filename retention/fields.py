"""The catalogue: everything rules may read today. A name of the contract enters with the room that fills it."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.fields import PROFILE_FIELDS, attribute_fields, tier_choices
from retention.behaviours import BEHAVIOURS, registered
from retention.models.facts import WINDOWS
from retention.models.reasons import Reason
from retention.scoring.lifecycle import Stage
from retention.scoring.value import Layer
from rules.fields import Field, FieldCatalogue, FieldType

ORDERS, VISITS, HABITS, SCORES, LOYALTY = _("Orders"), _("Visits"), _("Habits"), _("Scores"), _("Loyalty")
CONTACTS = _("Messages and coupons")

Text = Promise | str
Choices = tuple[tuple[str | int, Any], ...]

CHURN_REASON = "churn_reason"
"""What the rules of reasons may not read, nor the segments that they name."""

STAGE_LABELS: dict[str, Promise] = {
    Stage.NONE.value: _("never ordered"),
    Stage.NEW.value: _("new"),
    Stage.ACTIVE.value: _("active"),
    Stage.REACTIVATED.value: _("reactivated"),
    Stage.AT_RISK.value: _("at risk"),
    Stage.DORMANT.value: _("dormant"),
    Stage.LOST.value: _("lost"),
}
GROUP_LABELS: dict[str, Promise] = {
    "champions": _("champions"),
    "loyal": _("loyal"),
    "big_spenders": _("big spenders"),
    "recent": _("recent"),
    "promising": _("promising"),
    "cannot_lose": _("cannot lose them"),
    "needs_attention": _("needs attention"),
    "inactive": _("inactive"),
}
LAYER_LABELS: dict[str, Promise] = {
    Layer.HIGH.value: _("high value"),
    Layer.MIDDLE.value: _("middle value"),
    Layer.LOW.value: _("low value"),
}

_WINDOW_LABELS: dict[int, tuple[Promise, Promise]] = {
    30: (_("Orders in 30 days"), _("Revenue in 30 days")),
    90: (_("Orders in 90 days"), _("Revenue in 90 days")),
    180: (_("Orders in 180 days"), _("Revenue in 180 days")),
    365: (_("Orders in 365 days"), _("Revenue in 365 days")),
}


# Rows of the tables below: a field of each type. What is counted is 0 of nothing, never missing.


def _counted(name: str, label: Promise, unit: str, group: Promise, help: Text = "") -> Field:
    return Field(name=name, type=FieldType.NUMBER, label=label, unit=unit, nullable=False, group=group, help=help)


def _number(name: str, label: Promise, group: Promise, help: Text = "", *, unit: str = "") -> Field:
    return Field(name=name, type=FieldType.NUMBER, label=label, unit=unit, group=group, help=help)


def _decimal(name: str, label: Promise, group: Promise, help: Text = "", *, unit: str = "") -> Field:
    return Field(name=name, type=FieldType.DECIMAL, label=label, unit=unit, group=group, help=help)


def _money(name: str, label: Promise, group: Promise, help: Text = "", *, nullable: bool = True) -> Field:
    return Field(name=name, type=FieldType.MONEY, label=label, nullable=nullable, group=group, help=help)


def _share(name: str, label: Promise, group: Promise, help: Text = "") -> Field:
    return Field(name=name, type=FieldType.SHARE, label=label, group=group, help=help)


def _date(name: str, label: Promise, column: str, group: Promise, help: Text = "") -> Field:
    return Field(name=name, type=FieldType.DATE, label=label, column=column, group=group, help=help)


def _text(name: str, label: Promise, group: Promise, help: Text = "") -> Field:
    return Field(name=name, type=FieldType.TEXT, label=label, group=group, help=help)


def _choice(
    name: str, label: Promise, choices: Choices, help: Text = "", *, nullable: bool = True, group: Promise = SCORES
) -> Field:
    return Field(
        name=name, type=FieldType.ENUMERATION, label=label, choices=choices, nullable=nullable, group=group, help=help
    )


FACT_FIELDS = (
    _counted("order_count", pgettext_lazy("how many", "Orders"), "orders", ORDERS),
    _money("revenue_minor", _("Revenue"), ORDERS, _("Order totals less refunds."), nullable=False),
    _money("average_order_minor", _("Average order"), ORDERS),
    *(_counted(f"order_count_{days}d", _WINDOW_LABELS[days][0], "orders", ORDERS) for days in WINDOWS),
    *(_money(f"revenue_minor_{days}d", _WINDOW_LABELS[days][1], ORDERS, nullable=False) for days in WINDOWS),
    _date("first_order_at", _("First order"), "first_order_day", ORDERS),
    _date("last_order_at", _("Last order"), "last_order_day", ORDERS),
    _counted("refund_count", _("Refunds"), "refunds", ORDERS),
    _share("refund_rate", _("Share of orders refunded"), ORDERS, _("Orders with a refund among all orders.")),
    _share("coupon_share", _("Share of orders with a coupon"), ORDERS, _("Orders with a coupon among all orders.")),
    _share("discount_share", _("Discount share"), ORDERS, _("Discounts as a part of list prices.")),
    _number(
        "preferred_hour",
        _("Preferred hour"),
        HABITS,
        _("The hour of the day, from 0 to 23, in which most orders were placed; the earlier of two."),
    ),
    _text(
        "preferred_channel",
        _("Preferred channel"),
        HABITS,
        _("The channel of most orders; the first by the alphabet of two."),
    ),
    _text(
        "favourite_category",
        _("Favourite category"),
        HABITS,
        _("The category of most order lines; the first by the alphabet of two."),
    ),
    _date(
        "last_visit_at",
        _("Last visit"),
        "last_visit_day",
        VISITS,
        _("The last day on which the member was in the shop: visited, looked, searched, used a cart."),
    ),
    _counted(
        "carts_left_30d",
        _("Carts left in 30 days"),
        "carts",
        VISITS,
        _("Days on which something was put into the cart, with no checkout and no order on that day or the next."),
    ),
    _counted("complaint_count_90d", _("Complaints in 90 days"), "complaints", VISITS),
    _decimal("average_rating", _("Average rating"), VISITS, _("The mean of all ratings given, from 1 to 5.")),
    _counted("points_balance", _("Points balance"), "points", LOYALTY, _("Points that can be spent now.")),
    _counted(
        "growth_value", _("Growth value"), "", LOYALTY, _("All growth earned, less what was taken back; it is never spent.")
    ),
    _date(
        "last_contacted_at",
        _("Last message"),
        "last_contacted_day",
        CONTACTS,
        _("The last day on which a campaign's message was handed to its provider."),
    ),
    _counted(
        "messages_30d",
        _("Messages in 30 days"),
        "messages",
        CONTACTS,
        _("Messages of campaigns, over whatever channel, that were handed to their providers."),
    ),
    _counted(
        "coupons_redeemed_90d",
        _("Coupons redeemed in 90 days"),
        "coupons",
        CONTACTS,
        _("Uses of this shop's own coupons that were not given back."),
    ),
)
"""What stays the same however late one asks."""

SCORE_FIELDS = (
    _number("days_since_last_visit", _("Days since last visit"), VISITS, unit="days"),
    _number("days_since_last_order", _("Days since last order"), HABITS, unit="days"),
    _decimal(
        "mean_gap_days",
        _("Mean days between orders"),
        HABITS,
        _("Known from the second day with an order on."),
        unit="days",
    ),
    _decimal(
        "rhythm_days",
        _("Buying rhythm"),
        HABITS,
        _("Days within which the next order is expected: the member's own habit, steadied by the shop's."),
        unit="days",
    ),
    _decimal(
        "overdue_ratio",
        _("Overdue"),
        HABITS,
        _("Days since the last order as a multiple of the buying rhythm: 2 is twice as long as usual."),
        unit="rhythms",
    ),
    _number("r_score", _("R score"), SCORES, _("How recently, from 1 to 5: 5 is the fifth of members who ordered last.")),
    _number("f_score", _("F score"), SCORES, _("How often, from 1 to 5: 5 is the fifth of members with the most orders.")),
    _number("m_score", _("M score"), SCORES, _("How much, from 1 to 5: 5 is the fifth of members with the most revenue.")),
    _choice("rfm_group", _("RFM group"), tuple(GROUP_LABELS.items())),
    _choice("lifecycle_stage", _("Lifecycle stage"), tuple(STAGE_LABELS.items()), nullable=False),
    _share(
        "churn_probability",
        _("Churn probability"),
        SCORES,
        _("How likely the member does not order within the churn horizon."),
    ),
    _choice(
        "value_layer",
        _("Value layer"),
        tuple(LAYER_LABELS.items()),
        _("By revenue among members who ordered: the upper fifth, the next three tenths, the lower half."),
    ),
    _share(
        "p_alive",
        _("Probability to be alive"),
        SCORES,
        _("That the member still is a customer at all, by the own pace of orders. 1 for everybody who ordered once."),
    ),
    _decimal(
        "expected_orders_90d",
        _("Expected orders in 90 days"),
        SCORES,
        _("Days with an order to be expected from the last fit of the models on."),
        unit="orders",
    ),
    _money(
        "clv_365d_minor",
        _("Expected revenue in 365 days"),
        SCORES,
        _("Customer lifetime value over a year from the last fit on: expected orders times their expected value."),
    ),
    _choice(
        CHURN_REASON,
        _("Churn reason"),
        tuple(Reason.choices),
        _("Why the member leaves: known of members at risk, dormant or lost."),
    ),
)
"""What ages from day to day."""

TIER_DROP = _date(
    "tier_drop_on",
    _("Tier drops on"),
    "tier_drop_day",
    LOYALTY,
    _("The day on which the member will fall to a lower tier, if nothing more is bought; not known for who keeps it."),
)
_TIER = _text("tier", _("Tier"), LOYALTY, _("By its short name."))
SHOWN_FACTS = (*FACT_FIELDS, _TIER, TIER_DROP)
"""What is told of a member wherever facts are; the tier is missing while there is none."""


def tier_field() -> Field:
    """This function will give the tier, with the shop's own tiers to choose from; a text as long as it has none."""
    choices = tier_choices()
    if not choices:
        return _TIER
    return _choice("tier", _("Tier"), choices, group=LOYALTY)


CATALOGUE = FieldCatalogue([*PROFILE_FIELDS, *FACT_FIELDS, TIER_DROP, *SCORE_FIELDS], BEHAVIOURS)
"""What every installation has."""


def catalogue() -> FieldCatalogue:
    """This function will give all that rules may ask at this moment: the shop's tiers and attributes, other apps' deeds."""
    return FieldCatalogue([*CATALOGUE, tier_field(), *attribute_fields()], [*CATALOGUE.behaviours, *registered])
