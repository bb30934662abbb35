"""The catalogue: everything rules may read today. A name of the contract enters with the room that fills it."""

from __future__ import annotations

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


def _number(name: str, label: Promise, *, unit: str, nullable: bool = False, **more: object) -> Field:
    return Field(name=name, type=FieldType.NUMBER, label=label, unit=unit, nullable=nullable, group=ORDERS, **more)  # type: ignore[arg-type]


def _money(name: str, label: Promise, *, nullable: bool = False, help: Promise | str = "") -> Field:
    return Field(name=name, type=FieldType.MONEY, label=label, nullable=nullable, group=ORDERS, help=help)


def _share(name: str, label: Promise, help: Promise) -> Field:
    return Field(name=name, type=FieldType.SHARE, label=label, group=ORDERS, help=help)


def _score(name: str, label: Promise, help: Promise) -> Field:
    return Field(name=name, type=FieldType.NUMBER, label=label, group=SCORES, help=help)


FACT_FIELDS = (
    _number("order_count", pgettext_lazy("how many", "Orders"), unit="orders"),
    _money("revenue_minor", _("Revenue"), help=_("Order totals less refunds.")),
    _money("average_order_minor", _("Average order"), nullable=True),
    *(_number(f"order_count_{days}d", _WINDOW_LABELS[days][0], unit="orders") for days in WINDOWS),
    *(_money(f"revenue_minor_{days}d", _WINDOW_LABELS[days][1]) for days in WINDOWS),
    Field(name="first_order_at", type=FieldType.DATE, label=_("First order"), column="first_order_day", group=ORDERS),
    Field(name="last_order_at", type=FieldType.DATE, label=_("Last order"), column="last_order_day", group=ORDERS),
    _number("refund_count", _("Refunds"), unit="refunds"),
    _share("refund_rate", _("Share of orders refunded"), _("Orders with a refund among all orders.")),
    _share("coupon_share", _("Share of orders with a coupon"), _("Orders with a coupon among all orders.")),
    _share("discount_share", _("Discount share"), _("Discounts as a part of list prices.")),
    Field(
        name="preferred_hour",
        type=FieldType.NUMBER,
        label=_("Preferred hour"),
        group=HABITS,
        help=_("The hour of the day, from 0 to 23, in which most orders were placed; the earlier of two."),
    ),
    Field(
        name="preferred_channel",
        type=FieldType.TEXT,
        label=_("Preferred channel"),
        group=HABITS,
        help=_("The channel of most orders; the first by the alphabet of two."),
    ),
    Field(
        name="favourite_category",
        type=FieldType.TEXT,
        label=_("Favourite category"),
        group=HABITS,
        help=_("The category of most order lines; the first by the alphabet of two."),
    ),
    Field(
        name="last_visit_at",
        type=FieldType.DATE,
        label=_("Last visit"),
        column="last_visit_day",
        group=VISITS,
        help=_("The last day on which the member was in the shop: visited, looked, searched, used a cart."),
    ),
    Field(
        name="carts_left_30d",
        type=FieldType.NUMBER,
        label=_("Carts left in 30 days"),
        unit="carts",
        nullable=False,
        group=VISITS,
        help=_("Days on which something was put into the cart, with no checkout and no order on that day or the next."),
    ),
    Field(
        name="complaint_count_90d",
        type=FieldType.NUMBER,
        label=_("Complaints in 90 days"),
        unit="complaints",
        nullable=False,
        group=VISITS,
    ),
    Field(
        name="average_rating",
        type=FieldType.DECIMAL,
        label=_("Average rating"),
        group=VISITS,
        help=_("The mean of all ratings given, from 1 to 5."),
    ),
    Field(
        name="points_balance",
        type=FieldType.NUMBER,
        label=_("Points balance"),
        unit="points",
        nullable=False,
        group=LOYALTY,
        help=_("Points that can be spent now."),
    ),
    Field(
        name="growth_value",
        type=FieldType.NUMBER,
        label=_("Growth value"),
        nullable=False,
        group=LOYALTY,
        help=_("All growth earned, less what was taken back; it is never spent."),
    ),
    Field(
        name="last_contacted_at",
        type=FieldType.DATE,
        label=_("Last message"),
        column="last_contacted_day",
        group=CONTACTS,
        help=_("The last day on which a campaign's message was handed to its provider."),
    ),
    Field(
        name="messages_30d",
        type=FieldType.NUMBER,
        label=_("Messages in 30 days"),
        unit="messages",
        nullable=False,
        group=CONTACTS,
        help=_("Messages of campaigns, over whatever channel, that were handed to their providers."),
    ),
    Field(
        name="coupons_redeemed_90d",
        type=FieldType.NUMBER,
        label=_("Coupons redeemed in 90 days"),
        unit="coupons",
        nullable=False,
        group=CONTACTS,
        help=_("Uses of this shop's own coupons that were not given back."),
    ),
)
"""What stays the same however late one asks."""

SCORE_FIELDS = (
    Field(
        name="days_since_last_visit",
        type=FieldType.NUMBER,
        label=_("Days since last visit"),
        unit="days",
        group=VISITS,
    ),
    Field(
        name="days_since_last_order",
        type=FieldType.NUMBER,
        label=_("Days since last order"),
        unit="days",
        group=HABITS,
    ),
    Field(
        name="mean_gap_days",
        type=FieldType.DECIMAL,
        label=_("Mean days between orders"),
        unit="days",
        group=HABITS,
        help=_("Known from the second day with an order on."),
    ),
    Field(
        name="rhythm_days",
        type=FieldType.DECIMAL,
        label=_("Buying rhythm"),
        unit="days",
        group=HABITS,
        help=_("Days within which the next order is expected: the member's own habit, steadied by the shop's."),
    ),
    Field(
        name="overdue_ratio",
        type=FieldType.DECIMAL,
        label=_("Overdue"),
        unit="rhythms",
        group=HABITS,
        help=_("Days since the last order as a multiple of the buying rhythm: 2 is twice as long as usual."),
    ),
    _score("r_score", _("R score"), _("How recently, from 1 to 5: 5 is the fifth of members who ordered last.")),
    _score("f_score", _("F score"), _("How often, from 1 to 5: 5 is the fifth of members with the most orders.")),
    _score("m_score", _("M score"), _("How much, from 1 to 5: 5 is the fifth of members with the most revenue.")),
    Field(
        name="rfm_group",
        type=FieldType.ENUMERATION,
        label=_("RFM group"),
        group=SCORES,
        choices=tuple(GROUP_LABELS.items()),
    ),
    Field(
        name="lifecycle_stage",
        type=FieldType.ENUMERATION,
        label=_("Lifecycle stage"),
        group=SCORES,
        nullable=False,
        choices=tuple(STAGE_LABELS.items()),
    ),
    Field(
        name="churn_probability",
        type=FieldType.SHARE,
        label=_("Churn probability"),
        group=SCORES,
        help=_("How likely the member does not order within the churn horizon."),
    ),
    Field(
        name="value_layer",
        type=FieldType.ENUMERATION,
        label=_("Value layer"),
        group=SCORES,
        choices=tuple(LAYER_LABELS.items()),
        help=_("By revenue among members who ordered: the upper fifth, the next three tenths, the lower half."),
    ),
    Field(
        name="p_alive",
        type=FieldType.SHARE,
        label=_("Probability to be alive"),
        group=SCORES,
        help=_("That the member still is a customer at all, by the own pace of orders. 1 for everybody who ordered once."),
    ),
    Field(
        name="expected_orders_90d",
        type=FieldType.DECIMAL,
        label=_("Expected orders in 90 days"),
        unit="orders",
        group=SCORES,
        help=_("Days with an order to be expected from the last fit of the models on."),
    ),
    Field(
        name="clv_365d_minor",
        type=FieldType.MONEY,
        label=_("Expected revenue in 365 days"),
        group=SCORES,
        help=_("Customer lifetime value over a year from the last fit on: expected orders times their expected value."),
    ),
    Field(
        name=CHURN_REASON,
        type=FieldType.ENUMERATION,
        label=_("Churn reason"),
        group=SCORES,
        choices=tuple(Reason.choices),
        help=_("Why the member leaves: known of members at risk, dormant or lost."),
    ),
)
"""What ages from day to day."""

TIER_DROP = Field(
    name="tier_drop_on",
    type=FieldType.DATE,
    label=_("Tier drops on"),
    column="tier_drop_day",
    group=LOYALTY,
    help=_("The day on which the member will fall to a lower tier, if nothing more is bought; not known for who keeps it."),
)
_TIER = Field(name="tier", type=FieldType.TEXT, label=_("Tier"), group=LOYALTY, help=_("By its short name."))
SHOWN_FACTS = (*FACT_FIELDS, _TIER, TIER_DROP)
"""What is told of a member wherever facts are; the tier is missing while there is none."""


def tier_field() -> Field:
    """This function will give the tier, with the shop's own tiers to choose from; a text as long as it has none."""
    choices = tier_choices()
    if not choices:
        return _TIER
    return Field(name="tier", type=FieldType.ENUMERATION, label=_("Tier"), group=LOYALTY, choices=choices)


CATALOGUE = FieldCatalogue([*PROFILE_FIELDS, *FACT_FIELDS, TIER_DROP, *SCORE_FIELDS], BEHAVIOURS)
"""What every installation has."""


def catalogue() -> FieldCatalogue:
    """This function will give all that rules may ask now: the shop's own tiers and attributes and other apps' deeds, too."""
    return FieldCatalogue([*CATALOGUE, tier_field(), *attribute_fields()], [*CATALOGUE.behaviours, *registered])
