"""The scores exist twice, as NumPy and as database expressions: on random facts, odd ones too, they are equal to the bit."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from members.models import Member
from retention.models import MemberFacts
from retention.scored import scored
from retention.scoring import cadence, lifecycle, rfm
from retention.scoring.parameters import Bands, CutPoints, Parameters
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
)


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
        "average_order_minor": [
            (2 * int(row["revenue_minor"] or 0) + int(row["order_count"] or 0)) // (2 * int(row["order_count"] or 0))
            if row.get("order_count")
            else None
            for row in rows
        ],
    }


class TestScores(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=st.lists(facts(), min_size=1, max_size=25), given_parameters=parameters)
    def test_are_equal_in_the_database_and_in_numpy(
        self, rows: list[dict[str, int | None]], given_parameters: Parameters
    ) -> None:
        members = Member.objects.bulk_create(
            [Member(external_id=f"s{number}", created_at=NOW) for number in range(len(rows))]
        )
        MemberFacts.objects.bulk_create(
            [MemberFacts(member=member, windows_day=DAY, **row) for member, row in zip(members, rows, strict=True)]
        )
        expected = by_numpy(rows, given_parameters)
        found = list(scored(as_of_day=DAY, parameters=given_parameters).order_by("member_id").values(*expected))
        assert {name: [row[name] for row in found] for name in expected} == expected
