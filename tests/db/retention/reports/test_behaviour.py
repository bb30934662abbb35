"""Reports on behaviour against the same figures worked out from raw rows in pandas and plain loops."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.periods import date_of
from retention.models import LossFigure
from retention.reports.base import Asked, Report
from retention.reports.funnel import ConversionFunnel
from retention.reports.keywords import KeywordsWithoutPurchase
from retention.reports.paths import Paths
from retention.reports.product_loss import ProductLoss
from retention.reports.sessions import BounceAndDwell
from retention.reports.visitor_loss import VisitorLoss
from retention.services.reports import Answer, answer, read_question
from tests.db.retention.reports.random_shop import RandomShop, make_random_shop
from tests.factories import NOW, TODAY_NUMBER, make_event, make_member

pytestmark = pytest.mark.django_db

BROWSING = ("visit", "view", "search", "favourite", "cart_add", "cart_remove", "checkout")
FIRST, LAST = TODAY_NUMBER - 45, TODAY_NUMBER
PERIODS = [(FIRST, LAST, ""), (FIRST, LAST - 10, "north")]


@pytest.fixture
def shop() -> RandomShop:
    return make_random_shop(7)


def ask(report: Report, shop: RandomShop, first: int, last: int, slug: str, **options: str) -> Asked:
    chosen = {option.code: option.default for option in report.options} | options
    return Asked(first, last, TODAY_NUMBER, NOW, shop.shops.get(slug), slug, chosen)


def pairs(orders: pd.DataFrame) -> set[tuple[int, int]]:
    return set(zip(orders["member"], orders["day"], strict=True))


def sessions_of(shop: RandomShop, first: int, last: int, slug: str) -> list[pd.DataFrame]:
    events = shop.known_events(first=first, last=last, shop=slug)
    events = events[events["kind"].isin(BROWSING) & (events["session_id"] != "")]
    ordered = events.sort_values(["at", "place"])
    return [part for _key, part in ordered.groupby(["member", "session_id"])]


@pytest.mark.parametrize(("first", "last", "slug"), PERIODS)
class TestFunnel:
    def test_counts_members_by_step(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = ConversionFunnel()
        counted = report.count(ask(report, shop, first, last, slug, split="source"))
        events = shop.known_events(first=first, last=last, shop=slug)
        orders = shop.counted_orders(first=first, last=last, shop=slug)
        came = set(events.loc[events["kind"].isin(BROWSING), "member"])
        did = {kind: set(events.loc[events["kind"] == kind, "member"]) for kind in ("view", "search", "cart_add")}
        paid = orders[orders["status"].isin(["paid", "shipped", "completed"]) | orders["paid_at"].notna()]
        sets = [came, did["view"], did["search"], did["cart_add"], set(orders["member"]) & came, set(paid["member"]) & came]
        nested = came
        expected = []
        for each in sets:
            nested = nested & each
            expected.append((len(each), len(nested)))
        assert [(row["reached"], row["all_before"]) for row in counted["steps"]] == expected
        source = dict(zip(shop.members["member"], shop.members["source"], strict=True))
        by_source = Counter(source[member] for member in sets[4])
        assert {row["group"]: row["order"] for row in counted["groups"]} == {
            name: by_source[name] for name in source.values()
        }
        assert counted["cart_and_order"] == len(did["cart_add"] & sets[4])

    def test_counts_how_long_the_steps_took(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = ConversionFunnel()
        waits = report.count(ask(report, shop, first, last, slug))["waits"]
        events = shop.known_events(first=first, last=last, shop=slug)
        orders = shop.counted_orders(first=first, last=last, shop=slug)
        expected: dict[str, Counter[str]] = {"view_cart": Counter(), "cart_order": Counter(), "order_paid": Counter()}
        for member, mine in events.groupby("member"):
            views = mine.loc[mine["kind"] == "view", "at"]
            carts = mine.loc[(mine["kind"] == "cart_add") & (mine["at"] >= views.min()), "at"] if len(views) else views
            if not len(carts):
                continue
            expected["view_cart"][band(carts.min() - views.min())] += 1
            bought = orders[(orders["member"] == member) & orders["hour"].notna() & (orders["placed_at"] >= carts.min())]
            if not len(bought):
                continue
            order = bought.sort_values(["placed_at", "order"]).iloc[0]
            expected["cart_order"][band(order["placed_at"] - carts.min())] += 1
            if not pd.isna(order["paid_at"]):
                expected["order_paid"][band(order["paid_at"] - order["placed_at"])] += 1
        assert {name: Counter(found) for name, found in waits.items()} == expected

    def test_counts_sessions(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = ConversionFunnel()
        counted = report.count(ask(report, shop, first, last, slug, unit="sessions", split="channel"))
        days = pairs(shop.counted_orders(first=first, last=last, shop=slug))
        found = sessions_of(shop, first, last, slug)
        latest: dict[tuple[int, int], tuple[Any, str]] = {}
        for part in found:
            key = (part["member"].iloc[0], part["day"].min())
            latest[key] = max(latest.get(key, (part["at"].min(), "")), (part["at"].min(), part["session_id"].iloc[0]))
        ordered = [
            part
            for part in found
            if (key := (part["member"].iloc[0], part["day"].min())) in days
            and latest[key] == (part["at"].min(), part["session_id"].iloc[0])
        ]
        steps = {row["step"]: row["reached"] for row in counted["steps"]}
        assert (steps["visit"], steps["order"]) == (len(found), len(ordered))
        assert steps["cart"] == sum("cart_add" in set(part["kind"]) for part in found)
        channel = Counter(max((told.get("channel", "") for told in part["properties"]), default="") for part in found)
        assert {row["group"]: row["visit"] for row in counted["groups"]} == channel


def band(wait: timedelta) -> str:
    limits = [("10m", 600), ("1h", 3600), ("1d", 86_400), ("3d", 3 * 86_400), ("7d", 7 * 86_400)]
    return next((code for code, seconds in limits if wait.total_seconds() <= seconds), "later")


@pytest.mark.parametrize(("first", "last", "slug"), PERIODS)
class TestOfBehaviour:
    def test_visitors_lost_are_those_without_an_order(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = VisitorLoss()
        asked = ask(report, shop, first, last, slug)
        counted = report.count(asked)
        found = counted["whole"]
        events = shop.known_events(first=first, last=last, shop=slug)
        came = set(events.loc[events["kind"].isin(BROWSING), "member"])
        lost = came - set(shop.counted_orders(first=first, last=last, shop=slug)["member"])
        everywhere = shop.counted_orders(first=first, last=last)
        elsewhere = everywhere[(everywhere["shop"] != slug) & everywhere["member"].isin(lost)]
        spent = int(elsewhere["revenue"].sum()) if slug else 0
        assert found == {"visitors": len(came), "lost": len(lost), "elsewhere": spent}
        seen = events[events["kind"].isin(BROWSING)]
        visits = {(row.member, month(row.day)) for row in seen.itertuples()}
        bought = {
            (row.member, month(row.day)) for row in shop.counted_orders(first=first, last=last, shop=slug).itertuples()
        }
        assert report.show(asked, counted).values["monthly_rate"] == len(visits - bought) / len(visits)

    def test_products_are_lost_to_others_of_the_same_day(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = ProductLoss()
        counted = report.count(ask(report, shop, first, last, slug))
        events = shop.known_events(first=first, last=last, shop=slug)
        views = events[(events["kind"] == "view") & events["product"].notna()]
        orders = shop.counted_orders(first=first, last=last, shop=slug)
        days = pairs(orders)
        category = dict(zip(shop.products["product"], shop.products["category"], strict=True))
        bought: dict[tuple[int, int], set[int]] = {}
        for line in shop.lines.merge(orders, on="order").itertuples():
            bought.setdefault((line.member, line.day), set()).add(line.product)
        expected: dict[int, Counter[str]] = {}
        for member, day, product in set(zip(views["member"], views["day"], views["product"], strict=True)):
            there = bought.get((member, day), set())
            kin = {each for each in there if not pd.isna(category[each]) and category[each] is not pd.NA}
            same = not pd.isna(category[product]) and category[product] in {category[each] for each in kin}
            outcome = (
                "this" if product in there else "same_category" if same else "other" if (member, day) in days else "nothing"
            )
            expected.setdefault(product, Counter())[outcome] += 1
        names = ("this", "same_category", "other", "nothing")
        assert {row["product_id"]: [row[name] for name in names] for row in counted["rows"]} == {
            product: [found[name] for name in names] for product, found in expected.items()
        }
        assert counted["whole"]["visits"] == sum(sum(found.values()) for found in expected.values())

    def test_searches_end_in_an_order_of_that_day_or_the_next(
        self, shop: RandomShop, first: int, last: int, slug: str
    ) -> None:
        report = KeywordsWithoutPurchase()
        counted = report.count(ask(report, shop, first, last, slug))
        events = shop.known_events(first=first, last=last, shop=slug)
        typed = events[(events["kind"] == "search") & (events["keyword"] != "")]
        days = pairs(shop.counted_orders(first=first, last=last + 1, shop=slug))
        searches = set(zip(typed["member"], typed["day"], typed["keyword"], strict=True))
        without = {each for each in searches if not {(each[0], each[1]), (each[0], each[1] + 1)} & days}
        assert (counted["searches"], counted["without"]) == (len(searches), len(without))
        assert {
            row["keyword"]: (row["searches"], row["without"], row["typed"], row["members"]) for row in counted["rows"]
        } == {
            keyword: (
                sum(each[2] == keyword for each in searches),
                sum(each[2] == keyword for each in without),
                int((typed["keyword"] == keyword).sum()),
                typed.loc[typed["keyword"] == keyword, "member"].nunique(),
            )
            for keyword in set(typed["keyword"])
        }

    def test_sessions_bounce_and_last(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = BounceAndDwell()
        counted = report.count(ask(report, shop, first, last, slug))
        found = sessions_of(shop, first, last, slug)
        dwells = [part["dwell_seconds"].sum(min_count=1) for part in found]
        known = [seconds for seconds in dwells if not pd.isna(seconds)]
        days = pairs(shop.counted_orders(first=first, last=last, shop=slug))
        assert counted["whole"] == {
            "sessions": len(found),
            "bounced": sum(len(part) == 1 for part in found),
            "events": sum(map(len, found)),
            "timed": len(known),
            "seconds": sum(known),
            "ordered": sum((part["member"].iloc[0], part["day"].min()) in days for part in found),
        }
        landings = Counter(label(part.iloc[0]) for part in found)
        assert {row["landing"]: row["sessions"] for row in counted["landings"]} == landings
        assert sum(counted["bands"].values()) == len(known)
        assert counted["bands"].get("1m", 0) == sum(30 < seconds <= 60 for seconds in known)

    def test_paths_are_steps_without_repeats(self, shop: RandomShop, first: int, last: int, slug: str) -> None:
        report = Paths()
        counted = report.count(ask(report, shop, first, last, slug))
        found = sessions_of(shop, first, last, slug)
        taken: Counter[tuple[str, ...]] = Counter()
        longer = 0
        moves: Counter[tuple[int, str, str | None]] = Counter()
        for part in found:
            steps = [label(event) for _place, event in part.iterrows()]
            steps = [step for place, step in enumerate(steps) if place == 0 or steps[place - 1] != step]
            taken[tuple(steps[:6])] += 1
            longer += len(steps) > 6
            moves.update((place, step, after) for place, (step, after) in enumerate(pairs_of(steps), start=1))
        assert (counted["sessions"], counted["longer"]) == (len(found), longer)
        assert [row["sessions"] for row in counted["paths"]] == [count for _path, count in taken.most_common(50)]
        assert all(taken[tuple(row["steps"])] == row["sessions"] for row in counted["paths"])
        seen: Counter[str] = Counter()
        for (_place, step, _after), times in moves.items():
            seen[step] += times
        common = {step for step, _times in sorted(seen.items(), key=lambda each: (-each[1], each[0]))[:6]} | {None}
        folded: Counter[tuple[int, str, str | None]] = Counter()
        for (place, step, after), times in moves.items():
            folded[place, step if step in common else "*", after if after in common else "*"] += times
        assert {tuple(move[:3]): move[3] for move in counted["moves"]} == folded


def month(day: int) -> str:
    return f"{date_of(int(day)):%Y-%m}"


def pairs_of(steps: list[str]) -> list[tuple[str, str | None]]:
    """Each of the first six steps with the one after it."""
    return list(zip(steps, [*steps[1:], None], strict=True))[:6]


def label(event: pd.Series) -> str:
    return event["page"] if event["kind"] == "visit" and event["page"] else f":{event['kind']}"


class TestPurchaseLosses:
    def test_are_known_once_entered_and_only_for_whole_times(self, client: Client) -> None:
        """Before, the report says that it does not know; a figure that reaches out of the period is not cut to fit."""
        make_event(make_member(), "view")
        asked = read_question(report=VisitorLoss(), given={"from": "2026-06-01", "to": "2026-06-15"}, now=NOW)
        before = answer(question=asked, now=NOW)
        assert isinstance(before, Answer)
        assert before.result.values["loss_minor"] is None
        client.force_login(User.objects.create_superuser("enters"))
        page = reverse("admin:retention_lossfigure_add")
        for first, last, amount in (("2026-06-01", "2026-06-07", "1234.50"), ("2026-05-30", "2026-06-08", "99")):
            entered = {"first_on": first, "last_on": last, "amount_minor": amount, "origin": "sycm"}
            assert client.post(page, entered).status_code == 302
        after = answer(question=asked, now=NOW)
        assert isinstance(after, Answer)
        assert after.result.values["loss_minor"] == 123_450
        again = {"first_on": "2026-06-01", "last_on": "2026-06-07", "amount_minor": "5"}
        assert "There is a figure of this time already." in client.post(page, again).content.decode()
        backwards = {"first_on": "2026-06-07", "last_on": "2026-06-01", "amount_minor": "5"}
        assert "The time must end after it begins." in client.post(page, backwards).content.decode()
        assert LossFigure.objects.count() == 2
