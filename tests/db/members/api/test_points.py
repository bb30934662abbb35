"""Points over REST: what a till and a service desk do, said twice and said wrong."""

from __future__ import annotations

from typing import Any

import pytest

from core.models import Scope
from tests.rest import Caller, caller, paths_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Caller:
    client = caller()
    client.put("members/m1/", {"name": "王芳"})
    return client


def _award(client: Caller, points: Any = 100, reference: Any = "a", **more: Any) -> Any:
    return client.post("members/m1/points/award/", {"points": points, "reference": reference, "reason": "order", **more})


def _redeem(client: Caller, points: Any, reference: str = "r") -> Any:
    return client.post("members/m1/points/redeem/", {"points": points, "reference": reference, "reason": "money off"})


def _refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class TestPoints:
    def test_of_a_new_member_are_none(self, client: Caller) -> None:
        told = {"available": 0, "pending": 0, "owed": 0, "lots": [], "next_expiry": None}
        assert client.get("members/m1/points/").json() == told

    def test_are_given_spent_and_given_back(self, client: Caller) -> None:
        made = _award(client)
        assert (made.status_code, made.json()["available"], made.json()["kind"]) == (201, 100, "award")
        assert _redeem(client, 30).status_code == 201
        assert client.get("members/m1/points/").json()["available"] == 70
        assert client.post("members/m1/points/reverse/", {"reference": "r"}).status_code == 201
        shown = client.get("members/m1/points/").json()
        assert (shown["available"], [lot["available"] for lot in shown["lots"]]) == (100, [100])
        assert shown["next_expiry"] == {"at": shown["lots"][0]["expires_at"], "points": 100}

    def test_that_wait_are_pending(self, client: Caller) -> None:
        _award(client, pending_days=7)
        shown = client.get("members/m1/points/").json()
        assert (shown["available"], shown["pending"]) == (0, 100)
        assert shown["lots"][0]["releases_at"] is not None

    def test_said_twice_are_the_first_entry(self, client: Caller) -> None:
        first, again = _award(client), _award(client)
        assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
        spent, spent_again = _redeem(client, 40), _redeem(client, 40)
        assert (spent_again.status_code, spent.json()) == (200, spent_again.json())
        back = client.post("members/m1/points/reverse/", {"reference": "r"})
        back_again = client.post("members/m1/points/reverse/", {"reference": "r"})
        assert (back_again.status_code, back.json()) == (200, back_again.json())

    def test_of_another_amount_under_one_reference_are_refused(self, client: Caller) -> None:
        _award(client)
        _redeem(client, 40)
        assert _refusal(_award(client, 99)) == (409, "reference_used")
        assert _refusal(_redeem(client, 41)) == (409, "reference_used")

    def test_too_few_are_refused(self, client: Caller) -> None:
        _award(client)
        assert _refusal(_redeem(client, 101)) == (409, "insufficient_points")
        assert client.get("members/m1/points/").json()["available"] == 100

    def test_are_listed_newest_first(self, client: Caller) -> None:
        _award(client)
        _redeem(client, 30)
        entries = client.all("members/m1/points/entries/?page_size=1")
        assert [(each["kind"], each["reference"], each["available"]) for each in entries] == [
            ("redeem", "r", -30),
            ("award", "a", 100),
        ]

    @pytest.mark.parametrize("points", [0, -5, 1.5, "10", True, None, 10**20])
    def test_that_are_no_points_are_refused(self, client: Caller, points: Any) -> None:
        response = _award(client, points)
        assert response.status_code == 422
        assert paths_of(response) == ["points"]

    @pytest.mark.parametrize("reference", ["", None, 7, "rekindle:1", "a\nb"])
    def test_need_a_reference_of_the_callers_own(self, client: Caller, reference: Any) -> None:
        response = _award(client, 5, reference)
        assert response.status_code == 422
        assert paths_of(response) == ["reference"]

    def test_that_expire_before_they_can_be_used_are_refused(self, client: Caller) -> None:
        response = _award(client, 5, "a", expires_at="2020-01-01T00:00:00+08:00")
        assert (response.status_code, paths_of(response)) == (422, ["expires_at"])

    def test_of_an_unknown_reference_cannot_be_reversed(self, client: Caller) -> None:
        assert client.post("members/m1/points/reverse/", {"reference": "nothing"}).status_code == 404

    def test_of_nobody_are_not_found(self, client: Caller) -> None:
        for address in ("members/nobody/points/", "members/nobody/points/entries/"):
            assert client.get(address).status_code == 404
        assert client.post("members/nobody/points/award/", {"points": 1, "reference": "a"}).status_code == 404

    def test_need_the_scope(self) -> None:
        client = caller(Scope.MEMBERS_READ)
        assert client.post("members/m1/points/award/", {"points": 1, "reference": "a"}).status_code == 403
