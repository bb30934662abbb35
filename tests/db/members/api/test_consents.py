"""Consents over REST: the last words, their history, one more word, how many can be reached."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.models import Scope
from members.models import Consent
from tests.rest import Caller, caller, paths_of

pytestmark = pytest.mark.django_db

YES = {"channel": "email", "granted": True}
NO = {"channel": "email", "granted": False}


@pytest.fixture
def client() -> Caller:
    client = caller()
    client.put("members/m1/", {"email": "a@example.com", "consents": {"email": {"marketing": True, "service": True}}})
    return client


def _later(**more: Any) -> dict[str, Any]:
    return {**YES, "at": (timezone.now() + timedelta(seconds=1)).isoformat(), "proof": "form", **more}


class TestConsents:
    def test_are_shown_by_channel_and_purpose_with_their_history(self, client: Caller) -> None:
        shown = client.get("members/m1/consents/").json()
        assert [(each["purpose"], each["said"]) for each in shown["consents"]] == [
            ("marketing", "granted"),
            ("service", "granted"),
        ]
        assert client.get("members/m1/").json()["consents"] == {"email": True}
        history = client.get("members/m1/consents/history/").json()["results"]
        assert [(each["source"], each["said"]) for each in history] == [("api", "granted")] * 2

    def test_taken_back_stay_so_until_proven_anew(self, client: Caller) -> None:
        assert client.post("members/m1/consents/", {**NO, "note": "called"}).status_code == 200
        refused = client.put("members/m1/consents/", {**YES, "proof": "form"})
        assert (refused.status_code, refused.json()["code"]) == (409, "suppressed")
        told = client.post("members/bulk/", {"items": [{"external_id": "m1", "consents": {"email": True}}]}).json()
        assert (told["accepted"], [each["errors"][0]["code"] for each in told["warnings"]]) == (1, ["suppressed"])
        assert Consent.objects.get(purpose="marketing").granted is False
        assert client.put("members/m1/consents/", _later()).status_code == 200

    def test_asked_for_twice_wait_for_the_link(self, client: Caller) -> None:
        client.post("members/m1/consents/", NO)
        asked = client.post("members/m1/consents/", {**YES, "double_opt_in": True})
        assert (asked.status_code, [each["state"] for each in asked.json()["pending"]]) == (202, ["pending"])
        assert Consent.objects.get(purpose="marketing").granted is False
        nowhere = client.post("members/m1/consents/", {"channel": "sms", "granted": True, "double_opt_in": True})
        assert (nowhere.status_code, nowhere.json()["code"]) == (409, "no_address")

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"granted": True}, "channel"),
            ({**YES, "channel": "fax"}, "channel"),
            ({**YES, "purpose": "fun"}, "purpose"),
            ({"channel": "sms"}, "granted"),
            ({**YES, "at": "2026-01-01T00:00:00Z"}, "proof"),
            ({**YES, "surprise": 1}, "surprise"),
        ],
    )
    def test_wrongly_stated_are_refused(self, client: Caller, body: dict[str, Any], path: str) -> None:
        answer = client.post("members/m1/consents/", body)
        assert (answer.status_code, paths_of(answer)) == (422, [path])

    def test_need_the_scopes_of_members(self, client: Caller) -> None:
        reader = caller(Scope.MEMBERS_READ)
        assert reader.get("members/m1/consents/").status_code == 200
        assert reader.post("members/m1/consents/", NO).status_code == 403
        assert client.get("members/nobody/consents/").status_code == 404

    def test_say_how_many_can_be_reached(self, client: Caller) -> None:
        told = {(each["channel"], each["purpose"]): each for each in client.get("consents/reach/").json()["results"]}
        assert (told["email", "marketing"]["reachable"], told["sms", "marketing"]["reachable"]) == (1, 0)
