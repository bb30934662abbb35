"""Growth over REST."""

from __future__ import annotations

import pytest
from django.utils import timezone

from core.models import Scope
from members.services.earning.rules import begin_rule
from members.services.earning.working import earn
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


class TestTasks:
    def test_say_what_can_still_be_earned(self, client: Caller) -> None:
        terms = {"name": "reviews", "currency": "growth", "occasion": "review", "amount": 20, "daily_limit": 1}
        begin_rule(terms=terms, now=timezone.now())
        begin_rule(terms={**terms, "occasion": "order", "per_minor": 100, "daily_limit": None}, now=timezone.now())
        shown = client.get("members/m1/growth/tasks/").json()["results"]
        assert [(task["occasion"], task["amount"], task["left"], task["state"]) for task in shown] == [
            ("review", 20, 1, "open")
        ]
        assert shown[0]["says"] == "20 growth for a review, at most once a day"
        at = timezone.now().isoformat()
        client.post("events/bulk/", {"items": [{"id": "e1", "member": "m1", "kind": "review", "at": at}]})
        earn(now=timezone.now())
        shown = client.get("members/m1/growth/tasks/").json()["results"]
        assert [(task["done"], task["left"], task["state"]) for task in shown] == [(1, 0, "later")]
        assert client.get("members/m1/growth/entries/").json()["results"][0]["rule"] == "reviews"
