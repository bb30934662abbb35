from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from core.errors import InvalidInput, NotFound
from core.registry import RunningJob
from core.services.jobs import (
    JobCancelled,
    JobEnded,
    JobInterrupted,
    JobTaken,
    TooManyJobs,
    cancel_job,
    run_jobs,
)
from tests.db.core.jobs.given import EXPIRED, MINUTE, SOON, asked, killed, now_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db


class TestStopping:
    def test_one_that_waits_ends_it_at_once(self, kinds):
        job = asked()
        assert cancel_job(job_id=job.pk, now=NOW).state == "cancelled"
        assert run_jobs(now=NOW) == {}
        assert (now_of(job).finished_at, kinds.ran) == (NOW, [])

    def test_one_that_runs_ends_it_at_the_next_report(self, kinds):
        job, after = asked(), []

        def doing(running: RunningJob) -> Mapping[str, Any]:
            running.report(100, state={"row": 100})
            cancel_job(job_id=job.pk, now=NOW)
            running.report(200, state={"row": 200})
            after.append("went on")
            return {}

        kinds.doing = doing
        assert run_jobs(now=NOW) == {"cancelled": 1}
        job = now_of(job)
        assert (job.state, job.done, job.checkpoint, job.error) == ("cancelled", 100, {"row": 100}, "")
        assert after == []

    def test_is_no_error_that_a_kind_could_swallow(self, kinds):
        job = asked()

        def doing(running: RunningJob) -> Mapping[str, Any]:
            cancel_job(job_id=job.pk, now=NOW)
            try:
                running.report(1)
            except Exception:
                return {"swallowed": True}
            return {}

        kinds.doing = doing
        run_jobs(now=NOW)
        assert (now_of(job).state, now_of(job).result) == ("cancelled", {})

    def test_that_comes_too_late_changes_nothing(self, kinds):
        job = asked()
        run_jobs(now=NOW)
        with pytest.raises(JobEnded):
            cancel_job(job_id=job.pk, now=NOW)
        assert now_of(job).state == "done"

    def test_twice_keeps_the_first_word(self, kinds):
        job = asked()
        killed(kinds)
        cancel_job(job_id=job.pk, now=NOW)
        cancel_job(job_id=job.pk, now=NOW + MINUTE)
        assert now_of(job).cancel_requested_at == NOW

    def test_what_does_not_exist_is_not_found(self, kinds):
        with pytest.raises(NotFound):
            cancel_job(job_id=9, now=NOW)


class TestAFailure:
    def test_of_ours_is_said_in_its_own_words(self, kinds):
        job = asked()

        def doing(running: RunningJob) -> Mapping[str, Any]:
            raise InvalidInput("The file has no column for the order number.")

        kinds.doing = doing
        assert run_jobs(now=NOW) == {"failed": 1}
        job = now_of(job)
        assert (job.state, job.error) == ("failed", "The file has no column for the order number.")
        assert run_jobs(now=EXPIRED) == {}

    def test_that_nobody_expected_tells_no_data(self, kinds, caplog):
        job, phone = asked(), "13800138000"

        def doing(running: RunningJob) -> Mapping[str, Any]:
            raise KeyError(phone)

        kinds.doing = doing
        run_jobs(now=NOW)
        error = now_of(job).error
        assert error.startswith("Something went wrong on our side (KeyError in doing, line ")
        assert "138" not in error + caplog.text

    def test_stops_no_other_job(self, kinds):
        asked("count"), asked("export")

        def doing(running: RunningJob) -> Mapping[str, Any]:
            if len(kinds.ran) == 1:
                raise KeyError
            return {}

        kinds.doing = doing
        assert run_jobs(now=NOW) == {"failed": 1, "done": 1}

    @pytest.mark.parametrize("failure", [OperationalError("gone"), TooManyJobs("later")])
    def test_that_may_pass_is_tried_again_after_a_pause_a_bounded_number_of_times(self, kinds, failure):
        job = asked()

        def doing(running: RunningJob) -> Mapping[str, Any]:
            running.report(7, state={"row": 7})
            raise failure

        kinds.doing = doing
        assert run_jobs(now=NOW) == {"queued_again": 1}
        assert (now_of(job).state, now_of(job).checkpoint) == ("waiting", {"row": 7})
        assert run_jobs(now=NOW + timedelta(seconds=29)) == {}
        assert run_jobs(now=SOON) == {"queued_again": 1}
        assert run_jobs(now=SOON + MINUTE) == {"failed": 1}
        assert (now_of(job).state, now_of(job).attempts, len(kinds.ran)) == ("failed", 3, 3)

    def test_that_passed_is_forgotten(self, kinds):
        job, failures = asked(), [OperationalError()]

        def doing(running: RunningJob) -> Mapping[str, Any]:
            if failures:
                raise failures.pop()
            return {}

        kinds.doing = doing
        run_jobs(now=NOW)
        assert now_of(job).error.startswith("The database did not answer (OperationalError in doing, line ")
        run_jobs(now=SOON)
        assert (now_of(job).state, now_of(job).error) == ("done", "")


class TestAWorkerThatHasToStop:
    def test_leaves_the_job_to_the_next_one_without_counting_it_as_a_try(self, kinds):
        job, asked_to_stop = asked(), []

        def doing(running: RunningJob) -> Mapping[str, Any]:
            running.report(1, state={"row": 1})
            asked_to_stop.append(True)
            running.report(2)
            running.report(3, state={"row": 3})
            return {"never": True}

        kinds.doing = doing
        assert run_jobs(now=NOW, stopped=lambda: bool(asked_to_stop)) == {"interrupted": 1}
        job = now_of(job)
        assert (job.state, job.attempts, job.checkpoint, job.done) == ("waiting", 0, {"row": 3}, 3)
        kinds.doing = lambda running: dict(running.state)
        assert run_jobs(now=NOW) == {"done": 1}
        assert now_of(job).result == {"row": 3}

    def test_finishes_a_job_that_keeps_no_state(self, kinds):
        job = asked()
        asked_to_stop = []

        def doing(running: RunningJob) -> Mapping[str, Any]:
            asked_to_stop.append(True)
            running.report(1)
            return {"ended": True}

        kinds.doing = doing
        assert run_jobs(now=NOW, stopped=lambda: bool(asked_to_stop)) == {"done": 1}
        assert now_of(job).result == {"ended": True}

    def test_begins_no_other_job(self, kinds):
        job = asked()
        assert run_jobs(now=NOW, stopped=lambda: True) == {}
        assert now_of(job).state == "waiting"

    def test_stops_by_what_no_kind_catches(self):
        assert [issubclass(each, Exception) for each in (JobCancelled, JobInterrupted, JobTaken)] == [False] * 3
