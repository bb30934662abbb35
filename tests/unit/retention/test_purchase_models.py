"""BG/NBD and gamma-gamma against published numbers, another implementation, and the integral that they solve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.scoring import bg_nbd, gamma_gamma
from retention.scoring.parameters import BgNbd
from tests.cdnow import lifetimes, load_cdnow_summary, load_cdnow_summary_data_with_monetary_value

PAPER = BgNbd(0.243, 4.414, 0.793, 2.426)


def sample() -> bg_nbd.Histories:
    frame = load_cdnow_summary(index_col=[0])
    return bg_nbd.Histories(*(frame[name].to_numpy(float) for name in ("frequency", "recency", "T")), np.ones(len(frame)))


def repeat_buyers() -> tuple[np.ndarray, np.ndarray]:
    frame = load_cdnow_summary_data_with_monetary_value().query("frequency > 0")
    return frame["frequency"].to_numpy(float), frame["monetary_value"].to_numpy(float)


def random_members(count: int = 500) -> bg_nbd.Histories:
    random = np.random.default_rng(5)
    x, age = random.integers(0, 60, count).astype(float), random.uniform(1, 300, count)
    return bg_nbd.Histories(x, np.where(x > 0, age * random.uniform(0, 1, count), 0.0), age, np.ones(count))


def theirs(parameters: BgNbd) -> lifetimes.BetaGeoFitter:
    fitter = lifetimes.BetaGeoFitter()
    fitter.params_ = pd.Series({name: getattr(parameters, name) for name in ("r", "alpha", "a", "b")})
    return fitter


class TestFittingPurchases:
    def test_gives_the_papers_numbers_with_their_uncertainty(self) -> None:
        fit = bg_nbd.fit(sample().unique())
        found = [getattr(fit.parameters, name) for name in ("r", "alpha", "a", "b")]
        assert [round(each, 3) for each in found] == [0.243, 4.414, 0.793, 2.426]
        assert fit.log_likelihood == pytest.approx(-9582.43, abs=0.005)
        errors = [getattr(fit.standard_errors, name) for name in ("r", "alpha", "a", "b")]
        assert [round(each, 3) for each in errors] == [0.013, 0.378, 0.186, 0.705]

    def test_follows_its_own_gradient(self) -> None:
        value, gradient = bg_nbd.log_likelihood(BgNbd(0.5, 3.0, 1.2, 2.0), sample())
        for place, name in enumerate(("r", "alpha", "a", "b")):
            moved = {"r": 0.5, "alpha": 3.0, "a": 1.2, "b": 2.0}
            moved[name] += 1e-6
            assert (bg_nbd.log_likelihood(BgNbd(**moved), sample())[0] - value) / 1e-6 == pytest.approx(
                gradient[place], rel=1e-3
            )

    def test_reads_equal_histories_once(self) -> None:
        histories = sample()
        unique = histories.unique()
        assert (len(unique.x), unique.members.sum()) == (1016, 2357)
        assert bg_nbd.log_likelihood(PAPER, unique)[0] == pytest.approx(bg_nbd.log_likelihood(PAPER, histories)[0])

    def test_refuses_members_of_whom_nobody_came_back(self) -> None:
        nobody = np.zeros(100)
        with pytest.raises(bg_nbd.NoFit):
            bg_nbd.fit(bg_nbd.Histories(nobody, nobody, nobody + 30.0, nobody + 1.0))


class TestAMember:
    @pytest.mark.parametrize("given", [PAPER, BgNbd(0.5, 2.0, 1.7, 3.0), BgNbd(1.0, 1.0, 2.5, 0.7)])
    def test_is_alive_and_will_buy_as_another_implementation_says(self, given: BgNbd) -> None:
        members = random_members()
        numbers = (members.x, members.t_x, members.T)
        alive = theirs(given).conditional_probability_alive(*numbers)
        assert bg_nbd.p_alive(given, members) == pytest.approx(alive, abs=1e-9)
        expected = theirs(given).conditional_expected_number_of_purchases_up_to_time(52, *numbers)
        assert bg_nbd.expected_purchases(given, members, weeks=52) == pytest.approx(expected, abs=1e-6)

    def test_who_bought_once_is_alive(self) -> None:
        once = bg_nbd.Histories(np.zeros(2), np.zeros(2), np.array([0.0, 2600.0]), np.ones(2))
        assert bg_nbd.p_alive(PAPER, once).tolist() == [1.0, 1.0]

    @settings(max_examples=80, deadline=None)
    @given(
        logs=st.tuples(st.floats(-4, 6.9), st.floats(-4, 9), st.floats(-4, 6.9) | st.just(0.0), st.floats(-4, 6.9)),
        x=st.integers(0, 10_000),
        years=st.floats(0, 50),
        weeks=st.floats(0.1, 2600),
    )
    def test_of_any_history_has_the_integrals_expectation(
        self, logs: tuple[float, ...], x: int, years: float, weeks: float
    ) -> None:
        given, age = BgNbd(*np.exp(logs)), np.array([years * 52.18])
        members = bg_nbd.Histories(np.array([float(x)]), age * (x > 0), age, np.ones(1))
        found = bg_nbd.expected_purchases(given, members, weeks=weeks)
        by_integral = bg_nbd._by_integral(given, members.x, weeks / (given.alpha + members.T))
        assert np.isfinite(found).all()
        assert found == pytest.approx(by_integral * bg_nbd.p_alive(given, members), rel=1e-6, abs=1e-9)

    def test_who_has_been_away_longer_is_expected_less(self) -> None:
        age = np.full(50, 100.0)
        members = bg_nbd.Histories(np.full(50, 8.0), np.linspace(0, 100, 50), age, np.ones(50))
        assert np.all(np.diff(bg_nbd.p_alive(PAPER, members)) > 0)
        assert np.all(np.diff(bg_nbd.expected_purchases(PAPER, members, weeks=13)) > 0)


class TestSpend:
    def test_gives_the_notes_numbers(self) -> None:
        frame = load_cdnow_summary_data_with_monetary_value().query("frequency > 0")
        found, _likelihood = gamma_gamma.fit(frame["frequency"].to_numpy(float), frame["monetary_value"].to_numpy(float))
        assert (round(found.p, 2), round(found.q, 2), round(found.v, 2)) == (6.25, 3.74, 15.45)
        cents, _likelihood = gamma_gamma.fit(
            frame["frequency"].to_numpy(float), frame["monetary_value"].to_numpy(float) * 100
        )
        assert (cents.p, cents.q, cents.v) == pytest.approx((found.p, found.q, found.v * 100), rel=1e-4)

    def test_of_everybody_the_same_teaches_nothing(self) -> None:
        with pytest.raises(bg_nbd.NoFit):
            gamma_gamma.fit(np.full(80, 3.0), np.full(80, 100.0))

    def test_lies_between_the_members_mean_and_everybodys(self) -> None:
        found, _likelihood = gamma_gamma.fit(*repeat_buyers())
        everybody = found.p * found.v / (found.q - 1)
        expected = gamma_gamma.expected_value(found, np.array([1.0, 100.0]), np.array([200.0, 200.0]))
        assert everybody < expected[0] < expected[1] < 200.0
