"""A member's timeline over REST: orders and events in one line, walked both ways."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import Scope
from members.models import Member
from tests.factories import NOW, make_event, make_member, make_order
from tests.rest import Caller, caller, paths_of

pytestmark = pytest.mark.django_db

ADDRESS = "members/m1/timeline/"


@pytest.fixture
def member() -> Member:
    return make_member(external_id="m1")


@pytest.fixture
def client() -> Caller:
    return caller()


def _names(page: Any) -> list[str]:
    return [(each["order"] or {}).get("external_id") or each["event"]["id"] for each in page["results"]]


class TestTimeline:
    def test_tells_orders_and_events_newest_first(self, client: Caller, member: Member) -> None:
        make_order(member, external_id="N1", total_minor=1_000, placed_at=NOW - timedelta(hours=2))
        make_event(member, "search", external_id="E1", keyword="tea", occurred_at=NOW - timedelta(hours=1))
        make_event(make_member(), "visit", external_id="E2")
        event, order = client.get(ADDRESS).json()["results"]
        assert (event["kind"], event["order"], order["kind"], order["event"]) == ("search", None, "order", None)
        assert (event["event"]["id"], event["event"]["keyword"], event["event"]["product"]) == ("E1", "tea", None)
        assert (order["order"]["external_id"], order["order"]["total_minor"]) == ("N1", 1_000)
        assert client.get(f"orders/{order['order']['shop']}/N1/").status_code == 200

    def test_is_narrowed_to_a_kind(self, client: Caller, member: Member) -> None:
        make_order(member, external_id="N1")
        make_event(member, "search", external_id="E1")
        make_event(member, "visit", external_id="E2")
        assert _names(client.get(f"{ADDRESS}?kind=search").json()) == ["E1"]
        assert _names(client.get(f"{ADDRESS}?kind=order").json()) == ["N1"]
        refused = client.get(f"{ADDRESS}?kind=searched")
        assert (refused.status_code, paths_of(refused)) == (422, ["kind"])

    def test_shows_each_once_forwards_and_backwards(self, client: Caller, member: Member) -> None:
        """Five of one instant each, orders and events among them."""
        for number in range(25):
            at = NOW - timedelta(hours=number // 5)
            if number % 2:
                make_order(member, external_id=f"N{number}", placed_at=at)
            else:
                make_event(member, "visit", external_id=f"E{number}", occurred_at=at)
        whole = _names(client.get(ADDRESS).json())
        assert len(set(whole)) == 25
        page = client.get(f"{ADDRESS}?page_size=4").json()
        pages = [_names(page)]
        assert page["previous"] is None
        while page["next"]:
            page = client.get(page["next"]).json()
            pages.append(_names(page))
        assert [name for names in pages for name in names] == whole
        for names in pages[-2::-1]:
            page = client.get(page["previous"]).json()
            assert _names(page) == names
        assert page["previous"] is None

    def test_asks_as_much_for_a_long_page_as_for_a_short_one(self, client: Caller, member: Member) -> None:
        asked = []
        for more in (1, 1, 4):  # the first call of a key writes that it was used
            for _number in range(more):
                make_order(member)
                make_event(member, "visit")
            client.get(ADDRESS)
            with CaptureQueriesContext(connection) as statements:
                found = client.get(ADDRESS).json()["results"]
            asked.append((len(found), len(statements)))
        assert [found for found, _statements in asked] == [2, 4, 12]
        assert asked[1][1] == asked[2][1]

    def test_of_a_member_of_whom_nothing_is_known_is_empty(self, client: Caller, member: Member) -> None:
        assert client.get(ADDRESS).json() == {"next": None, "previous": None, "results": []}

    def test_of_nobody_is_not_found(self, client: Caller) -> None:
        assert client.get("members/nobody/timeline/").status_code == 404

    def test_needs_the_scope_of_reading_members(self, member: Member) -> None:
        make_order(member, external_id="N1")
        denied = caller(Scope.ORDERS_READ).get(ADDRESS)
        assert (denied.status_code, "results" in denied.json()) == (403, False)
        assert _names(caller(Scope.MEMBERS_READ).get(ADDRESS).json()) == ["N1"]

    @pytest.mark.parametrize("cursor", ["x", "W2ZhbHNlXQ", "WzEsMiwzLDRd"])
    def test_refuses_a_cursor_that_is_not_ours(self, client: Caller, member: Member, cursor: str) -> None:
        refused = client.get(f"{ADDRESS}?cursor={cursor}")
        assert (refused.status_code, paths_of(refused)) == (422, ["cursor"])
