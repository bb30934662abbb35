"""Tiers over REST: those of the shop, and a member's own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.models import Scope
from members.models import Tier
from retention.services.refresh import refresh
from tests.factories import NOW, make_member, make_order
from tests.rest import caller
from tests.tiers import put_in_force

pytestmark = pytest.mark.django_db

NOTHING = {
    "discount_percent": 0,
    "points_multiplier": 1.0,
    "birthday_gift": None,
    "birthday_points": 0,
    "service_agent": None,
    "priority_dispatch": False,
    "early_access_hours": 0,
}


class TestAMembersTier:
    def test_is_null_while_the_shop_has_none(self) -> None:
        make_member("m1")
        told = caller().get("members/m1/tier/").json()
        assert told == {
            **dict.fromkeys(("tier", "name", "level", "since", "measure", "next", "will_drop_on", "benefits")),
            "value": 0,
            "history": [],
        }

    def test_says_what_it_gives_what_is_missing_and_when_it_drops(self) -> None:
        put_in_force(review_days=30, window_days=10)
        Tier.objects.filter(slug="silver").update(discount_percent=10, service_agent="Li")
        member = make_member("m1")
        refresh(as_of=NOW)
        make_order(member, total_minor=1_200)
        refresh(as_of=NOW)
        told = caller().get("members/m1/tier/").json()
        assert told == {
            "tier": "silver",
            "name": "Silver",
            "level": 2,
            "since": "2026-06-15",
            "measure": "spend",
            "value": 1_200,
            "next": {"tier": "gold", "name": "Gold", "level": 3, "threshold": 5_000, "missing": 3_800},
            "will_drop_on": "2026-07-15",
            "benefits": {**NOTHING, "discount_percent": 10, "service_agent": "Li"},
            "history": [
                {
                    "at": "2026-06-15T12:00:00+08:00",
                    "came_from": "ordinary",
                    "went_to": "silver",
                    "upgraded": True,
                    "cause": "reached",
                    "value": 1_200,
                }
            ],
        }
        facts = caller().get("members/m1/").json()["facts"]
        assert (facts["tier"], facts["tier_drop_on"]) == ("silver", "2026-07-15")
        assert (facts["points_balance"], facts["growth_value"]) == (0, 0)

    def test_of_the_highest_has_nothing_above(self) -> None:
        put_in_force(downgrade="never")
        make_order(make_member("m1"), total_minor=20_000)
        refresh(as_of=NOW + timedelta(days=1))
        told = caller().get("members/m1/tier/").json()
        assert (told["tier"], told["next"], told["will_drop_on"]) == ("diamond", None, None)

    def test_needs_the_scope_and_a_member(self) -> None:
        assert caller(Scope.ORDERS_READ).get("members/m1/tier/").status_code == 403
        assert caller().get("members/nobody/tier/").status_code == 404


class TestTheTiers:
    def test_are_listed_lowest_first_with_who_holds_them(self) -> None:
        put_in_force(("ordinary", 0), ("silver", 1_000))
        make_order(make_member(), total_minor=1_000)
        make_member()
        make_member()
        refresh(as_of=NOW)
        rows = caller().get("tiers/?page_size=1").json()
        assert rows["results"] == [
            {"tier": "ordinary", "name": "Ordinary", "level": 1, "threshold": 0, "benefits": NOTHING, "members": 2}
        ]
        more = caller().get(rows["next"]).json()["results"]
        assert [(row["tier"], row["members"]) for row in more] == [("silver", 1)]
