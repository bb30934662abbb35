"""Jobs over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.models import ApiKey, Job
from tests.factories import NOW
from tests.rest import Caller, given_key

pytestmark = pytest.mark.django_db


def made(**changes: Any) -> Job:
    return Job.objects.create(**{"kind": "test", "created_at": NOW, "claimable_at": NOW, "by": "lin", **changes})


def key_and_caller(*scopes: str) -> tuple[ApiKey, Caller]:
    api_key, text = given_key(*scopes)
    return api_key, Caller(text)


class TestOneJob:
    def test_says_how_far_it_is(self) -> None:
        _key, caller = key_and_caller("reports:read")
        job = made(state="running", done=300, total=400, said="reading", started_at=NOW)
        assert caller.get(f"jobs/{job.pk}/").json() == {
            "id": job.pk,
            "address": f"http://testserver/api/v1/jobs/{job.pk}/",
            "kind": "test",
            "state": "running",
            "done": 300,
            "total": 400,
            "share": 0.75,
            "said": "reading",
            "result": {},
            "error": None,
            "by": "lin",
            "created_at": "2026-06-15T12:00:00+08:00",
            "started_at": "2026-06-15T12:00:00+08:00",
            "cancel_requested_at": None,
            "finished_at": None,
        }

    def test_is_seen_by_the_key_that_asked_for_it(self) -> None:
        api_key, caller = key_and_caller("orders:write")
        assert caller.get(f"jobs/{made(api_key=api_key).pk}/").status_code == 200

    def test_of_others_is_not_seen_without_the_scope_nor_told_from_none(self) -> None:
        _key, caller = key_and_caller("orders:write")
        answers = [caller.get(f"jobs/{job_id}/") for job_id in (made().pk, 10**9)]
        assert [answer.status_code for answer in answers] == [403, 403]
        assert [answer.json()["code"] for answer in answers] == ["missing_scope", "missing_scope"]

    @pytest.mark.parametrize("job_id", ["1", "x", "-1", "9" * 30, "١"])
    def test_that_does_not_exist_is_not_found(self, job_id: str) -> None:
        assert key_and_caller("reports:read")[1].get(f"jobs/{job_id}/").status_code == 404

    def test_needs_a_key_whatever_the_id(self) -> None:
        assert [Caller(None).get(f"jobs/{job_id}/").status_code for job_id in ("1", "x")] == [401, 401]


class TestTheList:
    def test_shows_all_with_the_scope_and_a_key_s_own_without(self) -> None:
        _key, reader = key_and_caller("reports:read")
        api_key, caller = key_and_caller("orders:write")
        others, own = made(), made(api_key=api_key)
        assert [job["id"] for job in reader.get("jobs/").json()["results"]] == [own.pk, others.pk]
        assert [job["id"] for job in caller.get("jobs/").json()["results"]] == [own.pk]

    def test_is_narrowed_by_state_and_kind(self) -> None:
        _key, reader = key_and_caller("reports:read")
        made(), made(state="done"), made(kind="other", state="done")
        found = reader.get("jobs/?state=done&kind=test").json()["results"]
        assert [(job["kind"], job["state"]) for job in found] == [("test", "done")]

    def test_refuses_a_state_that_is_none(self) -> None:
        answer = key_and_caller("reports:read")[1].get("jobs/?state=broken")
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "state")


class TestStopping:
    def test_is_the_asker_s(self) -> None:
        api_key, caller = key_and_caller("orders:write")
        job = made(api_key=api_key)
        answer = caller.post(f"jobs/{job.pk}/cancel/")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")

    def test_one_that_runs_is_asked_for_and_said(self) -> None:
        api_key, caller = key_and_caller("orders:write")
        job = made(api_key=api_key, state="running", claimable_at=NOW + timedelta(minutes=1))
        answer = caller.post(f"jobs/{job.pk}/cancel/").json()
        assert (answer["state"], answer["cancel_requested_at"] is not None) == ("running", True)

    def test_of_another_s_job_is_refused(self) -> None:
        _key, caller = key_and_caller("reports:read")
        job = made()
        answer = caller.post(f"jobs/{job.pk}/cancel/")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_the_asker")
        assert Job.objects.get(pk=job.pk).state == "waiting"

    def test_of_one_that_ended_is_a_conflict(self) -> None:
        api_key, caller = key_and_caller("orders:write")
        answer = caller.post(f"jobs/{made(api_key=api_key, state='done').pk}/cancel/")
        assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")
