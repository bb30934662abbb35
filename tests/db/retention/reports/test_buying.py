"""Repurchase, order value, penetration, cycle and visits, each against pandas on the plain list of orders."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pandas as pd
import pytest

from core.conf import shop_zone
from members.models import BehaviourEvent, Member
from retention.reports.buying import OrderValue, Penetration, Repurchase
from retention.reports.cycle import PurchaseCycle
from retention.reports.return_visits import ReturnVisits
from tests.db.retention.reports.shop import ask, make_shop, month_ends, order_dates, rows_of, sold
from tests.db.retention.reports.test_staying import joined_on
from tests.factories import make_event, shop_time

pytestmark = pytest.mark.django_db
FIRST, LAST = date(2025, 8, 10), date(2026, 6, 15)
PERIOD = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
SHOPS = pytest.mark.parametrize(("seed", "shop"), [(41, ""), (42, "south")])


def frame(shop: str = "") -> pd.DataFrame:
    rows = [(row.member, row.on, f"{row.on:%Y-%m}", row.revenue) for row in sold(shop) if FIRST <= row.on <= LAST]
    return pd.DataFrame(rows, columns=["who", "on", "month", "revenue"])


class TestRepurchase:
    @SHOPS
    def test_equals_pandas(self, seed: int, shop: str) -> None:
        make_shop(seed)
        report = Repurchase()
        told = report.run(request=ask(report, shop=shop, **PERIOD))
        days = frame(shop)[["who", "on", "month"]].drop_duplicates()
        per_buyer = days.groupby("who").size()
        assert told.values["repurchase_rate"] == (per_buyer >= 2).sum() / len(per_buyer)
        assert told.values["purchases"] == pytest.approx(per_buyer.mean())
        for row in rows_of(told, "months"):
            own = days[days["month"] == row["month"]].groupby("who").size()
            assert (row["buyers"], row["again"], row["purchases"]) == (len(own), (own >= 2).sum(), own.sum())
        spread = {row["purchases"]: row["buyers"] for row in rows_of(told, "spread")}
        counted = per_buyer.map(lambda times: str(times) if times < 10 else "10+").value_counts()
        assert spread == counted.to_dict()


class TestOrderValue:
    @SHOPS
    def test_equals_pandas_and_multiplies_out(self, seed: int, shop: str) -> None:
        make_shop(seed)
        report = OrderValue()
        told = report.run(request=ask(report, shop=shop, **PERIOD))
        orders = frame(shop)
        assert told.values["revenue"] == orders["revenue"].sum()
        assert told.values["order_value"] == pytest.approx(orders["revenue"].mean())
        assert told.values["buyer_value"] == pytest.approx(orders["revenue"].sum() / orders["who"].nunique())
        months = orders.groupby("month").agg(buyers=("who", "nunique"), orders=("who", "size"), revenue=("revenue", "sum"))
        for row in rows_of(told, "months"):
            assert (row["buyers"], row["orders"], row["revenue"]) == tuple(months.loc[row["month"]])
            product = row["buyers"] * row["orders_per_buyer"] * row["order_value"]
            assert product == pytest.approx(row["revenue"])


class TestPenetration:
    @SHOPS
    def test_equals_a_count_member_by_member(self, seed: int, shop: str) -> None:
        make_shop(seed)
        report = Penetration()
        told = report.run(request=ask(report, shop=shop, **PERIOD))
        dates = order_dates(sold(until=LAST))
        joined = [joined_on(member, dates) for member in Member.objects.all()]
        orders = frame(shop)
        for row, (_begins, ends) in zip(rows_of(told, "months"), month_ends(FIRST, LAST), strict=True):
            members = sum(on <= ends for on in joined)
            buyers = orders[orders["month"] == row["month"]]["who"].nunique()
            assert (row["members"], row["buyers"]) == (members, buyers)
        assert told.values["penetration"] == orders["who"].nunique() / sum(on <= LAST for on in joined)


class TestPurchaseCycle:
    @SHOPS
    def test_equals_pandas(self, seed: int, shop: str) -> None:
        make_shop(seed)
        report = PurchaseCycle()
        told = report.run(request=ask(report, shop=shop, **PERIOD))
        gaps = [
            (later - sooner).days
            for own in order_dates(sold(shop, until=LAST)).values()
            for sooner, later in pairwise(own)
            if later >= FIRST and (later - sooner).days <= 400
        ]
        series = pd.Series(gaps)
        assert told.values["mean"] == pytest.approx(series.mean())
        assert told.values["median"] == sorted(gaps)[(len(gaps) - 1) // 2]
        assert sum(row["purchases"] for row in rows_of(told, "days")) == len(gaps)
        for row in rows_of(told, "days"):
            low, high = map(int, row["days"].split("-"))
            assert row["purchases"] == series.between(low, high).sum()


class TestReturnVisits:
    @pytest.mark.parametrize("shop", ["", "south"])
    def test_equal_pandas(self, shop: str) -> None:
        """Events name no shop: of one, they are those of the members who have ordered there."""
        make_shop(43)
        here = {row.member for row in sold(shop, until=LAST)} if shop else set(Member.objects.values_list("pk", flat=True))
        members = list(Member.objects.order_by("pk"))
        kinds = ["visit", "view", "search", "review", "complaint", "cart_add"]
        for number in range(150):
            day = 20_300 + (number * 37) % 300
            make_event(members[(number * 7) % 23], kinds[number % 6], occurred_at=shop_time(day))
        report = ReturnVisits()
        told = report.run(request=ask(report, shop=shop, **PERIOD))
        visits = pd.DataFrame(
            [
                (event.member_id, on, f"{on:%Y-%m}")
                for event in BehaviourEvent.objects.filter(kind__in=["visit", "view", "search", "cart_add"])
                if event.member_id in here and FIRST <= (on := event.occurred_at.astimezone(shop_zone()).date()) <= LAST
            ],
            columns=["who", "on", "month"],
        ).drop_duplicates()
        per_visitor = visits.groupby("who").size()
        assert told.values["visitors"] == len(per_visitor)
        assert told.values["return_rate"] == (per_visitor >= 2).sum() / len(per_visitor)
        for row in rows_of(told, "months"):
            own = visits[visits["month"] == row["month"]].groupby("who").size()
            assert (row["visitors"], row["again"]) == (len(own), (own >= 2).sum())


def test_a_month_begins_on_its_first_day_of_the_shop() -> None:
    """An order a moment before midnight in the shop belongs to the day that ends, wherever the server stands."""
    make_shop(44)
    report = OrderValue()
    months = rows_of(report.run(request=ask(report, **PERIOD)), "months")
    begins = [begins for begins, _ends in month_ends(FIRST, LAST)]
    assert [row["month"] for row in months] == [f"{each:%Y-%m}" for each in begins]
    assert begins[-1] + timedelta(days=14) == LAST
