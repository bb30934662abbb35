"""The scores exist twice, as NumPy and as database expressions: on random facts, odd ones too, they are equal to the bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from members.models import Member
from retention.models import MemberFacts
from retention.scored import scored
from retention.scoring import bg_nbd, cadence, churn, lifecycle, rfm, value
from retention.scoring.parameters import Bands, BgNbd, Churn, CutPoints, Parameters, ValueCuts
from tests.factories import NOW

DAY = 20_600
ascending = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=4, max_size=4).map(sorted).map(tuple)
parameters = st.builds(
    Parameters,
    bands=st.builds(
        Bands,
        new_days=st.integers(0, 90),
        at_risk_ratio=st.floats(0.5, 2.0),
        dormant_ratio=st.floats(2.1, 5.0),
        lost_ratio=st.floats(5.1, 20.0),
        reactivated_days=st.integers(0, 90),
    ),
    median_gap_days=st.none() | st.floats(1, 400),
    cut_points=st.none() | st.builds(CutPoints, recency_days=ascending, order_count=ascending, revenue_minor=ascending),
    value_cuts=st.none() | st.builds(ValueCuts, middle_minor=st.floats(0, 1e4), high_minor=st.floats(1e4, 1e9)),
)
of_a_fit = st.floats(-8, 6).map(math.exp)
five = st.tuples(*[st.floats(-1e3, 1e3)] * 5)
models = st.builds(
    Parameters,
    bg_nbd=st.builds(BgNbd, r=of_a_fit, alpha=of_a_fit, a=of_a_fit, b=of_a_fit),
    churn=st.builds(
        Churn, horizon_days=st.just(90), intercept=st.floats(-1e3, 1e3), weights=five | st.just((0.3,) * 5), means=five
    ),
)

ONCE: dict[str, int | None] = {"order_count": 1, "order_days": 1, "first_order_day": 19_800, "last_order_day": 19_800}


def of_churn(*, intercept: float = 0.0, weights: tuple[float, ...] = (0.0,) * 5) -> Parameters:
    churn = Churn(horizon_days=90, intercept=intercept, weights=weights, means=(0.0,) * 5)
    return Parameters(bg_nbd=BgNbd(r=1.0, alpha=1.0, a=1.0, b=1.0), churn=churn)


@st.composite
def facts(draw: st.DrawFn) -> dict[str, int | None]:
    """Orders on some days, even after `DAY`: facts later than the day asked never happen, and must not raise."""
    days = sorted(set(draw(st.lists(st.integers(DAY - 800, DAY + 3), max_size=6))))
    if not days:
        return {}
    orders = len(days) + draw(st.integers(0, 30))
    return {
        "order_count": orders,
        "order_days": len(days),
        "first_order_day": days[0],
        "last_order_day": days[-1],
        "previous_order_day": days[-2] if len(days) > 1 else None,
        "revenue_minor": draw(st.integers(0, 2**62)),
        "total_minor": draw(st.integers(0, 2**62)),
        "discount_minor": draw(st.integers(0, 2**62)),
        "refunded_order_count": draw(st.integers(0, orders)),
        "coupon_order_count": draw(st.integers(0, orders)),
        "order_count_90d": draw(st.integers(0, orders)),
    }


def array(rows: list[dict[str, int | None]], name: str, missing: float = np.nan) -> np.ndarray:
    return np.array([missing if row.get(name) is None else float(row[name] or 0) for row in rows])


def by_numpy(rows: list[dict[str, int | None]], given: Parameters) -> dict[str, list[object]]:
    first, last = array(rows, "first_order_day"), array(rows, "last_order_day")
    days, orders = array(rows, "order_days", 0.0), array(rows, "order_count", 0.0)
    since = cadence.days_since(last, as_of_day=DAY)
    gap = cadence.mean_gap_days(first, last, days)
    rhythm = cadence.rhythm_days(gap, days, median_gap_days=given.median_gap_days)
    overdue = cadence.overdue_ratio(since, rhythm)
    nobody = np.full(len(rows), np.nan)
    r = f = m = nobody
    if given.cut_points:
        r = rfm.descending_score(since, given.cut_points.recency_days)
        f = rfm.ascending_score(np.where(orders > 0, orders, np.nan), given.cut_points.order_count)
        revenue = np.where(orders > 0, array(rows, "revenue_minor", 0.0), np.nan)
        m = rfm.ascending_score(revenue, given.cut_points.revenue_minor)
    layers = np.full(len(rows), "")
    if given.value_cuts:
        layers = value.layers(np.where(orders > 0, array(rows, "revenue_minor", 0.0), np.nan), given.value_cuts)
    stages = lifecycle.stages(
        days_since_first_order=cadence.days_since(first, as_of_day=DAY),
        days_since_last_order=since,
        gap_before_last_order=last - array(rows, "previous_order_day"),
        rhythm=rhythm,
        overdue=overdue,
        bands=given.bands,
    )
    whole = array(rows, "total_minor", 0.0) + array(rows, "discount_minor", 0.0)
    with np.errstate(invalid="ignore"):
        shares = {
            "refund_rate": array(rows, "refunded_order_count", 0.0) / orders,
            "coupon_share": array(rows, "coupon_order_count", 0.0) / orders,
            "discount_share": array(rows, "discount_minor", 0.0) / whole,
        }
    columns = {
        "days_since_last_order": since,
        "mean_gap_days": gap,
        "rhythm_days": rhythm,
        "overdue_ratio": overdue,
        "r_score": r,
        "f_score": f,
        "m_score": m,
        **shares,
    }
    return {
        **{name: [None if np.isnan(value) else value for value in values] for name, values in columns.items()},
        "rfm_group": [group or None for group in rfm.groups(r, f, m).tolist()],
        "lifecycle_stage": stages.tolist(),
        "value_layer": [layer or None for layer in layers.tolist()],
        "average_order_minor": [
            (2 * int(row["revenue_minor"] or 0) + int(row["order_count"] or 0)) // (2 * int(row["order_count"] or 0))
            if row.get("order_count")
            else None
            for row in rows
        ],
    }


def keep(rows: list[dict[str, int | None]]) -> None:
    members = Member.objects.bulk_create([Member(external_id=f"s{number}", created_at=NOW) for number in range(len(rows))])
    MemberFacts.objects.bulk_create(
        [MemberFacts(member=member, windows_day=DAY, **row) for member, row in zip(members, rows, strict=True)]
    )


def probabilities(rows: list[dict[str, int | None]], given: Parameters) -> dict[str, np.ndarray]:
    first, last = array(rows, "first_order_day"), array(rows, "last_order_day")
    days, age = array(rows, "order_days"), cadence.days_since(first, as_of_day=DAY)
    assert given.bg_nbd is not None
    assert given.churn is not None
    read = churn.features(
        since=cadence.days_since(last, as_of_day=DAY),
        orders_90d=array(rows, "order_count_90d", 0.0),
        revenue_minor=array(rows, "revenue_minor", 0.0),
        order_days=days,
        age=age,
        span=last - first,
    )
    alive = bg_nbd.p_alive(given.bg_nbd, bg_nbd.Histories.of_days(days, last - first, age))
    return {"p_alive": np.where(np.isnan(days), np.nan, alive), "churn_probability": churn.probability(given.churn, read)}


class TestScores(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=st.lists(facts(), min_size=1, max_size=25), given_parameters=parameters)
    def test_are_equal_in_the_database_and_in_numpy(
        self, rows: list[dict[str, int | None]], given_parameters: Parameters
    ) -> None:
        keep(rows)
        expected = by_numpy(rows, given_parameters)
        found = list(scored(as_of_day=DAY, parameters=given_parameters).order_by("member_id").values(*expected))
        assert {name: [row[name] for row in found] for name in expected} == expected

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=st.lists(facts(), min_size=1, max_size=25), given_parameters=models)
    @example(rows=[ONCE], given_parameters=of_churn(weights=(0.0, 0.0, 0.0, 5e-324, 0.0)))
    @example(rows=[ONCE], given_parameters=of_churn(intercept=5e-324))
    def test_of_models_are_equal_to_nine_digits_and_raise_for_nobody(
        self, rows: list[dict[str, int | None]], given_parameters: Parameters
    ) -> None:
        keep(rows)
        for name, expected in probabilities(rows, given_parameters).items():
            query = scored(as_of_day=DAY, parameters=given_parameters).order_by("member_id")
            found = [np.nan if each is None else each for each in query.values_list(name, flat=True)]
            assert found == pytest.approx(expected.tolist(), abs=1e-9, nan_ok=True)
