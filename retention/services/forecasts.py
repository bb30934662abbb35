"""Fitting what members will buy and what it is worth, and keeping what that means for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.db.models import Count, F

from core.sql import insert_rows
from retention.models import MemberFacts, MemberForecast, ModelKind
from retention.scoring import bg_nbd, churn, gamma_gamma
from retention.scoring.cadence import Floats
from retention.scoring.calibration import auc, shares
from retention.scoring.parameters import BgNbd, Churn, GammaGamma
from retention.scoring.value import HIGH_FROM, MIDDLE_FROM
from retention.services.churn import Past, histories_of
from retention.services.history import PIECE, pieces
from retention.services.publishing import Fitted, refused

LEAST_MEMBERS = 50
LEAST_REPEATED = 10
ORDERS_DAYS, VALUE_DAYS = 90, 365
DIGITS = 4
"""Of expected orders, kept: who is long gone stays at 0.0, and is not written again with every fit."""


def fit_purchases(*, day: int, before: Past | None, horizon_days: int) -> Fitted:
    """This function will fit the BG/NBD model to what is known on `day`, and say how well it would have told the purchases
    since `before`."""
    histories = _histories(day)
    members, repeated = int(histories.members.sum()), int(histories.members[histories.x > 0].sum())
    if members < LEAST_MEMBERS:
        return refused(ModelKind.BG_NBD, "too_few", members=members, count=members, needed=LEAST_MEMBERS)
    if repeated < LEAST_REPEATED:
        return refused(ModelKind.BG_NBD, "few_repeated", members=members, count=repeated, needed=LEAST_REPEATED)
    try:
        found = bg_nbd.fit(histories)
    except bg_nbd.NoFit:
        return refused(ModelKind.BG_NBD, "flat", members=members)
    errors = {name: value if np.isfinite(value) else None for name, value in asdict(found.standard_errors).items()}
    metrics = {
        "repeat_buyers": repeated,
        "standard_errors": errors,
        **({} if before is None else _told_of_purchases(before, horizon_days)),
    }
    return Fitted(ModelKind.BG_NBD, members, asdict(found.parameters), metrics, found.log_likelihood)


def fit_spend(*, before: Past | None) -> Fitted:
    """This function will fit the gamma-gamma model to the mean value of members' order days."""
    rows = MemberFacts.objects.filter(order_days__gte=1, revenue_minor__gt=0)
    parts = list(pieces(rows.values_list("order_days", "revenue_minor").iterator(chunk_size=PIECE)))
    days, revenue = np.concatenate(parts).T if parts else (np.empty(0), np.empty(0))
    if len(days) < LEAST_MEMBERS:
        return refused(ModelKind.GAMMA_GAMMA, "too_few", members=len(days), count=len(days), needed=LEAST_MEMBERS)
    try:
        found, log_likelihood = gamma_gamma.fit(days, revenue / days)
    except bg_nbd.NoFit:
        return refused(ModelKind.GAMMA_GAMMA, "same_spend", members=len(days))
    metrics = {} if before is None else _told_of_spend(before)
    return Fitted(ModelKind.GAMMA_GAMMA, len(days), asdict(found), metrics, log_likelihood)


def _histories(day: int) -> bg_nbd.Histories:
    """Counted by the database: of a million members a few hundred thousand are different."""
    rows = MemberFacts.objects.filter(order_days__gte=1).values("order_days", "first_order_day", "last_order_day")
    counted = rows.annotate(members=Count("pk")).order_by()
    parts = list(pieces(counted.values_list("order_days", "first_order_day", "last_order_day", "members").iterator()))
    days, first, last, members = np.concatenate(parts).T if parts else np.empty((4, 0))
    return bg_nbd.Histories.of_days(days, last - first, np.maximum(day - first, 0.0), members).unique()


def _told_of_purchases(before: Past, horizon_days: int) -> dict[str, Any]:
    """Fitted on the past alone: order days expected since, and those there were, by how many each member had before."""
    histories = histories_of(before.known)
    try:
        past_fit = bg_nbd.fit(histories.unique())
    except bg_nbd.NoFit:
        return {}
    expected = bg_nbd.expected_purchases(past_fit.parameters, histories, weeks=horizon_days / bg_nbd.DAYS_PER_WEEK)
    had = np.minimum(before.known.columns["order_days"], 8).astype(int)
    return {
        "horizon_days": horizon_days,
        "expected_orders": float(expected.sum()),
        "actual_orders": float(before.bought.sum()),
        "auc": auc(before.churned, -expected),
        "by_order_days": [
            {
                "order_days": int(level),
                "members": int(np.sum(had == level)),
                "expected": float(expected[had == level].mean()),
                "actual": float(before.bought[had == level].mean()),
            }
            for level in np.unique(had)
        ],
    }


def _told_of_spend(before: Past) -> dict[str, Any]:
    """Of members who ordered since: the value of an order day as the past told it, by the model and by the own mean."""
    days, revenue = before.known.columns["order_days"], before.known.columns["revenue_minor"]
    usable, judged = revenue > 0, (before.bought > 0) & (revenue > 0)
    if not np.any(judged):
        return {}
    try:
        past_fit, _likelihood = gamma_gamma.fit(days[usable], revenue[usable] / days[usable])
    except bg_nbd.NoFit:
        return {}
    actual = before.brought[judged] / before.bought[judged]
    own = revenue[judged] / days[judged]
    expected = gamma_gamma.expected_value(past_fit, days[judged], own)
    return {
        "judged": int(judged.sum()),
        "expected_minor": float(expected.mean()),
        "actual_minor": float(actual.mean()),
        "error_minor": float(np.abs(expected - actual).mean()),
        "own_mean_error_minor": float(np.abs(own - actual).mean()),
    }


# --- what it means for each member


@dataclass(frozen=True, slots=True)
class Use:
    """What is to be worked out for everybody: parameters published now, or in use already."""

    purchases: BgNbd | None
    spend: GammaGamma | None
    churn: Churn | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many forecasts changed; how the scores of all members are spread over the tenths from 0 to 1; between which
    churn probabilities their lower half, the next three tenths and the upper fifth lie."""

    written: int
    p_alive: list[float] | None = None
    churn: list[float] | None = None
    rank_cuts: list[float] | None = None


def write_forecasts(use: Use, *, day: int) -> Outlook:
    """This function will work out every member once, and write the forecasts that changed.

    In pieces by member: each is one statement. Who has no orders any more loses the forecast.
    """
    MemberForecast.objects.filter(member__facts__order_days=0).delete()
    written, alive, churned = 0, [np.empty(0)], [np.empty(0)]
    for piece in _everybody():
        ids, days, first, last, recent, revenue = piece[:, :6].T
        stored = piece[:, 6:]
        age, span = np.maximum(day - first, 0.0), last - first
        histories = bg_nbd.Histories.of_days(days, span, age)
        if use.purchases is not None:
            written += _write(use, histories, days, revenue, ids, stored)
            alive.append(bg_nbd.p_alive(use.purchases, histories))
        if use.churn is not None:
            since = np.maximum(day - last, 0.0)
            rows = churn.features(since=since, orders_90d=recent, revenue_minor=revenue, order_days=days, age=age, span=span)
            churned.append(churn.probability(use.churn, rows))
    risks = np.concatenate(churned)
    return Outlook(
        written,
        None if use.purchases is None else shares(np.concatenate(alive)),
        None if use.churn is None else shares(risks),
        None if not len(risks) else np.quantile(risks, (MIDDLE_FROM, HIGH_FROM)).tolist(),
    )


def _write(use: Use, histories: bg_nbd.Histories, days: Floats, revenue: Floats, ids: Floats, stored: Floats) -> int:
    assert use.purchases is not None
    orders = np.round(_expected(use.purchases, histories, ORDERS_DAYS), DIGITS)
    worth = np.full(len(ids), np.nan)
    if use.spend is not None:
        worth = np.round(
            _expected(use.purchases, histories, VALUE_DAYS) * gamma_gamma.expected_value(use.spend, days, revenue / days)
        )
    fresh = np.column_stack((orders, worth))
    same = np.all((fresh == stored) | (np.isnan(fresh) & np.isnan(stored)), axis=1)
    rows = [
        (int(key), float(each), None if np.isnan(value) else int(value))
        for key, each, value in zip(ids[~same], orders[~same], worth[~same], strict=True)
    ]
    columns = ["member", "expected_orders_90d", "clv_365d_minor"]
    insert_rows(MemberForecast, columns, rows, conflict=["member"], update=columns[1:])
    return len(rows)


def _expected(given: BgNbd, histories: bg_nbd.Histories, days: int) -> Floats:
    return bg_nbd.expected_purchases(given, histories, weeks=days / bg_nbd.DAYS_PER_WEEK)


def _everybody() -> Iterator[Floats]:
    """Members who ordered, in the order of their ids, with what is stored of them; NaN where nothing is."""
    columns = ("order_days", "first_order_day", "last_order_day", "order_count_90d", "revenue_minor")
    forecast = (F("member__forecast__expected_orders_90d"), F("member__forecast__clv_365d_minor"))
    rows = MemberFacts.objects.filter(order_days__gte=1).order_by("pk")
    after = 0
    while taken := list(rows.filter(pk__gt=after).values_list("pk", *columns, *forecast)[:PIECE]):
        after = taken[-1][0]
        yield np.array(taken, dtype=np.float64)
