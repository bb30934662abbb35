"""Rewards over REST: the catalogue, having one, giving it back."""

from __future__ import annotations

from typing import Any

import pytest

from core.models import Scope
from tests.rest import Caller, caller

pytestmark = pytest.mark.django_db

FIVE = {"slug": "five", "name": "5 off", "kind": "money_off", "points": 100, "amount_minor": 500, "stock": 1}
CALL = {"member": "m1", "reference": "till 7"}


@pytest.fixture
def client() -> Caller:
    client = caller()
    client.put("members/m1/", {"name": "王芳"})
    client.post("members/m1/points/award/", {"points": 150, "reference": "a"})
    assert client.post("rewards/", FIVE).status_code == 201
    return client


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class TestRewards:
    def test_are_listed_and_changed(self, client: Caller) -> None:
        assert client.put("rewards/five/", FIVE | {"offered": False}).status_code == 200
        assert [row["slug"] for row in client.get("rewards/").json()["results"]] == ["five"]
        assert client.get("rewards/?offered=true").json()["results"] == []

    def test_are_had_once_for_each_reference_and_given_back(self, client: Caller) -> None:
        first, again = client.post("rewards/five/redeem/", CALL), client.post("rewards/five/redeem/", CALL)
        assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
        assert (first.json()["amount_minor"], first.json()["coupon"]) == (500, None)
        assert client.get("members/m1/points/").json()["available"] == 50
        assert refusal(client.post("rewards/five/redeem/", CALL | {"reference": "b"})) == (409, "exhausted")
        assert client.post("rewards/five/roll-back/", CALL).status_code == 201
        assert client.get("members/m1/points/").json()["available"] == 150

    def test_that_cost_too_much_are_refused(self, client: Caller) -> None:
        client.put("rewards/five/", FIVE | {"points": 151})
        assert refusal(client.post("rewards/five/redeem/", CALL)) == (409, "insufficient_points")
        assert client.get("rewards/five/").json()["redeemed"] == 0

    def test_for_nobody_or_of_nothing_are_refused(self, client: Caller) -> None:
        assert client.post("rewards/five/redeem/", CALL | {"member": "nobody"}).status_code == 422
        assert client.post("rewards/none/redeem/", CALL).status_code == 404
        assert client.post("rewards/", FIVE | {"slug": "x", "amount_minor": None}).status_code == 422

    def test_are_not_given_by_a_reader(self, client: Caller) -> None:
        assert caller(Scope.CAMPAIGNS_READ).post("rewards/five/redeem/", CALL).status_code == 403
        assert client.get("members/m1/points/").json()["available"] == 150
