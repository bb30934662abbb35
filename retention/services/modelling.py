"""All models of one fit: worked out first, published together. The door to what needs SciPy and scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from retention.models import MemberFacts, ModelKind, ScoringModel
from retention.scoring.calibration import stability
from retention.scoring.parameters import BgNbd, Churn, GammaGamma
from retention.selectors.horizon import churn_horizon_days
from retention.services.churn import LEAST_MEMBERS, fit_churn, horizon_for, past
from retention.services.forecasts import Outlook, Use, fit_purchases, fit_spend, write_forecasts
from retention.services.groups import fit_groups
from retention.services.publishing import Fitted, in_use, publish, refused

EDGE = 100
"""The shop's history begins when the first hundredth of its members had ordered: one mistyped date is no history."""
SHORTEST_HISTORY_DAYS = 21


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be published."""

    purchases: Fitted
    spend: Fitted
    churn: Fitted
    groups: Fitted

    def __iter__(self) -> Iterator[Fitted]:
        return iter((self.purchases, self.spend, self.churn, self.groups))


def prepare(*, day: int, as_of: datetime) -> Prepared:
    """This function will fit everything on what is known on `day`; nothing is written."""
    members = MemberFacts.objects.filter(order_count__gt=0).count()
    history_days = _history_days(day, members)
    wanted_days = churn_horizon_days()
    horizon_days = horizon_for(wanted_days=wanted_days, history_days=history_days)
    if members < LEAST_MEMBERS:
        churned = refused(ModelKind.CHURN, "too_few", members=members, count=members, needed=LEAST_MEMBERS)
        before = None
    elif history_days < SHORTEST_HISTORY_DAYS:
        churned = refused(ModelKind.CHURN, "too_short", members=members, days=history_days, needed=SHORTEST_HISTORY_DAYS)
        before = None
    else:
        before = past(day - horizon_days, horizon_days=horizon_days, as_of=as_of)
        churned = fit_churn(
            before, wanted_days=wanted_days, horizon_days=horizon_days, history_days=history_days, as_of=as_of
        )
    known = before if before is not None and len(before.known) else None
    return Prepared(
        fit_purchases(day=day, before=known, horizon_days=horizon_days),
        fit_spend(before=known),
        churned,
        fit_groups(day=day),
    )


def publish_prepared(prepared: Prepared, *, day: int, as_of: datetime, now: datetime) -> list[ScoringModel]:
    """This function will publish what was prepared, with every member's forecast, in the caller's transaction."""
    use = Use(
        _used(prepared.purchases, BgNbd.from_json),
        _used(prepared.spend, GammaGamma.from_json),
        _used(prepared.churn, Churn.from_json),
    )
    outlook = write_forecasts(use, day=day)
    return [publish(_completed(each, outlook), as_of=as_of, now=now) for each in prepared]


def _used(fitted: Fitted, read: Any) -> Any:
    """What members are judged by from now on: a refused fit leaves the one before in use."""
    if fitted.refusal is None:
        return read(fitted.parameters)
    before = in_use(fitted.kind)
    return None if before is None else read(before.parameters)


def _completed(fitted: Fitted, outlook: Outlook) -> Fitted:
    """With what only a look at every member tells: how the scores are spread, and how that and the parameters moved since
    the fit in use."""
    if fitted.refusal is not None:
        return fitted
    if fitted.kind is ModelKind.CHURN and outlook.rank_cuts is not None:
        fitted = replace(fitted, parameters={**fitted.parameters, "rank_cuts": outlook.rank_cuts})
    spread = {ModelKind.BG_NBD: outlook.p_alive, ModelKind.CHURN: outlook.churn}.get(fitted.kind)
    metrics = {**fitted.metrics, **({} if spread is None else {"shares": spread})}
    before = in_use(fitted.kind)
    if before is not None:
        metrics["drift"] = _drift(before, fitted, spread)
    return replace(fitted, metrics=metrics)


def _drift(before: ScoringModel, fitted: Fitted, spread: list[float] | None) -> dict[str, Any]:
    old = before.metrics.get("shares")
    was, now = _numbers(before.parameters), _numbers(fitted.parameters)
    return {
        "since": before.as_of.isoformat(),
        "stability": None if old is None or spread is None else stability(old, spread),
        "parameters": {name: [was[name], value] for name, value in now.items() if name in was},
    }


def _numbers(parameters: dict[str, Any]) -> dict[str, float]:
    """Parameters by name, those of a group under «group.name»."""
    flat: dict[str, float] = {}
    for name, value in parameters.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in _numbers(value).items() if name != "means"}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[name] = float(value)
    return flat


def _history_days(day: int, members: int) -> int:
    ordered = MemberFacts.objects.filter(first_order_day__isnull=False).order_by("first_order_day")
    first = ordered.values_list("first_order_day", flat=True)[members // EDGE : members // EDGE + 1].first()
    return 0 if first is None else max(0, day - int(first))
