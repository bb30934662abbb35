"""The models on CDNOW, through facts, refresh and fit, against what the literature and the orders that followed say."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from core.conf import shop_zone
from core.periods import day_of, start_of
from members.models import Member
from retention.models import ModelPolicy, ScoringModel
from retention.scored import current_parameters, scored
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from tests import cdnow


def end_of(on: date) -> datetime:
    return start_of(day_of(on) + 1, shop_zone()) - datetime.resolution


def fit_on(on: date, *, horizon_days: int) -> None:
    ModelPolicy.objects.update_or_create(pk=1, defaults={"churn_horizon_days": horizon_days})
    refresh(as_of=end_of(on), full=True)
    fit_models(as_of=end_of(on), now=end_of(on))


def scores(on: date) -> pd.DataFrame:
    columns = ("churn_probability", "p_alive", "expected_orders_90d", "clv_365d_minor", "value_layer", "last_order_day")
    rows = scored(as_of_day=day_of(on), parameters=current_parameters()).values("external_id", *columns)
    return pd.DataFrame(list(rows)).set_index("external_id").sort_index()


def auc(happened: pd.Series, score: pd.Series) -> float:
    ranks, yes = rankdata(score), int(happened.sum())
    return (ranks[happened].sum() - yes * (yes + 1) / 2) / (yes * (len(happened) - yes))


def stayed_away(orders: pd.DataFrame, members: pd.Index, on: date, *, days: int) -> pd.Series:
    after = orders[(orders["day"] > day_of(on)) & (orders["day"] <= day_of(on) + days)]
    return pd.Series(~members.isin(after["customer"].unique()), index=members)


@pytest.fixture(scope="module")
def orders(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> pd.DataFrame:
    return cdnow.read_orders()


@pytest.mark.django_db
class TestTheSample:
    def test_gives_the_parameters_of_the_paper(self) -> None:
        cdnow.load_orders(cdnow.read_orders("CDNOW_sample.txt"))
        fit_on(date(1997, 9, 30), horizon_days=90)
        published = ScoringModel.objects.get(kind="bg_nbd", current=True)
        assert published.members == 2357
        assert published.log_likelihood == pytest.approx(-9582.4, abs=0.05)
        assert {name: round(value, 3) for name, value in published.parameters.items()} == {
            "r": 0.243,
            "alpha": 4.414,
            "a": 0.793,
            "b": 2.426,
        }


@pytest.mark.django_db
class TestEverybody:
    def test_is_told_apart_and_told_the_truth(self, orders: pd.DataFrame) -> None:
        cdnow.load_orders(orders)
        on = date(1998, 3, 31)
        fit_on(on, horizon_days=91)
        found = scores(on)
        away = stayed_away(orders, found.index, on, days=91)
        assert auc(away, found["churn_probability"]) >= 0.836
        assert auc(away, -found["last_order_day"]) == pytest.approx(0.828, abs=0.0005)
        order = np.argsort(found["churn_probability"].to_numpy(), kind="stable")
        for tenth in np.array_split(order, 10):
            assert abs(found["churn_probability"].iloc[tenth].mean() - away.iloc[tenth].mean()) <= 0.05
        published = ScoringModel.objects.get(kind="churn", current=True)
        assert published.parameters["calibrated"] is True
        assert published.metrics["auc"] > published.metrics["recency_auc"]
        assert Member.objects.filter(forecast__clv_365d_minor__isnull=True).count() == 0
        self.with_as_much_history_as_horizon(orders)

    def with_as_much_history_as_horizon(self, orders: pd.DataFrame) -> None:
        """The same members, half a year before: too short a past for the horizon, so a rank is what can be said."""
        on = date(1997, 9, 30)
        fit_on(on, horizon_days=273)
        found = scores(on)
        assert found["churn_probability"].notna().all()
        assert auc(stayed_away(orders, found.index, on, days=273), found["churn_probability"]) >= 0.765
        published = ScoringModel.objects.get(kind="churn", current=True)
        assert (published.parameters["calibrated"], published.parameters["horizon_days"]) == (False, 90)
