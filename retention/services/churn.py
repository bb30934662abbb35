"""Fitting the churn probability, and testing it on this shop's own past before it may be used.

1. What was known H days ago, and who has ordered since: on that the model is fitted.
2. The same another H days back: on that a rehearsal of it is fitted, and its predictions are compared with what happened in
   the H days after. That is the backtest: the rehearsal has seen nothing of what it is measured on.
3. A model that ranks members no better than the date of their last order is not published. One that is off by more than five
   points in a tenth of members, or could not be tested so, is published as a rank.

When a shop is younger than two horizons the horizon is a third of its age, and what is said of it a rank.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from core.periods import date_of
from retention.models import ModelKind
from retention.scoring import bg_nbd, challengers, churn
from retention.scoring.cadence import Floats
from retention.scoring.calibration import TOLERANCE, auc, brier, measured
from retention.scoring.parameters import Churn
from retention.services.history import WIDE, Known, known_at, order_days_after
from retention.services.publishing import Fitted, refused

LEAST_MEMBERS = 50
LEAST_OF_A_KIND = 10
"""Who ordered and who did not, of each so many: from fewer no share can be told."""
SHORTEST_DAYS = 7
TREE_FACTS = (
    "days_since_last_order",
    "order_count",
    "order_count_30d",
    "order_count_90d",
    "order_count_180d",
    "revenue_minor",
    "revenue_minor_90d",
    "average_order_minor",
    "refund_count",
)
"""What the tree may ask: fields that rules know, so that a leaf is a rule."""


@dataclass(frozen=True, slots=True)
class Past:
    """What was known on a day, and who did not order within the horizon after it."""

    known: Known
    rows: Floats
    churned: Floats
    brought: Floats
    bought: Floats

    @property
    def teaches(self) -> bool:
        lost = int(self.churned.sum())
        return len(self.known) >= LEAST_MEMBERS and min(lost, len(self.known) - lost) >= LEAST_OF_A_KIND


def past(day: int, *, horizon_days: int, as_of: datetime) -> Past:
    """This function will read what was known at the end of `day` and what came of it."""
    known = known_at(day)
    bought, brought = order_days_after(known, until_day=day + horizon_days, as_of=as_of)
    return Past(known, features_of(known), (bought == 0).astype(np.float64), brought, bought)


def features_of(known: Known) -> Floats:
    columns = known.columns
    return churn.features(
        since=known.since,
        orders_90d=columns["order_count_90d"],
        revenue_minor=columns["revenue_minor"],
        order_days=columns["order_days"],
        age=known.age,
        span=known.span,
    )


def horizon_for(*, wanted_days: int, history_days: int) -> int:
    """This function will return the horizon that a shop of this age can be judged by."""
    return wanted_days if history_days >= 2 * wanted_days else max(SHORTEST_DAYS, history_days // 3)


def fit_churn(now: Past, *, wanted_days: int, horizon_days: int, history_days: int, as_of: datetime) -> Fitted:
    """This function will fit, test, and say what may be done with the result. `now` is what was known a horizon ago."""
    if not now.teaches:
        return _too_little(now, horizon_days)
    earlier = past(now.known.day - horizon_days, horizon_days=horizon_days, as_of=as_of)
    by_time = earlier.teaches
    predicted = _rehearsed(earlier, now, horizon_days) if by_time else _crossed(now, horizon_days)
    metrics = {
        "horizon_days": horizon_days,
        "wanted_days": wanted_days,
        "history_days": history_days,
        "backtest": "time" if by_time else "members",
        "window": _window(now, earlier if by_time else None, horizon_days),
        **measured(now.churned, predicted, now.known.since),
    }
    if metrics["auc"] <= metrics["recency_auc"]:
        numbers = {name: round(metrics[name], 4) for name in ("auc", "recency_auc")}
        return refused(ModelKind.CHURN, "not_better", members=len(now.known), metrics=metrics, **numbers)
    calibrated = by_time and horizon_days == wanted_days and metrics["furthest"] <= TOLERANCE
    parameters = replace(churn.fit(now.rows, now.churned, horizon_days=horizon_days), calibrated=calibrated)
    metrics |= {
        "calibrated": calibrated,
        "challengers": _challengers(earlier, now, horizon_days) if by_time else [],
        "leaves": _leaves(now),
    }
    return Fitted(ModelKind.CHURN, len(now.known), parameters.as_json(), metrics)


def _too_little(now: Past, horizon_days: int) -> Fitted:
    members, lost = len(now.known), int(now.churned.sum())
    if members < LEAST_MEMBERS:
        return refused(ModelKind.CHURN, "too_few", members=members, count=members, needed=LEAST_MEMBERS)
    if members - lost < LEAST_OF_A_KIND:
        return refused(ModelKind.CHURN, "few_came_back", members=members, count=members - lost, days=horizon_days)
    return refused(ModelKind.CHURN, "few_stayed_away", members=members, count=lost, days=horizon_days)


def _window(now: Past, earlier: Past | None, horizon_days: int) -> dict[str, str]:
    ends = {"known_until": now.known.day, "observed_until": now.known.day + horizon_days}
    if earlier is not None:
        ends["fitted_known_until"] = earlier.known.day
    return {name: date_of(day).isoformat() for name, day in ends.items()}


def _rehearsed(earlier: Past, now: Past, horizon_days: int) -> Floats:
    return churn.probability(_fitted(earlier.rows, earlier.churned, horizon_days), now.rows)


def _crossed(now: Past, horizon_days: int) -> Floats:
    """Each half predicted by the other: says how well members are ranked, not whether the level of tomorrow is met."""
    half = now.known.ids % 2 == 0
    predicted = np.empty(len(now.known))
    for part in (half, ~half):
        model = _fitted(now.rows[~part], now.churned[~part], horizon_days)
        predicted[part] = churn.probability(model, now.rows[part])
    return predicted


def _fitted(rows: Floats, churned: Floats, horizon_days: int) -> Churn:
    return churn.fit(rows, churned, horizon_days=horizon_days)


# what else could be done with the same past


def _challengers(earlier: Past, now: Past, horizon_days: int) -> list[dict[str, Any]]:
    """All of them, and the model itself, on the same sample of members; fitted on the same earlier past."""
    train, test = earlier.known.sampled, now.known.sampled
    if not (_teaches(earlier.churned[train]) and _teaches(now.churned[test])):
        return []
    told = [_told("logistic", now.churned[test], _rehearsed(earlier, now, horizon_days)[test])]
    told += [_purchases_alone(earlier, now, test, horizon_days)]
    if challengers.available():
        told += challengers.compare(_wide(earlier), earlier.churned[train], _wide(now), now.churned[test])
    return [each for each in told if each["auc"] is not None]


def _told(code: str, churned: Floats, score: Floats) -> dict[str, Any]:
    return {"code": code, "auc": auc(churned, score), "brier": brier(churned, score)}


def _purchases_alone(earlier: Past, now: Past, places: Any, horizon_days: int) -> dict[str, Any]:
    """Members ranked by how few purchases the BG/NBD model expects: no probability, so no Brier score."""
    try:
        fit = bg_nbd.fit(histories_of(earlier.known).unique())
    except bg_nbd.NoFit:
        return {"code": "bg_nbd", "auc": None, "brier": None}
    expected = bg_nbd.expected_purchases(fit.parameters, histories_of(now.known), weeks=horizon_days / 7)
    return {"code": "bg_nbd", "auc": auc(now.churned[places], -expected[places]), "brier": None}


def _teaches(churned: Floats) -> bool:
    return bool(min(churned.sum(), len(churned) - churned.sum()) >= LEAST_OF_A_KIND)


def histories_of(known: Known) -> bg_nbd.Histories:
    return bg_nbd.Histories.of_days(known.columns["order_days"], known.span, known.age)


def _wide(one: Known | Past) -> Floats:
    known = one.known if isinstance(one, Past) else one
    narrow = [known.columns["order_days"], known.columns["order_count"], known.columns["order_count_90d"]]
    narrow += [known.columns["revenue_minor"], known.since, known.age, known.span]
    return np.column_stack([*(column[known.sampled] for column in narrow), *(known.wide[name] for name in WIDE)])


def _leaves(now: Past) -> list[dict[str, Any]]:
    """Each leaf as a rule over what a member has today, with what came of such members."""
    if not challengers.available() or not _teaches(now.churned[now.known.sampled]):
        return []
    known, places = now.known, now.known.sampled
    sampled = {name: column[places] for name, column in known.columns.items()}
    asked = {
        **sampled,
        **known.wide,
        "days_since_last_order": known.since[places],
        "average_order_minor": np.floor(sampled["revenue_minor"] / sampled["order_count"] + 0.5),
    }
    rows = np.column_stack([asked[name] for name in TREE_FACTS])
    return [
        {"rule": _rule(leaf), "members": leaf.members, "churned": leaf.churned}
        for leaf in challengers.leaves(rows, now.churned[places], TREE_FACTS)
    ]


def _rule(leaf: challengers.Leaf) -> dict[str, Any]:
    """Facts are whole numbers: above a bound means from the next one on."""
    rules: list[dict[str, Any]] = []
    for name, (low, high) in sorted(leaf.bounds.items()):
        if low is not None:
            rules.append({"field": name, "operator": ">=", "value": int(np.floor(low)) + 1})
        if high is not None:
            rules.append({"field": name, "operator": "<=", "value": int(np.floor(high))})
    if not _orders_told(leaf):
        rules.insert(0, {"field": "order_count", "operator": ">=", "value": 1})
    return {"combinator": "and", "rules": rules}


def _orders_told(leaf: challengers.Leaf) -> bool:
    """Whether the bounds leave out members without orders by themselves, as the tree has seen none."""
    return "days_since_last_order" in leaf.bounds or leaf.bounds.get("order_count", (None, None))[0] is not None
