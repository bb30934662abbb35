"""The scores of retention/scoring once more, as database expressions over the columns of facts; tests hold both equal.

Operations stand in the same order as there, so that both round alike. None may raise for any row: one bad row would stop a
scan for everybody. So no divisor can be 0, missing stays missing, days yet to come are 0 days ago, and neither LEAST nor
GREATEST is used, which treat missing values differently from database to database.
"""

from __future__ import annotations

from calendar import isleap

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    Expression,
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Ln, NullIf
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan

from core.periods import date_of
from retention.scoring.cadence import PRIOR_GAPS, SHORTEST_RHYTHM_DAYS
from retention.scoring.lifecycle import Stage
from retention.scoring.parameters import (
    CHURN_FEATURES,
    PACE_DAYS,
    PACE_FROM,
    Bands,
    BgNbd,
    Churn,
    CutPoints,
    Parameters,
    ValueCuts,
)
from retention.scoring.rfm import BINS, GROUPS, Group
from retention.scoring.value import Layer

Columns = dict[str, Expression | F]

TEXTS = ("gender", "city", "province", "source", "language", "occupation")
"""Columns of a profile where empty text means missing."""
FORECASTS = ("expected_orders_90d", "clv_365d_minor")
"""What the last fit stored of each member."""
AS_IT_IS = ("external_id", "registered_day", "random_bucket", "attributes")
ORDERED = Q(order_count__gte=1)
UNIX_EPOCH = 2_440_588
"""The Julian day number of 1970-01-01."""
TELLS_NOTHING = 1e-100
"""A parameter of a model below it adds nothing to a sum of which sixteen digits are kept."""


# the layers of retention/scored.py: each reads columns of the one before


def profile(*, as_of_day: int) -> Columns:
    """This function will give what rules read of a member's own row, empty text as missing."""
    return {
        **{name: F(f"member__{name}") for name in AS_IT_IS},
        **{name: NullIf(F(f"member__{name}"), Value("")) for name in TEXTS},
        **{name: F(f"member__forecast__{name}") for name in FORECASTS},
        "birth_key": solar_birth_key(),
        "age": age(as_of_day=as_of_day),
        "birth_day": birth_day(),
        "tier": F("member__tier_held__tier__slug"),
        "tier_drop_day": F("member__tier_held__drop_day"),
    }


def habits(*, as_of_day: int) -> Columns:
    """This function will give what follows from a member's facts and the day alone."""
    return {
        "average_order_minor": average_order_minor(),
        "refund_rate": share("refunded_order_count", F("order_count")),
        "coupon_share": share("coupon_order_count", F("order_count")),
        "discount_share": share("discount_minor", decimal(F("total_minor")) + decimal(F("discount_minor"))),
        "average_rating": share("rating_sum", F("rating_count")),
        "days_since_last_visit": days_since("last_visit_day", as_of_day=as_of_day),
        "days_since_last_order": days_since("last_order_day", as_of_day=as_of_day),
        "mean_gap_days": mean_gap_days(),
    }


def weights(parameters: Parameters, *, as_of_day: int) -> Columns:
    """This function will give what measures a member by the shop."""
    return {
        **rfm_scores(parameters.cut_points),
        "rhythm_days": rhythm_days(parameters.median_gap_days),
        "p_alive": p_alive(parameters.bg_nbd, as_of_day=as_of_day),
        "churn_probability": churn_probability(parameters.churn, as_of_day=as_of_day),
        "value_layer": value_layer(parameters.value_cuts),
    }


def judgements(parameters: Parameters, *, as_of_day: int) -> Columns:
    """This function will give the names that scores add up to."""
    return {
        "rfm_group": rfm_group(),
        "overdue_ratio": overdue_ratio(),
        "lifecycle_stage": lifecycle_stage(parameters.bands, as_of_day=as_of_day),
    }


def decimal(expression: Expression | F | float) -> Cast:
    """This function will make a double of a whole number, and of a constant that PostgreSQL would take for a numeric."""
    return Cast(Value(expression) if isinstance(expression, float) else expression, FloatField())


def missing(kind: type[FloatField | IntegerField | CharField] = FloatField) -> Cast:
    return Cast(Value(None), kind())


# shares and averages: facts over facts


def average_order_minor() -> Case:
    """Revenue over orders in whole minor units, half a unit rounded up. No step is larger than the revenue itself."""
    revenue, orders = F("revenue_minor"), F("order_count")
    half_or_more = Q(GreaterThanOrEqual(2 * (revenue % orders), orders))
    rounded = revenue / orders + Case(When(half_or_more, then=Value(1)), default=Value(0))
    return Case(When(ORDERED, then=rounded), default=None, output_field=BigIntegerField())


def share(part: str, whole: Expression | F) -> Expression:
    """This function will return part / whole as a double, missing where the whole is 0."""
    return decimal(F(part)) / NullIf(decimal(whole), decimal(0.0))


# cadence


def days_since(column: str, *, as_of_day: int) -> Case:
    """Missing where the column is."""
    yet_to_come = When(Q(**{f"{column}__gt": as_of_day}), then=Value(0))
    return Case(yet_to_come, default=Value(as_of_day) - F(column), output_field=IntegerField())


def mean_gap_days() -> Case:
    span = decimal(F("last_order_day") - F("first_order_day"))
    return Case(When(order_days__gte=2, then=span / decimal(F("order_days") - 1)), default=None, output_field=FloatField())


def rhythm_days(median_gap_days: float | None) -> Expression:
    """Reads `mean_gap_days`."""
    if median_gap_days is None:
        return missing()
    own = decimal(F("order_days") - 1) * Coalesce(F("mean_gap_days"), decimal(0.0))
    shrunk = (decimal(PRIOR_GAPS * median_gap_days) + own) / decimal(F("order_days") + (PRIOR_GAPS - 1))
    shortest = decimal(SHORTEST_RHYTHM_DAYS)
    return Case(
        When(order_days__lt=1, then=None),
        When(Q(LessThan(shrunk, shortest)), then=shortest),
        default=shrunk,
        output_field=FloatField(),
    )


def overdue_ratio() -> Expression:
    """Reads `days_since_last_order` and `rhythm_days`."""
    return decimal(F("days_since_last_order")) / F("rhythm_days")


def lifecycle_stage(bands: Bands, *, as_of_day: int) -> Case:
    """Reads `rhythm_days` and what `overdue_ratio` reads."""
    gap = decimal(F("last_order_day") - F("previous_order_day"))
    came_back = Q(LessThan(F("days_since_last_order"), bands.reactivated_days)) & Q(
        GreaterThan(gap, decimal(bands.dormant_ratio) * F("rhythm_days"))
    )
    stages = (
        (Q(last_order_day__isnull=True), Stage.NONE),
        (Q(LessThan(days_since("first_order_day", as_of_day=as_of_day), bands.new_days)), Stage.NEW),
        (_overdue_beyond(bands.lost_ratio), Stage.LOST),
        (_overdue_beyond(bands.dormant_ratio), Stage.DORMANT),
        (_overdue_beyond(bands.at_risk_ratio), Stage.AT_RISK),
        (came_back, Stage.REACTIVATED),
    )
    whens = [When(condition, then=Value(stage.value)) for condition, stage in stages]
    return Case(*whens, default=Value(Stage.ACTIVE.value), output_field=CharField())


def _overdue_beyond(ratio: float) -> Q:
    return Q(GreaterThan(overdue_ratio(), decimal(ratio)))


# RFM


def rfm_scores(cut_points: CutPoints | None) -> Columns:
    """Reads `days_since_last_order`. No score without orders, nor before cut points are published."""
    if cut_points is None:
        return dict.fromkeys(("r_score", "f_score", "m_score"), missing(IntegerField))
    return {
        "r_score": _bin("days_since_last_order", cut_points.recency_days, best=1),
        "f_score": _bin("order_count", cut_points.order_count, best=BINS),
        "m_score": _bin("revenue_minor", cut_points.revenue_minor, best=BINS),
    }


def _bin(column: str, cuts: tuple[float, ...], *, best: int) -> Case:
    """The score of the highest cut point the column lies above; `best` is the score above all of them."""
    above = [(cut, number if best == BINS else BINS + 1 - number) for number, cut in enumerate(cuts, start=2)]
    whens = [When(Q(GreaterThan(decimal(F(column)), decimal(cut))), then=Value(score)) for cut, score in reversed(above)]
    return Case(When(~ORDERED, then=None), *whens, default=Value(1 if best == BINS else BINS), output_field=IntegerField())


def rfm_group() -> Case:
    """Reads the three scores."""
    whens = [When(_box(group), then=Value(group.code)) for group in GROUPS]
    return Case(When(r_score__isnull=True, then=None), *whens, default=None, output_field=CharField())


def _box(group: Group) -> Q:
    return Q(r_score__range=group.r, f_score__range=group.f, m_score__range=group.m)


# models


class Tanh(Func):
    """The hyperbolic tangent: the sigmoid by it can neither overflow nor underflow, and keeps what is missing."""

    function = "TANH"
    arity = 1
    output_field = FloatField()


def p_alive(given: BgNbd | None, *, as_of_day: int) -> Expression:
    """As bg_nbd.p_alive, by log odds. Each logarithm is of something above 0: the order of conditions sees to it."""
    if given is None:
        return missing()
    repeated = Q(order_days__gte=2)
    x, week = decimal(F("order_days") - 1), decimal(7.0)
    span, age_days = decimal(_span_days()) / week, decimal(_age_days(as_of_day)) / week
    later = Case(When(repeated, then=decimal(given.b) + x - decimal(1.0)), default=decimal(1.0), output_field=FloatField())
    growth = (decimal(given.alpha) + age_days) / (decimal(given.alpha) + span)
    against = Ln(decimal(given.a) / later) + (decimal(given.r) + x) * Ln(growth)
    alive = decimal(0.5) - decimal(0.5) * Tanh(against / decimal(2.0))
    return Case(
        When(order_days__lt=1, then=None), When(repeated, then=alive), default=decimal(1.0), output_field=FloatField()
    )


def churn_probability(given: Churn | None, *, as_of_day: int) -> Expression:
    """As churn.probability over churn.features. Reads `days_since_last_order`."""
    if given is None:
        return missing()
    days = decimal(F("order_days"))
    revenue = Case(When(revenue_minor__gt=0, then=F("revenue_minor")), default=Value(0), output_field=BigIntegerField())
    read = {
        "days_since_last_order": decimal(F("days_since_last_order")),
        "order_count_90d": decimal(F("order_count_90d")),
        "average_order_day_minor": decimal(revenue) / NullIf(days, decimal(0.0)),
        "order_days_per_90d": decimal(PACE_DAYS) * days / (decimal(_first_ago(as_of_day)) + decimal(PACE_FROM)),
        "days_between_first_and_last": decimal(_span_days()),
    }
    z: Expression = _telling(given.intercept)
    for name, weight in zip(CHURN_FEATURES, given.weights, strict=True):
        z = z + _telling(weight) * Ln(decimal(1.0) + read[name])
    probability = decimal(0.5) + decimal(0.5) * Tanh(z / decimal(2.0))
    return Case(When(order_days__lt=1, then=None), default=probability, output_field=FloatField())


def _telling(parameter: float) -> Expression:
    """A parameter too small to move any probability is none: PostgreSQL refuses a product that is too small for a float."""
    return decimal(parameter if abs(parameter) > TELLS_NOTHING else 0.0)


def value_layer(cuts: ValueCuts | None) -> Expression:
    """As value.layers."""
    if cuts is None:
        return missing(CharField)
    revenue = decimal(F("revenue_minor"))
    return Case(
        When(~ORDERED, then=None),
        When(Q(GreaterThan(revenue, decimal(cuts.high_minor))), then=Value(Layer.HIGH.value)),
        When(Q(GreaterThan(revenue, decimal(cuts.middle_minor))), then=Value(Layer.MIDDLE.value)),
        default=Value(Layer.LOW.value),
        output_field=CharField(),
    )


def _span_days() -> Expression:
    return Coalesce(F("last_order_day") - F("first_order_day"), 0)


def _first_ago(as_of_day: int) -> Expression:
    return Coalesce(days_since("first_order_day", as_of_day=as_of_day), 0)


def _age_days(as_of_day: int) -> Case:
    """Days from the first order to now, or to the last order where that is dated ahead."""
    ahead = When(last_order_day__gt=as_of_day, then=_span_days())
    return Case(ahead, default=_first_ago(as_of_day), output_field=IntegerField())


# profile


def age(*, as_of_day: int) -> Case:
    """Whole years, 0 for a birth yet to come; who was born on 29 February is a year older on the 28th in common years."""
    today = date_of(as_of_day)
    key = today.month * 100 + today.day
    if key == 228 and not isleap(today.year):
        key = 229
    before_birthday = Case(When(member__birth_key__gt=key, then=Value(1)), default=Value(0))
    years = Value(today.year) - F("member__birth_year") - before_birthday
    return Case(
        When(member__birth_year__isnull=True, then=None),
        When(Q(LessThan(years, 0)), then=Value(0)),
        default=years,
        output_field=IntegerField(),
    )


def solar_birth_key() -> Case:
    """Month and day of the birthday by the solar calendar; missing for those who keep it by the lunar one, whose day moves
    from year to year."""
    return Case(When(member__birth_calendar="", then=F("member__birth_key")), default=None, output_field=IntegerField())


def birth_day() -> Case:
    """The shop day number of the birth date, missing where the year is; 29 February of a common year is 1 March.

    Whole-number arithmetic after the Julian day number of a Gregorian date (Fliegel & Van Flandern 1968): every dividend is
    positive, so that both databases divide alike.
    """
    month, day = F("member__birth_key") / 100, F("member__birth_key") % 100
    before_march = (14 - month) / 12
    year = F("member__birth_year") + 4800 - before_march
    in_year = (153 * (month + 12 * before_march - 3) + 2) / 5
    number = day + in_year + 365 * year + year / 4 - year / 100 + year / 400 - 32045 - UNIX_EPOCH
    return Case(
        When(Q(member__birth_year__isnull=True) | Q(member__birth_key__isnull=True), then=None),
        When(~Q(member__birth_calendar=""), then=None),
        default=number,
        output_field=IntegerField(),
    )
