"""Fitting and publishing: the parameters that turn facts into scores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Expression, F, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from core.conf import shop_zone
from core.errors import FieldProblem, InvalidInput
from core.locks import LockSpace, lock_for_transaction
from core.models import Job
from core.periods import day_number
from core.queue import enqueue_on_commit
from core.registry import JobKind, RunningJob
from core.services.jobs import enqueue_job
from retention import expressions
from retention.models import MemberFacts, ModelKind, RefreshState, ScoringModel
from retention.scoring.parameters import CutPoints
from retention.scoring.rfm import QUINTILES, interpolated, rank_of
from retention.scoring.value import HIGH_FROM, MIDDLE_FROM
from retention.services.publishing import FITTING, Fitted, publish


def fit_models(*, as_of: datetime, now: datetime) -> list[ScoringModel]:
    """This function will fit and publish each kind that the facts can carry, known until `as_of`, and return the fits, those
    that were refused too.

    Facts are the last refresh's; days since the last order are counted up to `as_of`, which may not lie before it. Members
    without orders are left out. Without facts, or without orders, nothing is fitted.

    1. Everything is worked out, from the stored facts and from what was known a horizon ago.
    2. It is published in one transaction, with the forecast of each member, so that no scan sees half of it.
    """
    state = RefreshState.objects.first()
    if state is None or state.as_of is None:
        return []
    if as_of < state.as_of:
        message = _("The facts are those of %(as_of)s; refresh to an earlier time first.") % {"as_of": state.as_of}
        raise InvalidInput(message, problems=[FieldProblem("as_of", "before_facts", message)])
    if not MemberFacts.objects.filter(order_count__gt=0).exists():
        return []
    # SciPy and scikit-learn take half a second and a hundred megabytes: who serves pages need not have them.
    from retention.services import modelling

    day = day_number(as_of, shop_zone())
    prepared = modelling.prepare(day=day, as_of=as_of)
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, FITTING)
        fits = [publish_cut_points(as_of=as_of, now=now), publish_value_cuts(as_of=as_of, now=now)]
        fits += [publish_rhythm(as_of=as_of, now=now)]
        fits += modelling.publish_prepared(prepared, day=day, as_of=as_of, now=now)
        enqueue_on_commit("retention.refresh")
    return [fit for fit in fits if fit is not None]


def publish_cut_points(*, as_of: datetime, now: datetime) -> ScoringModel | None:
    """This function will publish the quintiles of days since the last order, order count and revenue."""
    day = day_number(as_of, shop_zone())
    ordered = MemberFacts.objects.filter(order_count__gt=0)
    members = ordered.count()
    if not members:
        return None
    cuts = CutPoints(
        recency_days=_quantiles(ordered, expressions.days_since("last_order_day", as_of_day=day), members),
        order_count=_quantiles(ordered, F("order_count"), members),
        revenue_minor=_quantiles(ordered, F("revenue_minor"), members),
    )
    return publish(Fitted(ModelKind.RFM, members, cuts.as_json()), as_of=as_of, now=now)


def publish_value_cuts(*, as_of: datetime, now: datetime) -> ScoringModel | None:
    """This function will publish the revenue above which a member is of middle, and of high value."""
    ordered = MemberFacts.objects.filter(order_count__gt=0)
    members = ordered.count()
    if not members:
        return None
    middle, high = _quantiles(ordered, F("revenue_minor"), members, (MIDDLE_FROM, HIGH_FROM))
    parameters = {"middle_minor": middle, "high_minor": high}
    return publish(Fitted(ModelKind.VALUE, members, parameters), as_of=as_of, now=now)


def publish_rhythm(*, as_of: datetime, now: datetime) -> ScoringModel | None:
    """This function will publish the median of members' mean gaps when it is another than the one in use.

    Over members with orders on two days or more. While there is none, what is published stays.
    """
    regular = MemberFacts.objects.filter(order_days__gte=2)
    members = regular.count()
    if not members:
        return None
    low, high = _values_at(regular, expressions.mean_gap_days(), [(members - 1) // 2, members // 2])
    parameters = {"median_gap_days": (low + high) / 2}
    in_use = ScoringModel.objects.filter(kind=ModelKind.RHYTHM, current=True).first()
    if in_use is not None and in_use.parameters == parameters:
        return None
    return publish(Fitted(ModelKind.RHYTHM, members, parameters), as_of=as_of, now=now)


def _quantiles(
    rows: QuerySet[MemberFacts], value: Expression | F, count: int, wanted: Sequence[float] = QUINTILES
) -> tuple[float, ...]:
    """Cut points by one sort in the database: only the neighbours of each are fetched."""
    ranks = [rank_of(quantile, count=count) for quantile in wanted]
    found = _values_at(rows, value, [position for rank in ranks for position in (rank.low, rank.high)])
    pairs = zip(found[::2], found[1::2], ranks, strict=True)
    return tuple(interpolated(float(low), float(high), rank.weight) for low, high, rank in pairs)


def _values_at(rows: QuerySet[MemberFacts], value: Expression | F, positions: Sequence[int]) -> list[float]:
    """The values at positions (from 0) of the ascending order."""
    numbered = rows.annotate(value=value, number=Window(RowNumber(), order_by=F("value").asc()))
    found = dict(numbered.filter(number__in={position + 1 for position in positions}).values_list("number", "value"))
    return [found[position + 1] for position in positions]


def fit_due(*, now: datetime) -> dict[str, int]:
    """This function will fit on what the last refresh counted."""
    fits = fit_models(as_of=as_late_as_facts(now), now=now)
    refused = sum(fit.refusal is not None for fit in fits)
    return {"published": len(fits) - refused, "refused": refused}


def fit_when_none(*, now: datetime) -> None:
    """This function will publish the first cut points as soon as there are orders to take them from."""
    if not ScoringModel.objects.filter(kind=ModelKind.RFM).exists():
        fit_models(as_of=as_late_as_facts(now), now=now)


def as_late_as_facts(now: datetime) -> datetime:
    """This function will return `now`, or the facts' own time where somebody has refreshed ahead of the clock."""
    state = RefreshState.objects.first()
    return now if state is None or state.as_of is None else max(now, state.as_of)


# --- when it is time, or somebody asks


def fit_weekly(*, now: datetime) -> dict[str, int]:
    """This function will ask for the week's fit: it may take minutes, and runs beside what the clock has to do meanwhile."""
    ask_for_fit(by="", now=now)
    return {"asked": 1}


def ask_for_fit(*, by: str, now: datetime) -> Job:
    """This function will have the models fitted in the background; one that is open already is enough."""
    return open_fit() or enqueue_job(kind=FIT, params={}, now=now, by=by)


def open_fit() -> Job | None:
    return Job.objects.filter(kind=FIT, state__in=Job.OPEN).order_by("pk").first()


def _run(job: RunningJob) -> dict[str, int]:
    job.report(0, said=_("The models are fitted and tested."))
    return fit_due(now=job.now())


FIT = "retention.fit"
FIT_JOB = JobKind(FIT, _("Fit of the scoring models"), _run, lease_seconds=1800)
"""A million members take minutes, and nothing is reported meanwhile."""
