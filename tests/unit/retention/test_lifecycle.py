from __future__ import annotations

import numpy as np
import pytest

from retention.scoring.cadence import days_since, mean_gap_days, overdue_ratio, rhythm_days
from retention.scoring.lifecycle import stages
from retention.scoring.parameters import Bands

TODAY = 1_000


def one(value: float | None) -> np.ndarray:
    return np.array([np.nan if value is None else float(value)])


def stage(
    first: int | None, last: int | None, *, previous: int | None = None, days: int = 1, median: float | None = 10.0
) -> str:
    rhythm = rhythm_days(mean_gap_days(one(first), one(last), one(days)), one(days), median_gap_days=median)
    since = days_since(one(last), as_of_day=TODAY)
    return str(
        stages(
            days_since_first_order=days_since(one(first), as_of_day=TODAY),
            days_since_last_order=since,
            gap_before_last_order=one(last) - one(previous),
            rhythm=rhythm,
            overdue=overdue_ratio(since, rhythm),
            bands=Bands(),
        )[0]
    )


class TestRhythm:
    def test_of_one_order_day_is_the_shops(self) -> None:
        assert rhythm_days(one(None), one(1), median_gap_days=20.0).tolist() == [20.0]

    def test_shrinks_the_own_mean_towards_the_shops(self) -> None:
        assert rhythm_days(one(30), one(4), median_gap_days=10.0).tolist() == [(3 * 10 + 3 * 30) / 6]

    def test_is_a_week_at_least(self) -> None:
        assert rhythm_days(one(1), one(50), median_gap_days=1.0).tolist() == [7.0]

    def test_is_missing_without_orders_and_without_a_median(self) -> None:
        assert np.isnan(rhythm_days(one(None), one(0), median_gap_days=10.0)).all()
        assert np.isnan(rhythm_days(one(None), one(1), median_gap_days=None)).all()

    def test_mean_gap_needs_two_days(self) -> None:
        assert np.isnan(mean_gap_days(one(5), one(5), one(1))).all()
        assert mean_gap_days(one(0), one(30), one(4)).tolist() == [10.0]

    def test_days_yet_to_come_are_no_days_ago(self) -> None:
        assert days_since(one(TODAY + 1), as_of_day=TODAY).tolist() == [0.0]


class TestStage:
    def test_is_none_without_orders(self) -> None:
        assert stage(None, None, days=0) == "none"

    @pytest.mark.parametrize(("ago", "expected"), [(29, "new"), (30, "at_risk")])
    def test_is_new_for_thirty_days(self, ago: int, expected: str) -> None:
        assert stage(TODAY - ago, TODAY - ago) == expected

    @pytest.mark.parametrize(
        ("ago", "expected"),
        [(20, "active"), (21, "at_risk"), (40, "at_risk"), (41, "dormant"), (80, "dormant"), (81, "lost")],
    )
    def test_follows_the_overdue_ratio(self, ago: int, expected: str) -> None:
        # Four order days ten days apart: the rhythm is ten days.
        assert stage(TODAY - ago - 30, TODAY - ago, previous=TODAY - ago - 10, days=4) == expected

    def test_is_reactivated_after_a_dormant_gap(self) -> None:
        # Two order days 62 apart: rhythm (30 + 62) / 4 = 23 days; the gap is shorter than four of them.
        assert stage(TODAY - 62, TODAY, previous=TODAY - 62, days=2) == "active"
        # Eleven order days within 130 days, then 50 of silence: rhythm (30 + 200 - 20) / 13.
        assert stage(TODAY - 210, TODAY - 10, previous=TODAY - 110, days=11) == "reactivated"

    def test_is_reactivated_for_thirty_days_unless_overdue_again(self) -> None:
        assert stage(TODAY - 229, TODAY - 29, previous=TODAY - 129, days=11) == "reactivated"
        assert stage(TODAY - 230, TODAY - 30, previous=TODAY - 130, days=11) == "active"

    def test_without_a_known_rhythm_is_new_or_active(self) -> None:
        assert stage(TODAY - 5, TODAY - 5, median=None) == "new"
        assert stage(TODAY - 500, TODAY - 500, median=None) == "active"
