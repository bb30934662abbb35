"""RFM, lifecycle and the profile of the lost, each against a count member by member."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from members.models import Member, MemberTier, Tier
from retention.models import ScoringModel
from retention.reports.city_tiers import tier_of
from retention.reports.layers import Layers
from retention.reports.lifecycle import Lifecycle
from retention.reports.lost_profile import LostProfile
from retention.reports.rfm import Rfm
from retention.scored import current_parameters, scored
from retention.scoring.crosstab import holm
from retention.selectors import preview
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from tests.db.retention.reports.shop import ask, make_shop, month_ends, order_dates, rows_of, sold
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order
from tests.tiers import put_in_force

pytestmark = pytest.mark.django_db
FIRST, LAST = date(2025, 8, 10), date(2026, 6, 15)
PERIOD = {"from": FIRST.isoformat(), "to": LAST.isoformat()}


class Buyer:
    """What RFM looks at."""

    def __init__(self, member: int) -> None:
        orders = [row for row in sold() if row.member == member]
        self.member = member
        self.days = (LAST - max(row.on for row in orders)).days
        self.orders = len(orders)
        self.revenue = sum(row.revenue for row in orders)


class TestRfm:
    @pytest.mark.parametrize("shop", ["", "north"])
    def test_equals_a_count_buyer_by_buyer(self, shop: str) -> None:
        make_shop(51)
        fit_models(as_of=NOW, now=NOW)
        told = Rfm().run(request=ask(Rfm(), shop=shop))
        buyers = [Buyer(member) for member in {row.member for row in sold(shop)}]
        cuts = ScoringModel.objects.get(kind="rfm").parameters
        grid, eight = Counter(), Counter()
        means = [np.mean([getattr(each, name) for each in buyers]) for name in ("days", "orders", "revenue")]
        for each in buyers:
            r = 5 - sum(each.days > cut for cut in cuts["recency_days"])
            f = 1 + sum(each.orders > cut for cut in cuts["order_count"])
            grid[r, f] += 1
            better = (each.days <= means[0], each.orders > means[1], each.revenue > means[2])
            eight["".join("↑" if flag else "↓" for flag in better)] += 1
        assert {(row["r"], row["f"]): row["members"] for row in rows_of(told, "grid")} == grid
        assert {row["r"] + row["f"] + row["m"]: row["members"] for row in rows_of(told, "eight") if row["members"]} == eight

    def test_leads_from_every_number_to_just_these_members(self) -> None:
        make_shop(52)
        fit_models(as_of=NOW, now=NOW)
        told = Rfm().run(request=ask(Rfm()))
        for table in told.tables:
            names = [column.code for column in table.columns]
            for (line, column), rule in table.rules.items():
                assert preview(rule=rule).count == table.rows[line][names.index(column)]


def stage(own: list[date], on: date, median: float) -> str:
    dates = [each for each in own if each <= on]
    gaps = (dates[-1] - dates[0]).days / (len(dates) - 1) if len(dates) > 1 else 0.0
    rhythm = max(7.0, (3 * median + (len(dates) - 1) * gaps) / (3 + len(dates) - 1))
    late = (on - dates[-1]).days / rhythm
    if (on - dates[0]).days < 30:
        return "new"
    for name, ratio in (("lost", 8), ("dormant", 4), ("at_risk", 2)):
        if late > ratio:
            return name
    back = len(dates) > 1 and (dates[-1] - dates[-2]).days > 4 * rhythm and (on - dates[-1]).days < 30
    return "reactivated" if back else "active"


class TestLayers:
    @pytest.mark.parametrize("shop", ["", "south"])
    def test_equal_a_count_member_by_member(self, shop: str) -> None:
        make_shop(59)
        fit_models(as_of=NOW, now=NOW)
        told = Layers().run(request=ask(Layers(), shop=shop))
        here = {row.member for row in sold(shop)}
        layers = {row["member_id"]: row["value_layer"] for row in scored_today("member_id", "value_layer")}
        expected: dict[str, Counter] = {}
        for member in here:
            own = [(LAST - row.on).days for row in sold() if row.member == member]
            before, now = any(90 <= days < 180 for days in own), any(days < 90 for days in own)
            counts = expected.setdefault(layers[member], Counter())
            counts.update(members=1, active_before=before, active_again=before and now)
            counts["revenue"] += sum(row.revenue for row in sold() if row.member == member and (LAST - row.on).days < 365)
        names = {"high": "high value", "middle": "middle value", "low": "low value"}
        found = {row["layer"]: row for row in rows_of(told, "layers")}
        assert len(found) == len(expected) == 3
        for layer, counts in expected.items():
            row = next(row for name, row in found.items() if name.startswith(layer) or name == names[layer])
            assert {name: row[name] for name in counts} == counts

    def test_lead_from_every_number_to_just_these_members(self) -> None:
        make_shop(60)
        fit_models(as_of=NOW, now=NOW)
        table = Layers().run(request=ask(Layers())).tables[0]
        names = [column.code for column in table.columns]
        assert table.rules
        for (line, column), rule in table.rules.items():
            assert preview(rule=rule).count == table.rows[line][names.index(column)]

    def test_of_tiers_stand_from_the_highest_down_and_count_who_holds_them(self) -> None:
        """The lowest tier brings most here, because most members hold it: it is not the first layer for that."""
        put_in_force(("ordinary", 0), ("silver", 60_000), ("gold", 160_000))
        make_shop(62)
        told = Layers().run(request=ask(Layers(), by="tier"))
        held = dict(MemberTier.objects.values_list("member_id", "tier__slug"))
        buyers = {row.member for row in sold()}
        names = dict(Tier.objects.in_force().values_list("slug", "name"))
        expected = [
            (name, sum(held.get(member) == slug for member in buyers))
            for slug, name in reversed(names.items())
            if any(held.get(member) == slug for member in buyers)
        ]
        rows = rows_of(told, "layers")
        assert [(row["layer"], row["members"]) for row in rows] == expected
        assert len(expected) > 1
        assert told.sentences[0].startswith(f"“{expected[0][0]}” is ")
        table = told.tables[0]
        for (line, column), rule in table.rules.items():
            assert preview(rule=rule).count == table.rows[line][[each.code for each in table.columns].index(column)]

    def test_of_tiers_say_so_where_nobody_holds_one(self) -> None:
        make_shop(61, members=5, orders=10)
        told = Layers().run(request=ask(Layers(), by="tier"))
        assert told.sentences == ["No member who ordered holds a tier."]


def scored_today(*names: str) -> list[dict[str, object]]:
    return list(scored(as_of_day=TODAY_NUMBER, parameters=current_parameters()).values(*names))


class TestLifecycle:
    @pytest.mark.parametrize(("seed", "shop"), [(53, ""), (54, "south")])
    def test_equals_the_contracts_stages_member_by_member_at_each_months_end(self, seed: int, shop: str) -> None:
        make_shop(seed)
        fit_models(as_of=NOW, now=NOW)
        median = ScoringModel.objects.get(kind="rhythm").parameters["median_gap_days"]
        told = rows_of(Lifecycle().run(request=ask(Lifecycle(), shop=shop, **PERIOD)), "months")
        dates = order_dates(sold(shop, until=LAST))
        for row, (_begins, ends) in zip(told, month_ends(FIRST, LAST), strict=True):
            expected = Counter(stage(own, ends, median) for own in dates.values() if own[0] <= ends)
            assert {name: row[name] for name in expected} == expected
            assert row["members"] == expected.total()

    def test_of_today_is_what_every_screen_says(self) -> None:
        make_shop(55)
        fit_models(as_of=NOW, now=NOW)
        table = Lifecycle().run(request=ask(Lifecycle())).tables[0]
        names = [column.code for column in table.columns]
        for (line, column), rule in table.rules.items():
            assert preview(rule=rule).count == table.rows[line][names.index(column)]


class TestLostProfile:
    def sides(self, horizon: int) -> tuple[list[Member], list[Member]]:
        lost, kept = [], []
        for pk, own in order_dates(sold(until=LAST)).items():
            left = own[-1] + timedelta(days=horizon)
            if left > LAST:
                kept.append(Member.objects.get(pk=pk))
            elif left >= FIRST:
                lost.append(Member.objects.get(pk=pk))
        return lost, kept

    @pytest.mark.parametrize(("seed", "horizon"), [(56, "30"), (57, "90")])
    def test_equals_a_count_member_by_member_and_scipys_test(self, seed: int, horizon: str) -> None:
        make_shop(seed, members=120, orders=400)
        told = LostProfile().run(request=ask(LostProfile(), horizon=horizon, **PERIOD))
        lost, kept = self.sides(int(horizon))
        assert (told.values["lost"], told.values["kept"]) == (len(lost), len(kept))
        rows = [row for row in rows_of(told, "groups") if row["dimension"] == "gender"]
        counts = {row["value"]: (row["lost"], row["kept"]) for row in rows}
        assert counts == {
            value: tuple(sum(member.gender == value for member in side) for side in (lost, kept))
            for value in ("female", "male")
        }
        expected = chi2_contingency(np.array(list(counts.values())).T, correction=False)
        tested = {row["dimension"]: row for row in rows_of(told, "tests")}
        assert tested["gender"]["statistic"] == pytest.approx(expected.statistic)
        assert set(tested) == {"gender", "age", "city", "city tier", "province", "source"}
        assert tested["province"]["p_value"] is None

    def test_says_what_stands_out_when_something_does(self) -> None:
        for number in range(160):
            source = "flyer" if number % 2 else "app"
            days = 200 if source == "flyer" or number % 8 == 0 else 10
            make_order(make_member(source=source), placed_at=NOW - timedelta(days=days))
        refresh(as_of=NOW)
        told = LostProfile().run(request=ask(LostProfile()))
        assert told.sentences[1] == "What stands out most: source “app”, 20.0% of the lost and 100% of the kept."
        meanings = {row["value"]: row["meaning"] for row in rows_of(told, "groups")}
        assert meanings == {"app": "fewer among the lost", "flyer": "more among the lost"}

    def test_warns_of_seeing_patterns_in_chance(self) -> None:
        """Asked of very many groups, the smallest of their p-values is unusual on its own and is not taken for more."""
        assert holm([0.04, *[0.5] * 19])[0] == pytest.approx(0.8)

    def test_leads_from_the_lost_to_just_these_members(self) -> None:
        make_shop(58)
        table = LostProfile().run(request=ask(LostProfile(), horizon="60")).tables[0]
        assert table.rules
        for (line, _column), rule in table.rules.items():
            assert preview(rule=rule).count == table.rows[line][2]


class TestCityTiers:
    @pytest.mark.parametrize("city", ["上海", "上海市", " 上海 "])
    def test_of_the_first_four_are_first(self, city: str) -> None:
        assert tier_of(city) == "first"

    def test_are_the_trades(self) -> None:
        assert [tier_of(city) for city in ("杭州", "兰州市", "丽江")] == ["new_first", "second", "other"]

    def test_are_not_known_of_a_name_in_another_script(self) -> None:
        assert [tier_of(city) for city in ("", "Paris", "Shanghai")] == ["", "", ""]
