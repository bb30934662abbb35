from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.scoring.rfm import BINS, GROUPS, QUINTILES, ascending_score, descending_score, groups, interpolated, rank_of

VALUES = st.lists(st.integers(0, 10**12), min_size=1, max_size=60)


def quintiles(values: list[float]) -> list[float]:
    ordered = sorted(values)
    ranks = [rank_of(quantile, count=len(ordered)) for quantile in QUINTILES]
    return [interpolated(float(ordered[rank.low]), float(ordered[rank.high]), rank.weight) for rank in ranks]


class TestCutPoints:
    @given(VALUES)
    def test_are_those_of_numpy(self, values: list[int]) -> None:
        assert quintiles(values) == np.quantile(np.array(values, dtype=float), QUINTILES).tolist()

    def test_of_one_value_are_that_value(self) -> None:
        assert quintiles([7.0]) == [7.0, 7.0, 7.0, 7.0]


class TestScores:
    @given(VALUES)
    def test_are_the_bins_of_pandas(self, values: list[int]) -> None:
        cuts = quintiles(values)
        edges = pd.IntervalIndex.from_breaks([-np.inf, *sorted(set(cuts)), np.inf], closed="right")
        bins = edges.get_indexer(np.array(values, dtype=float))
        cuts_below = np.array([sum(cut <= edge.left for cut in cuts) for edge in edges])
        assert ascending_score(np.array(values, dtype=float), cuts).tolist() == (1 + cuts_below[bins]).tolist()

    def test_of_a_value_on_a_cut_point_are_the_lower_bin(self) -> None:
        assert ascending_score(np.array([1.0, 2.0, 2.5]), [1, 2, 3, 4]).tolist() == [1, 2, 3]

    def test_of_recency_are_highest_for_the_fewest_days(self) -> None:
        assert descending_score(np.array([0.0, 10.0]), [1, 2, 3, 4]).tolist() == [5, 1]

    def test_of_missing_values_are_missing(self) -> None:
        assert np.isnan(ascending_score(np.array([np.nan]), [1, 2, 3, 4])).all()


class TestGroups:
    @pytest.mark.parametrize(
        ("scores", "group"),
        [
            ((5, 5, 5), "champions"),
            ((3, 4, 1), "loyal"),
            ((5, 4, 3), "loyal"),
            ((3, 1, 5), "big_spenders"),
            ((5, 1, 1), "recent"),
            ((4, 3, 3), "promising"),
            ((3, 1, 1), "promising"),
            ((2, 5, 5), "cannot_lose"),
            ((1, 3, 5), "needs_attention"),
            ((1, 1, 5), "inactive"),
            ((1, 1, 1), "inactive"),
        ],
    )
    def test_are_the_first_box_that_holds(self, scores: tuple[int, int, int], group: str) -> None:
        assert groups(*(np.array([float(score)]) for score in scores)).tolist() == [group]

    def test_name_every_combination(self) -> None:
        every = np.array(np.meshgrid(*[range(1, BINS + 1)] * 3), dtype=float).reshape(3, -1)
        assert set(groups(*every).tolist()) == {group.code for group in GROUPS}

    def test_are_missing_without_scores(self) -> None:
        assert groups(np.array([np.nan]), np.array([1.0]), np.array([1.0])).tolist() == [""]
