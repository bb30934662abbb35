"""Churn against a count member by member, month by month."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from retention.reports.churn import Churn
from tests.db.retention.reports.shop import ask, make_shop, month_ends, order_dates, rows_of, sold

pytestmark = pytest.mark.django_db


def expected(shop: str, first: date, last: date, horizon: int) -> list[dict[str, object]]:
    dates = order_dates(sold(shop, until=last))

    def active(on: date) -> int:
        """Who ordered on one of the `horizon` dates that end with `on`."""
        return sum(any(on - timedelta(days=horizon) < each <= on for each in own) for own in dates.values())

    rows = []
    for begins, ends in month_ends(first, last):
        lost = returned = new = 0
        for own in dates.values():
            for place, each in enumerate(own):
                silent_until = own[place + 1] if place + 1 < len(own) else date.max
                lost_on = each + timedelta(days=horizon)
                lost += begins <= lost_on <= ends and silent_until > lost_on
                if begins <= each <= ends:
                    new += place == 0
                    returned += place > 0 and (each - own[place - 1]).days > horizon
        before = active(begins - timedelta(days=1))
        rows.append(
            {
                "month": f"{begins:%Y-%m}",
                "active_before": before,
                "new": new,
                "returned": returned,
                "lost": lost,
                "active": active(ends),
                "churn_rate": lost / before if before else None,
            }
        )
    return rows


class TestChurn:
    @pytest.mark.parametrize(("seed", "shop", "horizon"), [(1, "", "90"), (2, "south", "30"), (3, "", "180")])
    def test_equals_a_count_member_by_member(self, seed: int, shop: str, horizon: str) -> None:
        make_shop(seed)
        report = Churn()
        asked = ask(report, **{"from": "2025-08-10", "to": "2026-06-15"}, shop=shop, horizon=horizon)
        told = rows_of(report.run(request=asked), "months")
        assert told == expected(shop, date(2025, 8, 10), date(2026, 6, 15), int(horizon))

    def test_adds_up_from_month_to_month(self) -> None:
        make_shop(4)
        report = Churn()
        months = rows_of(report.run(request=ask(report)), "months")
        assert len(months) == 13
        assert any(month["lost"] and month["returned"] for month in months)
        for month in months:
            assert month["active_before"] + month["new"] + month["returned"] - month["lost"] == month["active"]
