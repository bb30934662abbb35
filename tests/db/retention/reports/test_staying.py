"""Retention, cohorts, survival and growth, each against a count from the plain list of orders."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest

from core.conf import shop_zone
from members.models import BehaviourEvent, Member
from retention.reports.cohorts import Cohorts
from retention.reports.growth import MemberGrowth
from retention.reports.retained import Retained
from retention.reports.survival import Survival
from tests.db.retention.reports.shop import ask, make_shop, month_ends, order_dates, rows_of, sold
from tests.factories import make_event, shop_time

pytestmark = pytest.mark.django_db
EPOCH = date(1970, 1, 1)
FIRST, LAST = date(2025, 8, 10), date(2026, 6, 15)
PERIOD = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
DAY = timedelta(days=1)


def active_dates(last: date) -> dict[int, list[date]]:
    """Every date on which a member registered, ordered or was in the shop."""
    days = {member: set(dates) for member, dates in order_dates(sold(until=last)).items()}
    for member in Member.objects.exclude(registered_day=None):
        days.setdefault(member.pk, set()).add(EPOCH + member.registered_day * DAY)
    for event in BehaviourEvent.objects.filter(kind__in=["visit", "view", "cart_add"]):
        days.setdefault(event.member_id, set()).add(event.occurred_at.astimezone(shop_zone()).date())
    known = {member: sorted(each for each in dates if each <= last) for member, dates in days.items()}
    return {member: dates for member, dates in known.items() if dates}


def newcomers(dates: dict[int, list[date]], after: int) -> dict[str, int]:
    entered = [own for own in dates.values() if FIRST <= own[0] <= LAST - after * DAY]
    return {
        "newcomers": len(entered),
        "still": sum((own[-1] - own[0]).days >= after for own in entered),
        "back": sum(len(own) > 1 and (own[1] - own[0]).days <= after for own in entered),
    }


def regulars(dates: dict[int, list[date]], on: date, window: int) -> tuple[int, int]:
    middle, begins = on - window * DAY, on - 2 * window * DAY
    before = [own for own in dates.values() if any(begins < each <= middle for each in own)]
    return len(before), sum(any(middle < each <= on for each in own) for own in before)


class TestRetention:
    @pytest.mark.parametrize(("seed", "who", "shop"), [(21, "buyers", ""), (22, "buyers", "north"), (23, "members", "")])
    def test_of_both_formulas_equals_a_count_member_by_member(self, seed: int, who: str, shop: str) -> None:
        make_shop(seed)
        for number, member in enumerate(Member.objects.order_by("pk")[:20]):
            make_event(member, ["visit", "view", "review"][number % 3], occurred_at=shop_time(20_400 + number * 9))
        report = Retained()
        told = report.run(request=ask(report, who=who, shop=shop, **PERIOD))
        dates = order_dates(sold(shop, until=LAST)) if who == "buyers" else active_dates(LAST)
        for row in rows_of(told, "newcomers"):
            assert {name: row[name] for name in ("newcomers", "still", "back")} == newcomers(dates, row["days"])
        for row, (_begins, ends) in zip(rows_of(told, "regulars"), month_ends(FIRST, LAST), strict=True):
            for window in (7, 30, 90):
                before, again = regulars(dates, ends, window)
                assert (row[f"before_{window}"], row[f"again_{window}"]) == (before, again)
                assert row[f"rate_{window}"] == (again / before if before else None)


class TestCohorts:
    @pytest.mark.parametrize(("seed", "shop"), [(24, ""), (25, "south")])
    def test_equal_a_pivot_of_the_orders(self, seed: int, shop: str) -> None:
        make_shop(seed)
        report = Cohorts()
        told = report.run(request=ask(report, shop=shop, **PERIOD))
        orders = pd.DataFrame([(row.member, pd.Timestamp(row.on)) for row in sold(shop, until=LAST)], columns=["who", "on"])
        orders["first"] = orders.groupby("who")["on"].transform("min")
        inside = orders[orders["first"] >= pd.Timestamp(FIRST)].copy()
        inside["cohort"] = inside["first"].dt.strftime("%Y-%m")
        months = {name: inside[name].dt.year * 12 + inside[name].dt.month for name in ("on", "first")}
        inside["age"] = months["on"] - months["first"]
        pivot = inside.groupby(["cohort", "age"])["who"].nunique()
        for row in rows_of(told, "cohorts"):
            assert row["members"] == pivot[row["month"], 0]
            ages = {int(name.removeprefix("month_")): value for name, value in row.items() if name.startswith("month_")}
            assert {age: value for age, value in ages.items() if value} == {
                age: pivot[row["month"], age] for age in range(1, 12) if (row["month"], age) in pivot
            }
        assert sum(row["members"] for row in rows_of(told, "cohorts")) == pivot[:, 0].sum() == told.values["new"]

    def test_means_leave_out_the_month_that_is_not_over(self) -> None:
        make_shop(26)
        report = Cohorts()
        told = report.run(request=ask(report, **PERIOD))
        cohorts = rows_of(told, "cohorts")
        settled = [row for row in cohorts if row["month"] < "2026-05"]  # month 1 of the cohort of May is June, half over
        mean = next(row["retention"] for row in rows_of(told, "means") if row["age"] == 1)
        assert mean == sum(row["month_1"] for row in settled) / sum(row["members"] for row in settled)


def lives(dates: dict[int, list[date]], horizon: int) -> dict[int, tuple[int, bool]]:
    """Days each customer was followed until first lost, or until the end."""
    found = {}
    for member, own in dates.items():
        if own[0] < FIRST:
            continue
        ends = [
            each + horizon * DAY
            for each, following in zip(own, [*own[1:], None], strict=True)
            if (following is not None and (following - each).days > horizon)
            or (following is None and each + horizon * DAY <= LAST)
        ]
        found[member] = ((ends[0] - own[0]).days, True) if ends else ((LAST - own[0]).days, False)
    return found


def survival_at(followed: list[tuple[int, bool]], day: int) -> float:
    survival = 1.0
    for moment in sorted({days for days, lost in followed if lost and days <= day}):
        at_risk = sum(days >= moment for days, _lost in followed)
        survival *= 1 - sum(days == moment and lost for days, lost in followed) / at_risk
    return survival


class TestSurvival:
    @pytest.mark.parametrize(("seed", "by", "horizon"), [(27, "none", "60"), (28, "gender", "30"), (29, "channel", "90")])
    def test_equals_the_product_limit_of_the_plain_list(self, seed: int, by: str, horizon: str) -> None:
        make_shop(seed)
        report = Survival()
        told = report.run(request=ask(report, by=by, horizon=horizon, **PERIOD))
        followed = lives(order_dates(sold(until=LAST)), int(horizon))
        groups = self.groups(by)
        seen = set()
        for row in rows_of(told, "curve"):
            inside = [life for member, life in followed.items() if groups.get(member, "all") == row["group"]]
            seen.add(row["group"])
            assert row["survival"] == pytest.approx(survival_at(inside, row["days"]), abs=1e-12)
            assert row["at_risk"] == sum(days >= row["days"] for days, _lost in inside)
        assert seen == {groups.get(member, "all") for member in followed}

    def groups(self, by: str) -> dict[int, str]:
        if by == "none":
            return {}
        if by == "gender":
            return {member.pk: member.gender or "not known" for member in Member.objects.all()}
        firsts: dict[int, tuple[date, str]] = {}
        for row in sold(until=LAST):
            known = firsts.get(row.member)
            if known is None or (row.on == known[0] and row.channel < known[1]):
                firsts[row.member] = (row.on, row.channel)
        return {member: channel or "not known" for member, (_on, channel) in firsts.items()}


def joined_on(member: Member, dates: dict[int, list[date]]) -> date:
    """When a member joined: registered, else first ordered, else was first heard of."""
    if member.registered_day is not None:
        return EPOCH + member.registered_day * DAY
    return dates[member.pk][0] if member.pk in dates else member.created_at.astimezone(shop_zone()).date()


class TestMemberGrowth:
    @pytest.mark.parametrize(("seed", "shop"), [(31, ""), (32, "north")])
    def test_equals_a_count_member_by_member(self, seed: int, shop: str) -> None:
        make_shop(seed)
        report = MemberGrowth()
        told = rows_of(report.run(request=ask(report, shop=shop, **PERIOD)), "months")
        everywhere, here = order_dates(sold(until=LAST)), order_dates(sold(shop, until=LAST))
        joined = {member.pk: joined_on(member, everywhere) for member in Member.objects.all()}
        registered = set(Member.objects.exclude(registered_day=None).values_list("pk", flat=True))
        before: set[int] = set()
        for row, (begins, ends) in zip(told, month_ends(FIRST, LAST), strict=True):
            new = [pk for pk, on in joined.items() if begins <= on <= ends]
            active = {pk for pk, dates in here.items() if any(begins <= each <= ends for each in dates)}
            members = sum(on <= ends for on in joined.values())
            signed_up = [pk for pk in new if pk in registered]
            converted = sum(pk in here and (here[pk][0] - joined[pk]).days <= 30 for pk in signed_up)
            assert (row["joined"], row["members_at_end"], row["active"]) == (len(new), members, len(active))
            assert row["retention"] == (len(active & before) / len(before) if before else None)
            settled = ends + 30 * DAY <= LAST
            assert row["conversion"] == (converted / len(signed_up) if settled and signed_up else None)
            before = active
