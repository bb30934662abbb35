"""Long work: asked for, run, gone on with, stopped, failed with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from core import tasks
from core.errors import DomainError
from core.models import Job
from core.registry import PeriodicWork, RunningJob, Store, periodic_work
from core.services import clock, jobs
from core.services.jobs import (
    JobTaken,
    TooManyJobs,
    cancel_job,
    enqueue_job,
    run_jobs,
)
from tests.db.core.jobs.given import EXPIRED, LEASE_SECONDS, MINUTE, asked, killed, now_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db


class TestAJob:
    def test_waits_with_what_it_was_asked_for(self, kinds):
        job = now_of(asked(file="a.csv"))
        assert (job.state, job.params, job.by, job.done, job.total) == ("waiting", {"file": "a.csv"}, "lin", 0, None)
        assert (job.attempts, job.started_at, job.finished_at) == (0, None, None)

    def test_is_run_and_keeps_its_result(self, kinds):
        job = asked(file="a.csv")
        assert run_jobs(now=NOW) == {"done": 1}
        job = now_of(job)
        assert (job.state, job.result, job.error, job.attempts) == ("done", {"counted": 3}, "", 1)
        assert job.started_at is not None
        assert job.finished_at is not None
        assert job.started_at <= job.finished_at
        assert (job.lease, job.claimable_at) == (None, None)
        assert kinds.ran == [("count", {"file": "a.csv"}, {})]

    def test_is_run_once(self, kinds):
        asked()
        run_jobs(now=NOW)
        assert run_jobs(now=EXPIRED) == {}
        assert len(kinds.ran) == 1

    def test_comes_in_the_order_of_asking(self, kinds):
        asked(number=1), asked("export", number=2), asked(number=3)
        assert run_jobs(now=NOW) == {"done": 3}
        assert [params["number"] for _kind, params, _state in kinds.ran] == [1, 2, 3]

    def test_of_a_kind_that_this_release_does_not_know_is_left_alone(self, kinds):
        job = Job.objects.create(kind="gone", created_at=NOW, claimable_at=NOW)
        assert run_jobs(now=NOW) == {}
        assert now_of(job).state == "waiting"

    def test_of_no_kind_at_all_is_a_mistake_of_ours(self, kinds):
        with pytest.raises(ValueError, match="no job kind nothing"):
            enqueue_job(kind="nothing", params={}, now=NOW)

    def test_is_refused_when_too_many_wait(self, kinds, monkeypatch):
        monkeypatch.setattr(jobs, "MOST_OPEN", 2)
        asked(), asked()
        with pytest.raises(TooManyJobs, match="2 jobs wait already"):
            asked()
        assert Job.objects.count() == 2

    def test_that_is_rolled_back_was_never_asked_for(self, kinds):
        with transaction.atomic():
            asked()
            transaction.set_rollback(True)
        assert run_jobs(now=NOW) == {}


class TestTheProgress:
    def test_is_saved_at_each_report(self, kinds):
        job, seen = asked(), []

        def doing(running: RunningJob) -> Mapping[str, Any]:
            running.report(10, total=30, said="reading")
            seen.append(now_of(job))
            running.report(20)
            seen.append(now_of(job))
            return {}

        kinds.doing = doing
        run_jobs(now=NOW)
        assert [(each.done, each.total, each.said) for each in seen] == [(10, 30, "reading"), (20, 30, "reading")]
        assert now_of(job).said == ""

    def test_puts_the_end_of_the_lease_off(self, kinds):
        job, seen = asked(), []

        def doing(running: RunningJob) -> Mapping[str, Any]:
            Job.objects.filter(pk=job.pk).update(claimable_at=NOW, heartbeat_at=NOW - MINUTE)
            running.report(1)
            seen.append(now_of(job))
            return {}

        kinds.doing = doing
        run_jobs(now=NOW)
        assert seen[0].heartbeat_at >= NOW
        assert seen[0].claimable_at == seen[0].heartbeat_at + timedelta(seconds=LEASE_SECONDS)

    def test_commits_with_the_work_or_not_at_all(self, kinds):
        job = asked()

        def doing(running: RunningJob) -> Mapping[str, Any]:
            with transaction.atomic():
                running.report(5, state={"row": 5})
                transaction.set_rollback(True)
            return {}

        kinds.doing = doing
        run_jobs(now=NOW)
        assert (now_of(job).done, now_of(job).state) == (0, "done")


class TestTrap6AWorkerThatDied:
    """PostHog#32745, #33279: running for ever after a worker's death; a lease with an end, and bounded attempts."""

    def test_keeps_its_job_until_the_lease_has_run_out(self, kinds):
        asked()
        killed(kinds)
        assert run_jobs(now=NOW + timedelta(seconds=LEASE_SECONDS - 1)) == {}
        assert len(kinds.ran) == 1

    def test_is_followed_by_one_who_goes_on_from_the_state(self, kinds):
        job = asked()

        def doing(running: RunningJob) -> Mapping[str, Any]:
            running.report(200, total=500, state={"row": 200})
            raise GeneratorExit

        kinds.doing = doing
        with pytest.raises(GeneratorExit):
            run_jobs(now=NOW)
        kinds.doing = lambda running: {"from": running.state["row"]}
        assert run_jobs(now=EXPIRED) == {"done": 1}
        assert (now_of(job).result, now_of(job).attempts, now_of(job).done) == ({"from": 200}, 2, 200)

    def test_does_not_stop_other_jobs_for_longer(self, kinds):
        asked()
        killed(kinds)
        asked("export")
        kinds.doing = lambda job: {}
        assert run_jobs(now=NOW) == {}
        assert run_jobs(now=EXPIRED) == {"done": 2}

    def test_too_often_leaves_a_job_that_failed_with_a_sentence(self, kinds):
        job = asked()
        for attempt in range(3):
            killed(kinds, now=NOW + attempt * 2 * MINUTE)
        kinds.doing = lambda running: {}
        assert run_jobs(now=NOW + 6 * MINUTE) == {}
        job = now_of(job)
        assert (job.state, job.attempts) == ("failed", 3)
        assert job.error == (
            "The work was begun 3 times and its worker died each time. Ask for it again, or for less at once."
        )
        assert len(kinds.ran) == 3

    def test_and_was_asked_to_stop_meanwhile_is_not_begun_again(self, kinds):
        job = asked()
        killed(kinds)
        cancel_job(job_id=job.pk, now=NOW)
        assert now_of(job).state == "running"
        assert run_jobs(now=EXPIRED) == {}
        assert (now_of(job).state, len(kinds.ran)) == ("cancelled", 1)


class TestALeaseThatRanOut:
    """A worker that was only slow finds its job in other hands: it may write nothing more."""

    def test_stops_the_slow_worker_at_its_next_report(self, kinds):
        job, stopped_by = asked(), []

        def slow(running: RunningJob) -> Mapping[str, Any]:
            kinds.doing = lambda other: {"by": "the other"}
            run_jobs(now=EXPIRED)
            with pytest.raises(JobTaken) as caught:
                running.report(9, state={"row": 9})
            stopped_by.append(caught.type)
            raise JobTaken

        kinds.doing = slow
        assert run_jobs(now=NOW) == {"taken": 1}
        job = now_of(job)
        assert (job.result, job.done, job.checkpoint) == ({"by": "the other"}, 0, {})
        assert stopped_by == [JobTaken]

    def test_keeps_the_slow_worker_s_result_and_failure_out(self, kinds):
        job = asked()

        def slow(running: RunningJob) -> Mapping[str, Any]:
            kinds.doing = lambda other: {"by": "the other"}
            run_jobs(now=EXPIRED)
            return {"by": "the slow one"}

        kinds.doing = slow
        assert run_jobs(now=NOW) == {"taken": 1}
        assert now_of(job).result == {"by": "the other"}

    def test_is_the_guard_s_doing(self, kinds):
        """The twin: with the same lease on both claims the slow worker's word would stand."""
        job = asked()

        def slow(running: RunningJob) -> Mapping[str, Any]:
            lease = now_of(job).lease
            kinds.doing = lambda other: {"by": "the other"}
            run_jobs(now=EXPIRED)
            Job.objects.filter(pk=job.pk).update(lease=lease, state="running")
            return {"by": "the slow one"}

        kinds.doing = slow
        run_jobs(now=NOW)
        assert now_of(job).result == {"by": "the slow one"}


class TestTick:
    def test_without_a_loop_runs_jobs_too(self, kinds, monkeypatch, capsys):
        job, work = asked(), periodic_work.get("core.jobs")
        assert work is not None
        alone: Store[PeriodicWork] = Store()
        alone.register(work)
        monkeypatch.setattr(clock, "periodic_work", alone)
        call_command("tick", "--now", NOW.isoformat())
        assert now_of(job).state == "done"
        assert capsys.readouterr().out == "core.jobs: done 1\n"


class TestAWorkerOfCelery:
    def test_runs_the_jobs_that_wait_when_it_is_rung_for(self, kinds):
        job = asked()
        current_app.tasks["core.jobs"].run(unknown="to a later release")
        assert now_of(job).state == "done"

    def test_gives_itself_back_after_a_while_and_goes_on_later(self, kinds, monkeypatch):
        """A long job must not hold a worker for longer than the broker thinks it alive."""
        job, rows = asked(), []

        def doing(running: RunningJob) -> Mapping[str, Any]:
            monkeypatch.setattr(tasks, "LONGEST_SECONDS", 0)
            for row in range(running.state.get("row", 0) + 1, 4):
                rows.append(row)
                running.report(row, total=3, state={"row": row})
            return {"rows": rows}

        kinds.doing = doing
        monkeypatch.setattr(tasks, "LONGEST_SECONDS", -1)
        current_app.tasks["core.jobs"].run()
        assert now_of(job).state == "waiting"
        assert run_jobs(now=timezone.now()) == {"done": 1}
        assert now_of(job).result == {"rows": [1, 2, 3]}


def test_a_refusal_that_may_pass_says_so() -> None:
    assert issubclass(TooManyJobs, DomainError)
    assert TooManyJobs.retryable
