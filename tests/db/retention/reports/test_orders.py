"""Reports on orders against the same figures worked out from raw rows in pandas."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.periods import date_of
from retention.reports.associations import BoughtTogetherAndNext
from retention.reports.base import Asked, Report
from retention.reports.benefits import BenefitsAndRetention
from retention.reports.cycle import PurchaseCycle
from retention.reports.delivery_churn import DeliveryDelay
from retention.reports.discounts import DiscountsAndPoints
from retention.reports.payments import PaymentsAndChannels
from retention.reports.purchase_times import PurchaseTimes
from retention.reports.refunds_churn import RefundsAndComplaints
from retention.reports.service_churn import ServiceSpeed
from tests.db.retention.reports.random_shop import RandomShop, make_random_shop
from tests.factories import NOW, TODAY_NUMBER

pytestmark = pytest.mark.django_db

FIRST, LAST = TODAY_NUMBER - 240, TODAY_NUMBER
PERIODS = [(FIRST, LAST, ""), (FIRST, LAST - 60, "south")]
HORIZON, EXPERIENCE = 30, 14


@pytest.fixture
def shop() -> RandomShop:
    return make_random_shop(11)


def ask(report: Report, shop: RandomShop, first: int, last: int, slug: str, **options: str) -> Asked:
    chosen = {option.code: option.default for option in report.options} | options
    return Asked(first, last, TODAY_NUMBER, NOW, shop.shops.get(slug), slug, chosen)


@pytest.mark.parametrize(("first", "last", "slug"), PERIODS)
class TestOfOrders:
    def test_times_of_purchase(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = PurchaseTimes()
        cells = report.count(ask(report, shop, first, last, slug))["cells"]
        orders = shop.counted_orders(first=first, last=last, shop=slug)
        timed = [(date_of(row.day).weekday(), None if pd.isna(row.hour) else int(row.hour)) for row in orders.itertuples()]
        expected = orders.assign(place=timed).groupby("place")["revenue"].agg(["size", "sum"])
        assert {(cell["weekday"], cell["placed_hour"]): (cell["orders"], cell["revenue"]) for cell in cells} == {
            place: tuple(row) for place, row in zip(expected.index, expected.to_numpy().tolist(), strict=True)
        }

    def test_cycles_of_categories_are_the_quartiles_of_gaps(
        self, shop: RandomShop, first: int, last: int, slug: str
    ) -> None:
        report = PurchaseCycle()
        counted = report.count(ask(report, shop, first, last, slug))["categories"]
        orders = shop.counted_orders(first=0, last=last, shop=slug)
        lines = shop.lines.merge(orders, on="order").merge(shop.products, on="product").dropna(subset=["category"])
        found = [gaps(part, first) for _category, part in lines.groupby("category")]
        expected = sorted(summary(each) for each in found if each)
        assert len(expected) > 1
        assert sorted(values(row) for row in counted) == [pytest.approx(row) for row in expected]

    def test_payments_and_channels(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = PaymentsAndChannels()
        counted = report.count(ask(report, shop, first, last, slug))
        orders = shop.counted_orders(first=first, last=last, shop=slug)
        paid = orders["status"].isin(["paid", "shipped", "completed"]) | orders["paid_at"].notna()
        for code, column in (("payment", "payment_method"), ("channel", "channel")):
            expected = {
                name: {
                    "name": name,
                    "orders": len(part),
                    "paid": int(paid[part.index].sum()),
                    "members": part["member"].nunique(),
                    "revenue": int(part["revenue"].sum()),
                    "refunded": int((part["refunded"] > 0).sum()),
                }
                for name, part in orders.groupby(column)
            }
            assert {row["name"]: row for row in counted[code]} == expected
        named = orders.loc[orders["payment_method"] != "", "payment_method"]
        shown = report.show(ask(report, shop, first, last, slug), counted).values["top_share"]
        assert shown == (named.value_counts().max() / len(named) if len(named) else None)

    @pytest.mark.parametrize("level", ["category", "product"])
    def test_pairs_bought_together_and_next(self, shop: RandomShop, first: int, last: int, slug: str, level: str) -> None:
        report = BoughtTogetherAndNext()
        counted = report.count(ask(report, shop, first, last, slug, level=level))
        orders = shop.counted_orders(first=first, last=last, shop=slug)
        lines = shop.lines.merge(orders, on="order").merge(shop.products, on="product")
        lines = lines.assign(what=lines["name" if level == "product" else "category_name"]).dropna(subset=["what"])
        baskets = lines.groupby("order")["what"].agg(set)
        pairs = Counter(frozenset(pair) for basket in baskets for pair in combinations(basket, 2))
        single = Counter(what for basket in baskets for what in basket)
        expected = {pair: count for pair, count in pairs.items() if count >= 5}
        assert counted["orders"] == len(baskets)
        assert {frozenset((row["first"], row["second"])): row["orders"] for row in counted["pairs"]} == expected
        for row in counted["pairs"]:
            assert row["lift"] == pytest.approx(
                row["orders"] / len(baskets) / (single[row["first"]] / len(baskets)) / (single[row["second"]] / len(baskets))
            )
        bought = lines.groupby(["member", "day"])["what"].agg(set).to_dict()
        after: Counter[tuple[str, str]] = Counter()
        before: Counter[str] = Counter()
        for member, mine in orders.groupby("member"):
            for day, later in pairwise(sorted(set(mine["day"]))):
                for what in bought.get((member, day), set()):
                    before[what] += 1
                    after.update((what, then) for then in bought.get((member, later), set()))
        often = {pair: (count, before[pair[0]]) for pair, count in after.items() if count >= 5}
        assert {(row["first"], row["second"]): (row["times"], row["of"]) for row in counted["next"]} == often

    def test_discounts_coupons_and_points(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = DiscountsAndPoints()
        asked = ask(report, shop, first, last, slug)
        counted = report.count(asked)
        orders = shop.counted_orders(first=first, last=last, shop=slug)
        listed = orders["total_minor"] + orders["discount_minor"]
        depth = (orders["discount_minor"] / listed.where(listed > 0)).fillna(0)
        values = report.show(asked, counted).values
        assert values == {
            "coupon_share": pytest.approx((orders["coupon_code"] != "").mean()),
            "discounted_share": pytest.approx((orders["discount_minor"] > 0).mean()),
            "points_share": pytest.approx((orders["points_used"] > 0).mean()),
            "discount_share": pytest.approx(orders["discount_minor"].sum() / listed.sum()),
            "discount_minor": orders["discount_minor"].sum(),
        }
        found = pd.DataFrame(counted["rows"]).groupby("depth")["orders"].sum().to_dict()
        edges = pd.cut(depth, [-1, 0, 0.1, 0.2, 0.3, 0.5, 2], labels=["none", "10", "20", "30", "50", "more"])
        assert found == {name: count for name, count in edges.value_counts().to_dict().items() if count}
        months = pd.DataFrame(counted["rows"]).groupby("month")["revenue"].sum()
        by_month = orders.groupby([f"{date_of(day):%Y-%m}" for day in orders["day"]])["revenue"].sum()
        assert {counted["months"][place]: revenue for place, revenue in months.items()} == by_month.to_dict()


def gaps(rows: pd.DataFrame, first: int) -> list[int]:
    found = []
    for _member, part in rows.groupby("member"):
        days = sorted(set(part["day"]))
        found += [after - before for before, after in pairwise(days) if after >= first and after - before <= 400]
    return found


def summary(found: list[int]) -> list[float]:
    return [len(found), float(np.mean(found)), *np.quantile(found, (0.25, 0.5, 0.75), method="inverted_cdf").tolist()]


def values(row: dict[str, Any]) -> list[float]:
    return [row[name] for name in ("purchases", "mean", "q25", "q50", "q75")]


# --- what happened to members, and whether they came back


def first_orders(shop: RandomShop, first: int, last: int, slug: str) -> pd.DataFrame:
    """A row a member: their first order of the period whose outcome is known, and whether they were lost."""
    rows = []
    later = shop.counted_orders(first=0, last=TODAY_NUMBER, shop=slug)
    for member, mine in shop.counted_orders(first=first, last=last, shop=slug).groupby("member"):
        order = mine.sort_values(["day", "placed_at", "order"]).iloc[0]
        begins, ends = order["day"] + EXPERIENCE, order["day"] + EXPERIENCE + HORIZON
        if ends >= TODAY_NUMBER:
            continue
        again = later[(later["member"] == member) & (later["day"] > begins) & (later["day"] <= ends)]
        rows.append({**order.to_dict(), "lost": not len(again)})
    return pd.DataFrame(rows)


def tally(frame: pd.DataFrame, by: Any) -> dict[Any, tuple[int, int]]:
    return {key: (len(part), int(part["lost"].sum())) for key, part in frame.groupby(by)}


def added(rows: list[dict[str, Any]], *names: str) -> dict[Any, tuple[int, int]]:
    told: dict[Any, tuple[int, int]] = {}
    for row in rows:
        key = row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)
        members, gone = told.get(key, (0, 0))
        told[key] = (members + row["members"], gone + row["gone"])
    return told


@pytest.mark.parametrize(("first", "last", "slug"), PERIODS)
class TestOfExperience:
    def test_refunds_and_complaints(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = RefundsAndComplaints()
        counted = report.count(ask(report, shop, first, last, slug, horizon=str(HORIZON)))
        firsts = first_orders(shop, first, last, slug)
        assert len(firsts) > 30
        refunds = firsts.merge(shop.refunds, on="order")
        refunds = refunds[refunds["at"] <= refunds["placed_at"] + timedelta(days=EXPERIENCE)]
        events = events_of_experience(shop, firsts)
        complaints = events[events["kind"] == "complaint"]
        flags = firsts.assign(
            refunded=firsts["order"].isin(refunds["order"]).astype(int),
            complained=firsts["member"].isin(complaints["member"]).astype(int),
        )
        assert added(counted["rows"], "refunded", "complained") == tally(flags, ["refunded", "complained"])
        assert added(counted["reasons"], "name") == tally(refunds.drop_duplicates(["order", "reason"]), "reason")
        assert added(counted["topics"], "name") == tally(complaints.drop_duplicates(["member", "topic"]), "topic")

    def test_speed_of_service(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = ServiceSpeed()
        counted = report.count(ask(report, shop, first, last, slug, horizon=str(HORIZON)))
        firsts = first_orders(shop, first, last, slug)
        contacts = events_of_experience(shop, firsts)
        slowest = contacts.groupby("member")["response_seconds"].max()
        told = [speed(slowest, member) for member in firsts["member"]]
        assert added(counted["rows"], "band") == tally(firsts.assign(band=told), "band")

    def test_delays_of_delivery(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = DeliveryDelay()
        counted = report.count(ask(report, shop, first, last, slug, horizon=str(HORIZON)))
        firsts = first_orders(shop, first, last, slug)
        for name, column, limits in (("sent", "shipped_at", (1, 2, 3)), ("delivered", "delivered_at", (2, 4, 7, 10))):
            bands = [delay(row["placed_at"], row[column], limits) for _place, row in firsts.iterrows()]
            assert added(counted["rows"], name) == tally(firsts.assign(band=bands), "band")

    def test_coupons_and_points(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = BenefitsAndRetention()
        asked = ask(report, shop, first, last, slug, horizon=str(HORIZON))
        counted = report.count(asked)
        firsts = first_orders(shop, first, last, slug)
        kept = ~firsts["lost"]
        assert report.show(asked, counted).values == {
            "kept_share": pytest.approx(kept.mean()),
            "kept_coupon": pytest.approx(kept[firsts["coupon_code"] != ""].mean()),
            "kept_points": pytest.approx(kept[firsts["points_used"] > 0].mean()),
            "members": len(firsts),
        }
        flags = firsts.assign(discount=(firsts["discount_minor"] > 0).astype(int))
        assert added(counted["rows"], "discount") == tally(flags, "discount")


def events_of_experience(shop: RandomShop, firsts: pd.DataFrame) -> pd.DataFrame:
    events = shop.known_events(first=0, last=TODAY_NUMBER)
    events = events[events["kind"].isin(["service", "complaint"])]
    joined = firsts[["member", "day", "lost"]].merge(events, on="member", suffixes=("", "_event"))
    return joined[(joined["day_event"] >= joined["day"]) & (joined["day_event"] <= joined["day"] + EXPERIENCE)]


def speed(slowest: pd.Series, member: int) -> str:
    if member not in slowest.index:
        return "not_asked"
    seconds = slowest[member]
    if pd.isna(seconds):
        return "unknown"
    return next((code for code, most in (("1m", 60), ("5m", 300), ("30m", 1800), ("2h", 7200)) if seconds <= most), "later")


def delay(placed_at: Any, moment: Any, limits: tuple[int, ...]) -> str:
    if pd.isna(moment):
        return "unknown"
    return next((str(days) for days in limits if moment <= placed_at + timedelta(days=days)), "later")
