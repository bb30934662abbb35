from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.scoring import calibration, challengers, churn
from retention.scoring.calibration import auc, brier, lift_at_top, measured, stability, tenths
from retention.scoring.parameters import CHURN_FEATURES


class TestAuc:
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
    def test_is_the_share_of_pairs_that_are_ranked_right(self, members: list[tuple[bool, int]]) -> None:
        lost, kept = ([score for churned, score in members if churned is wanted] for wanted in (True, False))
        found = auc(np.array([float(each[0]) for each in members]), np.array([float(each[1]) for each in members]))
        if not lost or not kept:
            assert found is None
        else:
            pairs = [(one > other) + 0.5 * (one == other) for one in lost for other in kept]
            assert found == pytest.approx(sum(pairs) / len(pairs))


class TestMeasures:
    def test_of_a_score_that_says_the_truth(self) -> None:
        random = np.random.default_rng(3)
        score = random.uniform(0, 1, 50_000)
        happened = (random.uniform(0, 1, 50_000) < score).astype(float)
        told = measured(happened, score, -score)
        assert told["furthest"] < 0.02
        assert told["auc"] == pytest.approx(5 / 6, abs=0.01)
        assert told["recency_auc"] == pytest.approx(1 / 6, abs=0.01)
        assert (told["brier"], told["base_brier"]) == (pytest.approx(1 / 6, abs=0.01), pytest.approx(1 / 4, abs=0.01))
        assert [part["members"] for part in told["calibration"]] == [5_000] * 10
        assert told["lift_top_10"] == pytest.approx(1.9, abs=0.03)

    def test_of_few_members_have_fewer_parts(self) -> None:
        parts = tenths(np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.9]))
        assert [(part.members, part.predicted, part.actual) for part in parts] == [
            (1, 0.1, 0.0),
            (1, 0.2, 1.0),
            (1, 0.9, 1.0),
        ]
        assert calibration.furthest(parts) == pytest.approx(0.8)

    def test_of_nobody_lost_know_no_lift(self) -> None:
        assert lift_at_top(np.zeros(20), np.arange(20.0)) is None

    def test_are_perfect_where_everything_came_true(self) -> None:
        assert brier(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0.0

    def test_of_stability_are_zero_for_the_same_and_large_for_another(self) -> None:
        even = [0.1] * 10
        assert stability(even, even) == 0.0
        assert stability(even, [0.55, *[0.05] * 9]) > calibration.MOVED


class TestTheChurnModel:
    def rows(self, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(8)
        rows = random.normal(2.0, 1.5, (count, len(CHURN_FEATURES)))
        z = -0.5 + rows @ np.array([0.8, -0.5, 0.0, 0.3, -0.2])
        return rows, (random.uniform(0, 1, count) < 1 / (1 + np.exp(-z))).astype(float)

    def test_finds_what_made_the_data(self) -> None:
        rows, churned = self.rows()
        fit = churn.fit(rows, churned, horizon_days=90)
        assert fit.intercept == pytest.approx(-0.5, abs=0.1)
        assert fit.weights == pytest.approx((0.8, -0.5, 0.0, 0.3, -0.2), abs=0.03)

    def test_stays_finite_where_one_fact_tells_everything(self) -> None:
        rows = np.zeros((100, len(CHURN_FEATURES)))
        rows[:, 0] = np.arange(100)
        fit = churn.fit(rows, (rows[:, 0] >= 50).astype(float), horizon_days=90)
        found = churn.probability(fit, rows)
        assert (found[0] < 0.1, found[-1] > 0.9, bool(np.all(np.diff(found) > 0))) == (True, True, True)

    def test_says_what_moves_a_member_away_from_the_mean(self) -> None:
        rows, churned = self.rows()
        fit = churn.fit(rows, churned, horizon_days=90)
        moved = churn.contributions(fit, rows[0])
        mean = float(np.array(fit.weights) @ np.array(fit.means) + fit.intercept)
        p = float(churn.probability(fit, rows[:1])[0])
        assert sum(moved.values()) == pytest.approx(np.log(p / (1 - p)) - mean)


class TestATree:
    def test_gives_leaves_that_hold_everybody_once(self) -> None:
        pytest.importorskip("sklearn")
        random = np.random.default_rng(2)
        rows = random.integers(0, 100, (2_000, 2)).astype(float)
        churned = ((rows[:, 0] > 60) & (rows[:, 1] < 30)).astype(float)
        found = challengers.leaves(rows, churned, ("away", "orders"))
        assert sum(leaf.members for leaf in found) == 2_000
        assert (found[0].churned, found[-1].churned) == (1.0, 0.0)
        assert found[0].bounds["away"][0] == pytest.approx(60.5)
