"""The jobs' screens: what stands there, live while something is under way, and stopping after asking."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.admin import jobs as screens
from core.models import AuditRecord, Job
from core.registry import JobKind, Store
from core.services import jobs
from core.services.clock import ensure_entries, run_work
from core.services.jobs import enqueue_job, run_jobs
from tests.db.admin.conftest import XSS, staff, text_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db

LIST = "admin:core_job_changelist"


def count(job: Any) -> dict[str, Any]:
    job.report(3)
    return {"accepted": 1_200, "note": "x"}


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    store: Store[JobKind] = Store()
    store.register(JobKind("test.count", "count the rows of a file", count, asked=lambda params: params["file"]))
    for module in (jobs, screens):
        monkeypatch.setattr(module, "job_kinds", store)


def asked(**changes: Any) -> Job:
    job = enqueue_job(kind="test.count", params={"file": f"{XSS}.csv"}, now=NOW, by="lin")
    Job.objects.filter(pk=job.pk).update(**changes)
    return Job.objects.get(pk=job.pk)


def running(**changes: Any) -> Job:
    begun = {"state": "running", "started_at": NOW - timedelta(minutes=2), "claimable_at": NOW + timedelta(minutes=1)}
    return asked(**{**begun, "done": 4_200, "total": 10_000, **changes})


def page(job: Job, verb: str = "change") -> str:
    return reverse(f"admin:core_job_{verb}", args=[job.pk])


class TestTheList:
    def test_names_the_work_its_object_and_who_asked(self, admin: Client) -> None:
        asked()
        shown = text_of(admin.get(reverse(LIST)))
        assert ("Count the rows of a file" in shown, "lin" in shown, "test.count" in shown) == (True, True, False)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;.csv" in shown

    def test_looks_again_by_itself_while_something_is_open(self, admin: Client) -> None:
        job = asked()
        assert "data-open" in text_of(admin.get(reverse(LIST)))
        Job.objects.filter(pk=job.pk).update(state="done")
        shown = text_of(admin.get(reverse(LIST)))
        assert ("data-open" in shown, "rekindle/live.js" in shown) == (False, True)

    def test_shows_a_kind_that_is_gone(self, admin: Client) -> None:
        Job.objects.create(kind="demo", created_at=NOW, state="done")
        assert "removed: demo" in text_of(admin.get(reverse(LIST)))


class TestThePage:
    def said(self, admin: Client, job: Job) -> str:
        return str(admin.get(page(job)).context["sentence"])

    def test_says_how_many_are_before_one_that_waits(self, admin: Client) -> None:
        first, second = asked(), asked()
        assert (self.said(admin, first), self.said(admin, second)) == (
            "Waits; it is the next.",
            "Waits; 1 job is before it.",
        )

    def test_says_how_far_one_is_that_runs_and_how_long_it_will_take(self, admin: Client) -> None:
        assert self.said(admin, running()) == "Under way: 4,200 of 10,000 (42%), about 3 minutes to go."

    def test_says_nothing_of_the_time_when_the_total_is_not_known(self, admin: Client) -> None:
        assert self.said(admin, running(total=None)) == "Under way: 4,200."

    def test_says_what_a_failed_one_failed_of(self, admin: Client) -> None:
        job = running(state="failed", error="The file has no column for the order number.")
        assert self.said(admin, job) == "Failed at 4,200 of 10,000 (42%). The file has no column for the order number."

    def test_says_that_it_is_to_be_tried_again(self, admin: Client) -> None:
        job = running(state="waiting", error="The database did not answer.")
        assert self.said(admin, job) == "To be tried again in a moment. The database did not answer."

    def test_says_where_it_was_stopped(self, admin: Client) -> None:
        assert self.said(admin, running(state="cancelled")) == (
            "Stopped at 4,200 of 10,000 (42%). What was done until then stays."
        )

    def test_shows_what_came_of_it_in_words(self, admin: Client) -> None:
        job = asked()
        run_jobs(now=NOW)
        shown = admin.get(page(job))
        assert shown.context["told"] == ["accepted 1,200"]
        assert shown.context["sentence"] == "Done, in 1 second."
        assert "data-open" not in text_of(shown)

    def test_marks_one_whose_worker_died_and_one_that_is_to_stop(self, admin: Client) -> None:
        left = running(claimable_at=NOW - timedelta(seconds=1))
        stopping = running(cancel_requested_at=NOW)
        assert "left by its worker" in admin.get(page(left)).context["mark"]
        assert "stopping" in admin.get(page(stopping)).context["mark"]

    def test_says_that_no_clock_is_ticking(self, admin: Client) -> None:
        job = asked()
        assert "No clock is ticking, so nothing works on this" in text_of(admin.get(page(job)))
        ensure_entries(now=NOW)
        run_work(code="core.forget_answers", now=NOW)
        assert "No clock is ticking" not in text_of(admin.get(page(job)))

    def test_is_refused_to_who_may_not_see_jobs(self, clerk: Client) -> None:
        assert clerk.get(page(asked())).status_code == 403

    def test_carries_no_markup_of_others(self, admin: Client) -> None:
        assert XSS not in text_of(admin.get(page(asked())))


class TestStopping:
    def test_asks_first_and_then_stops(self, admin: Client) -> None:
        job = running()
        asks = text_of(admin.get(page(job, "stop")))
        assert "Under way: 4,200 of 10,000 (42%)" in asks
        assert Job.objects.get(pk=job.pk).cancel_requested_at is None
        admin.post(page(job, "stop"))
        assert Job.objects.get(pk=job.pk).cancel_requested_at == NOW
        assert AuditRecord.objects.get().said == "asked to stop"

    def test_one_that_ended_meanwhile_says_so(self, admin: Client) -> None:
        job = running(state="done")
        answer = admin.post(page(job, "stop"), follow=True)
        assert "This job has ended; there is nothing to stop." in text_of(answer)

    def test_is_for_those_who_may_change_jobs(self) -> None:
        looker, job = staff("core.view_job"), running()
        assert "/stop/" not in text_of(looker.get(page(job)))
        assert looker.post(page(job, "stop")).status_code == 403
        assert Job.objects.get(pk=job.pk).cancel_requested_at is None
