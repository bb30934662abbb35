"""Kaplan-Meier and log-rank against published numbers, and by their own definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retention.scoring.survival import Observed, kaplan_meier, log_rank, observed

# Freireich et al. 1963, Blood 21, 699-716: weeks of remission of 42 children with leukaemia; + is censored. The worked
# example of most textbooks (Cox 1972; Kleinbaum & Klein, Survival Analysis).
TREATED = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def weeks(text: str) -> Observed:
    ends = text.split()
    days = np.array([int(end.rstrip("+")) for end in ends])
    return observed(days, np.array([not end.endswith("+") for end in ends]), np.ones(len(ends), dtype=np.int64))


class TestKaplanMeier:
    @pytest.mark.parametrize(
        ("week", "survival"),
        [(0, 1.0), (5, 1.0), (6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448)],
    )
    def test_is_the_textbooks_curve(self, week: int, survival: float) -> None:
        assert kaplan_meier(weeks(TREATED)).at(week)[0] == pytest.approx(survival, abs=5e-4)

    def test_has_the_textbooks_standard_error_in_its_band(self) -> None:
        """Greenwood's standard error at week 6 is 0.0764; the log(-log) interval follows from it."""
        survival, low, high = kaplan_meier(weeks(TREATED)).at(6)
        error = 0.07636 / (survival * abs(math.log(survival)))
        assert low == pytest.approx(survival ** math.exp(1.959964 * error), abs=1e-4)
        assert high == pytest.approx(survival ** math.exp(-1.959964 * error), abs=1e-4)
        assert (low, high) == (pytest.approx(0.6198, abs=1e-3), pytest.approx(0.9516, abs=1e-3))

    def test_knows_when_half_are_lost(self) -> None:
        assert (kaplan_meier(weeks(TREATED)).median, kaplan_meier(weeks(PLACEBO)).median) == (23, 8)

    def test_without_anybody_censored_is_the_share_still_there(self) -> None:
        group = weeks(PLACEBO)
        curve = kaplan_meier(group)
        ends = [int(end) for end in PLACEBO.split()]
        for week in range(24):
            assert curve.at(week)[0] == pytest.approx(sum(end > week for end in ends) / 21)

    def test_counts_whoever_is_censored_on_a_day_as_at_risk_on_it(self) -> None:
        curve = kaplan_meier(weeks("3 3+"))
        assert curve.at(3)[0] == 0.5

    @pytest.mark.parametrize("text", ["4+ 9+", "0", "0+", "5", "7 7 7"])
    def test_of_few_is_defined_everywhere(self, text: str) -> None:
        curve = kaplan_meier(weeks(text))
        assert curve.at(0)[0] in (0.0, 1.0)
        assert not np.isnan(curve.survival).any()

    def test_of_nobody_is_one(self) -> None:
        assert kaplan_meier(weeks("")).at(0)[0] == 1.0


class TestLogRank:
    def test_is_the_textbooks_test(self) -> None:
        tested = log_rank([weeks(TREATED), weeks(PLACEBO)])
        assert tested is not None
        assert tested.statistic == pytest.approx(16.79, abs=0.005)
        assert tested.degrees == 1
        assert tested.p_value == pytest.approx(4.17e-5, rel=0.01)
        assert tested.expected == (pytest.approx(19.25, abs=0.005), pytest.approx(10.75, abs=0.005))

    def test_of_one_group_cut_in_halves_says_nothing(self) -> None:
        tested = log_rank([weeks(TREATED), weeks(TREATED)])
        assert tested is not None
        assert tested.statistic == pytest.approx(0, abs=1e-12)
        assert tested.p_value == pytest.approx(1)

    def test_of_three_groups_has_two_degrees_of_freedom(self) -> None:
        tested = log_rank([weeks(TREATED), weeks(PLACEBO), weeks("2 4 9+ 30")])
        assert tested is not None
        assert tested.degrees == 2

    @pytest.mark.parametrize("groups", [[], ["5"], ["5+", "9+"], ["", "5"]])
    def test_of_nothing_to_compare_is_none(self, groups: list[str]) -> None:
        assert log_rank([weeks(text) for text in groups]) is None
