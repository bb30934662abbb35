from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.errors import NotFound
from core.models import IdempotencyRecord
from core.services.answers import KEPT_FOR, forget_answers
from members.api import members as members_api
from members.models import DirtyMark, Member
from tests.rest import Caller, caller, given_key

pytestmark = pytest.mark.django_db


def _keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


class TestARepeatedCall:
    def test_gets_the_stored_answer_to_the_byte_and_does_nothing(self) -> None:
        client = caller()
        first = client.put("members/x/", {"name": "王芳"}, headers=_keyed("k1"))
        Member.objects.update(name="changed since")
        marks = DirtyMark.objects.count()

        second = client.put("members/x/", {"name": "王芳"}, headers=_keyed("k1"))

        assert (first.status_code, second.status_code) == (201, 201)
        assert second.content == first.content
        assert second.headers["Content-Type"] == first.headers["Content-Type"] == "application/json"
        assert second.headers["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first.headers
        assert Member.objects.get().name == "changed since"
        assert DirtyMark.objects.count() == marks

    def test_gets_a_stored_refusal_too(self) -> None:
        client = caller()
        first = client.patch("members/x/", {"name": "a"}, headers=_keyed("k1"))
        client.put("members/x/", {})

        second = client.patch("members/x/", {"name": "a"}, headers=_keyed("k1"))

        assert (first.status_code, second.status_code) == (404, 404)
        assert second.content == first.content
        assert second.headers["Content-Type"] == "application/problem+json"
        assert Member.objects.get().name == ""

    def test_is_another_call_when_anything_about_it_differs(self) -> None:
        client = caller()
        client.put("members/x/", {"name": "a"}, headers=_keyed("k1"))

        answers = [
            client.put("members/x/", {"name": "b"}, headers=_keyed("k1")),
            client.put("members/y/", {"name": "a"}, headers=_keyed("k1")),
            client.patch("members/x/", {"name": "a"}, headers=_keyed("k1")),
        ]

        assert [(each.status_code, each.json()["code"]) for each in answers] == [(422, "idempotency_key_reused")] * 3
        assert list(Member.objects.values_list("external_id", "name")) == [("x", "a")]

    def test_belongs_to_its_api_key(self) -> None:
        caller().put("members/x/", {"name": "a"}, headers=_keyed("k1"))

        response = caller().put("members/x/", {"name": "b"}, headers=_keyed("k1"))

        assert response.status_code == 200
        assert Member.objects.get().name == "b"

    def test_is_not_looked_at_when_it_only_reads(self) -> None:
        response = caller().get("members/", headers=_keyed("k1"))

        assert response.status_code == 200
        assert not IdempotencyRecord.objects.exists()

    def test_needs_a_key_that_can_be_kept(self) -> None:
        client = caller()
        for key in ["", "k" * 201, "ключ"]:
            response = client.put("members/x/", {}, headers=_keyed(key))
            assert response.status_code == 422
            assert response.json()["errors"][0]["path"] == "Idempotency-Key"
        assert not Member.objects.exists()

    def test_is_authorised_like_the_first(self) -> None:
        api_key, text = given_key("members:write")
        Caller(text).put("members/x/", {}, headers=_keyed("k1"))
        api_key.scopes = ["members:read"]
        api_key.save()

        assert Caller(text).put("members/x/", {}, headers=_keyed("k1")).status_code == 403


class TestACallThatFails:
    def test_leaves_its_key_free_and_nothing_behind(self, monkeypatch) -> None:
        """The fault comes after the member was written, as a process that dies before it answers."""
        client = caller()
        shown = members_api._shown

        def broken(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("a fault of ours: secret")

        monkeypatch.setattr(members_api, "_shown", broken)
        failed = client.put("members/x/", {"name": "a"}, headers=_keyed("k1"))
        assert failed.status_code == 500
        assert not Member.objects.exists()
        assert not IdempotencyRecord.objects.exists()

        monkeypatch.setattr(members_api, "_shown", shown)
        assert client.put("members/x/", {"name": "a"}, headers=_keyed("k1")).status_code == 201
        assert Member.objects.get().name == "a"

    def test_undoes_what_its_handler_wrote_before_it_refused(self, monkeypatch) -> None:
        client = caller()
        monkeypatch.setattr(members_api, "_shown", lambda external_id: (_ for _ in ()).throw(NotFound("x")))

        assert client.put("members/x/", {"name": "a"}, headers=_keyed("k1")).status_code == 404
        assert not Member.objects.exists()
        assert IdempotencyRecord.objects.get().status == 404


class TestStoredAnswers:
    def test_are_forgotten_after_two_days(self) -> None:
        client = caller()
        client.put("members/x/", {"name": "a"}, headers=_keyed("k1"))
        now = timezone.now()

        assert forget_answers(now=now + KEPT_FOR - timedelta(minutes=1)) == {"forgotten": 0}
        assert forget_answers(now=now + KEPT_FOR) == {"forgotten": 1}
        assert forget_answers(now=now + KEPT_FOR) == {"forgotten": 0}
        assert client.put("members/x/", {"name": "b"}, headers=_keyed("k1")).status_code == 200
