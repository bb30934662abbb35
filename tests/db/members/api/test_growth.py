"""Growth over REST."""

from __future__ import annotations

import pytest

from core.models import Scope
from tests.rest import Caller, caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Caller:
    client = caller()
    client.put("members/m1/", {"name": "王芳"})
    return client


class TestGrowth:
    def test_is_given_once_and_taken_back(self, client: Caller) -> None:
        given = {"value": 50, "reference": "a", "reason": "fair"}
        first, again = client.post("members/m1/growth/", given), client.post("members/m1/growth/", given)
        assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
        assert client.post("members/m1/growth/", {"value": -20, "reference": "b"}).status_code == 201
        assert client.get("members/m1/growth/").json() == {"growth": 30}
        listed = client.get("members/m1/growth/entries/").json()["results"]
        assert [(entry["reference"], entry["value"]) for entry in listed] == [("b", -20), ("a", 50)]

    def test_more_than_there_is_cannot_be_taken(self, client: Caller) -> None:
        refused = client.post("members/m1/growth/", {"value": -1, "reference": "a"})
        assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_growth")
        assert client.get("members/m1/growth/entries/").json()["results"] == []

    def test_a_reader_gives_none(self, client: Caller) -> None:
        reader = caller(Scope.MEMBERS_READ)
        assert reader.post("members/m1/growth/", {"value": 1, "reference": "a"}).status_code == 403
        assert reader.get("members/m1/growth/").json() == {"growth": 0}
