"""What rules read: one row a member with profile, facts and scores as plain columns, true for one day.

`Scored` has no table. `scored(...)` puts layers before a query on it, the last under its table's name; each layer reads
columns of the one before. Each ends in a LIMIT that no table reaches: a fence that keeps PostgreSQL from flattening layers,
which would compute a score once more for every rule that reads it. Columns that no rule asks for are left out all the same.
"""
# ruff: noqa: DJ001 - missing is NULL here, so that comparisons with it are unknown

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models
from django.db.models import Expression, F, Q, QuerySet
from django.db.models.sql.constants import LOUTER
from django_cte import CTE, with_cte

from retention import expressions
from retention.models import LifecycleBands, MemberFacts, ModelKind, ScoringModel
from retention.models.facts import FACT_COLUMNS
from retention.scoring.parameters import Bands, BgNbd, Churn, CutPoints, Parameters, ValueCuts
from rules.compile import OneOf

T = TypeVar("T")
Scope = int | Collection[int] | QuerySet[Any, Any] | None
MORE_THAN_ANY_TABLE = 2**62
OLDEST_FIRST, NEWEST_FIRST = ("member_id",), ("-member_id",)
LAST = "scored"
"""The name of the last layer: the table that rules read."""
_STORED = {name: F(name) for name in FACT_COLUMNS}


class Scored(models.Model):
    """A member as rules see it."""

    member_id = models.BigIntegerField(primary_key=True)
    external_id = models.TextField()
    gender = models.TextField(null=True)
    age = models.IntegerField(null=True)
    city = models.TextField(null=True)
    province = models.TextField(null=True)
    birth_day = models.IntegerField(null=True)
    birth_key = models.IntegerField(null=True)
    registered_day = models.IntegerField(null=True)
    source = models.TextField(null=True)
    language = models.TextField(null=True)
    occupation = models.TextField(null=True)
    random_bucket = models.IntegerField()
    attributes = models.JSONField()
    order_count = models.IntegerField()
    order_days = models.IntegerField()
    revenue_minor = models.BigIntegerField()
    average_order_minor = models.BigIntegerField(null=True)
    order_count_30d = models.IntegerField()
    order_count_90d = models.IntegerField()
    order_count_180d = models.IntegerField()
    order_count_365d = models.IntegerField()
    revenue_minor_30d = models.BigIntegerField()
    revenue_minor_90d = models.BigIntegerField()
    revenue_minor_180d = models.BigIntegerField()
    revenue_minor_365d = models.BigIntegerField()
    first_order_day = models.IntegerField(null=True)
    last_order_day = models.IntegerField(null=True)
    previous_order_day = models.IntegerField(null=True)
    refund_count = models.IntegerField()
    refund_rate = models.FloatField(null=True)
    coupon_share = models.FloatField(null=True)
    discount_share = models.FloatField(null=True)
    preferred_hour = models.IntegerField(null=True)
    preferred_channel = models.TextField(null=True)
    favourite_category = models.TextField(null=True)
    last_visit_day = models.IntegerField(null=True)
    carts_left_30d = models.IntegerField()
    complaint_count_90d = models.IntegerField()
    last_contacted_day = models.IntegerField(null=True)
    messages_30d = models.IntegerField()
    coupons_redeemed_90d = models.IntegerField()
    average_rating = models.FloatField(null=True)
    points_balance = models.BigIntegerField()
    growth_value = models.BigIntegerField()
    tier = models.TextField(null=True)
    tier_drop_day = models.IntegerField(null=True)
    days_since_last_visit = models.IntegerField(null=True)
    days_since_last_order = models.IntegerField(null=True)
    mean_gap_days = models.FloatField(null=True)
    rhythm_days = models.FloatField(null=True)
    overdue_ratio = models.FloatField(null=True)
    r_score = models.IntegerField(null=True)
    f_score = models.IntegerField(null=True)
    m_score = models.IntegerField(null=True)
    rfm_group = models.TextField(null=True)
    p_alive = models.FloatField(null=True)
    expected_orders_90d = models.FloatField(null=True)
    clv_365d_minor = models.BigIntegerField(null=True)
    churn_probability = models.FloatField(null=True)
    value_layer = models.TextField(null=True)
    lifecycle_stage = models.TextField()
    churn_reason = models.TextField(null=True)

    class Meta:
        managed = False
        app_label = "retention"
        db_table = "scored"

    def __str__(self) -> str:
        return self.external_id


@dataclass(frozen=True, slots=True)
class Told:
    """How a reason is told (selectors/reasons.py): a CTE of answers, a row a member, and the name that follows from it and
    from what was judged."""

    answers: CTE
    reason: Expression


def scored(
    *,
    as_of_day: int,
    parameters: Parameters,
    scope: Scope = None,
    order: tuple[str, ...] = (),
    told: Told | None = None,
    reads: Collection[str] | None = None,
) -> QuerySet[Scored, Scored]:
    """This function will select everybody as rules see them on shop day `as_of_day`, or the members of `scope` alone.

    `scope` is a member id, a collection or a queryset of ids. It stands inside the innermost fence: one member is looked up,
    not filtered out of everybody. The day may be later than the facts' own; only scores age.

    By an `order`, NEWEST_FIRST or OLDEST_FIRST, members are worked out one after the other, and no further than a list that
    is ordered so reads: its first page of a million members costs as much as of a thousand.

    `churn_reason` can be read where `told` says how: it reads what members did, which everything else does without.

    `reads` names the columns that will be read, where few are: the others are then not written into the statement at all.
    The database leaves them out anyway; Python takes longer to write all of them than it takes to work out a page of few.
    """
    layers: list[Mapping[str, Expression | F]] = [
        {**_STORED, **expressions.profile(as_of_day=as_of_day), **expressions.habits(as_of_day=as_of_day)},
        expressions.weights(parameters, as_of_day=as_of_day),
        expressions.judgements(parameters, as_of_day=as_of_day),
    ]
    if reads is not None and told is None:
        layers = _needed(layers, reads)
    first, *others = layers
    stored = [name for name in first if name in _STORED]
    worked_out = {name: expression for name, expression in first.items() if name not in _STORED}
    columns = _within(scope).values("member_id", *stored, **worked_out)
    names = ["known", "weighed", "judged"][: len(layers)]
    if told is None:
        names[-1] = LAST
    written = [_layer(names[0], columns, order)]
    for name, expressions_of_layer in zip(names[1:], others, strict=True):
        written.append(_layer(name, written[-1].queryset().annotate(**expressions_of_layer), order))
    if told is None:
        return with_cte(*written, select=Scored.objects.all())
    answered = told.answers.join(written[-1].queryset(), member_id=told.answers.col.member_id, _join_type=LOUTER)
    reasoned = _layer(LAST, answered.annotate(churn_reason=told.reason), order)
    return with_cte(*written, told.answers, reasoned, select=Scored.objects.all())


def _needed(layers: Sequence[Mapping[str, Expression | F]], reads: Collection[str]) -> list[Mapping[str, Expression | F]]:
    """This function will keep of each layer what is read of it, here or in a layer above; a layer of which nothing is read
    is none."""
    wanted, kept = set(reads), []
    for layer in reversed(layers):
        read = {name: expression for name, expression in layer.items() if name in wanted}
        wanted.update(name for expression in read.values() for name in _columns_in(expression))
        kept.append(read)
    first, *others = reversed(kept)
    return [first, *filter(None, others)]


def _columns_in(part: Any) -> Iterator[str]:
    """This function will name the columns that an expression or a condition reads."""
    match part:
        case F():
            yield part.name.partition("__")[0]  # type: ignore[attr-defined]
        case Q():
            for child in part.children:
                if isinstance(child, tuple):
                    yield child[0].partition("__")[0]
                    yield from _columns_in(child[1])
                else:
                    yield from _columns_in(child)
        case _ if hasattr(part, "get_source_expressions"):
            for source in part.get_source_expressions():
                yield from _columns_in(source)


def _within(scope: Scope) -> QuerySet[MemberFacts]:
    facts = MemberFacts.objects.all()
    match scope:
        case None:
            return facts
        case int():
            return facts.filter(pk=scope)
        case QuerySet():
            return facts.filter(pk__in=scope)
        case _:
            return facts.filter(OneOf(F("member_id"), list(scope)))


def _layer(name: str, rows: QuerySet[Any, Any], order: tuple[str, ...]) -> CTE:
    """Each says its order: PostgreSQL forgets that of a layer below, and then sorts everybody."""
    return CTE(rows.order_by(*order)[:MORE_THAN_ANY_TABLE], name=name)


@dataclass(frozen=True, slots=True)
class Published:
    """The parameters in use, and the ids of the fits they come from: two that have the same are the same."""

    parameters: Parameters
    fits: tuple[int, ...]


def published() -> Published:
    """This function will read what is in use now, fits and bands once each."""
    fits = {fit.kind: fit for fit in ScoringModel.objects.filter(current=True)}
    bands = LifecycleBands.objects.values(*Bands.__slots__).first()
    rhythm = fits.get(ModelKind.RHYTHM)
    parameters = Parameters(
        bands=Bands(**bands) if bands else Bands(),
        median_gap_days=float(rhythm.parameters["median_gap_days"]) if rhythm else None,
        cut_points=_read(fits.get(ModelKind.RFM), CutPoints.from_json),
        bg_nbd=_read(fits.get(ModelKind.BG_NBD), BgNbd.from_json),
        churn=_read(fits.get(ModelKind.CHURN), Churn.from_json),
        value_cuts=_read(fits.get(ModelKind.VALUE), ValueCuts.from_json),
    )
    return Published(parameters, tuple(sorted(fit.pk for fit in fits.values())))


def _read(fit: ScoringModel | None, read: Callable[[dict[str, Any]], T]) -> T | None:
    return None if fit is None else read(fit.parameters)


def current_parameters() -> Parameters:
    """This function will read the parameters in use now."""
    return published().parameters
