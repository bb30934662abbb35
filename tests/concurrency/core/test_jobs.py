"""Jobs under several workers: one has each, and one that is killed loses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from core.models import ClockEntry, Job
from core.registry import JobKind, RunningJob, Store
from core.services import jobs
from core.services.jobs import enqueue_job, run_jobs
from tests.concurrency.racing import race
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
KIND = "test.hold"


def registered(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    store: Store[JobKind] = Store()
    store.register(JobKind(KIND, "to be held", run, lease_seconds=60))
    monkeypatch.setattr(jobs, "job_kinds", store)


class TestWorkersAtOnce:
    def test_run_each_job_once_and_one_at_a_time(self, monkeypatch):
        guard, running, most, ran = Lock(), [0], [0], []

        def run(job: RunningJob) -> Mapping[str, Any]:
            with guard:
                running[0] += 1
                most[0] = max(most[0], running[0])
                ran.append(job.params["number"])
            for done in range(5):
                job.report(done, state={"done": done})
            with guard:
                running[0] -= 1
            return {}

        registered(monkeypatch, run)
        for number in range(10):
            enqueue_job(kind=KIND, params={"number": number}, now=NOW)
        outcomes = race([lambda: run_jobs(now=NOW)] * 40, threads=4)
        assert [each for each in outcomes if isinstance(each, Exception)] == []
        run_jobs(now=NOW)
        assert ran == list(range(10))
        assert most == [1]
        assert set(Job.objects.values_list("state", "attempts")) == {("done", 1)}

    def test_that_saw_the_same_job_have_one_winner(self, monkeypatch):
        """By the guard alone: what both saw is claimed by both, without the lock that keeps them apart."""
        registered(monkeypatch, lambda job: {})
        job = enqueue_job(kind=KIND, params={}, now=NOW)
        seen = Job.objects.get(pk=job.pk)
        claims = [lambda: jobs._unchanged(seen).update(state="running", lease=jobs.new_lease())] * 8
        assert sorted(race(claims, threads=8)) == [0] * 7 + [1]


class TestAWorkerProcessThatIsKilled:
    def test_loses_its_job_when_the_lease_has_run_out_and_the_next_goes_on(self, monkeypatch):
        seen = []

        def run(job: RunningJob) -> Mapping[str, Any]:
            seen.append(dict(job.state))
            return {"from": job.state["row"]}

        registered(monkeypatch, run)
        begun = timezone.now()
        job = enqueue_job(kind=KIND, params={}, now=begun)
        with _worker() as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"holding\n"
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        held = Job.objects.get(pk=job.pk)
        assert (held.state, held.done, held.total, held.attempts) == ("running", 200, 500, 1)
        assert run_jobs(now=begun + timedelta(seconds=30)) == {}
        assert run_jobs(now=timezone.now() + timedelta(seconds=61)) == {"done": 1}
        taken = Job.objects.get(pk=job.pk)
        assert (taken.state, taken.result, taken.attempts) == ("done", {"from": 200}, 2)
        assert seen == [{"row": 200}]


class TestTickInALoop:
    def test_does_not_stop_its_clock_for_a_job_and_ends_with_it_put_back(self, monkeypatch):
        """The job holds its worker until the clock has beaten twice; the signal to end interrupts it at its next report."""
        beaten = Event()

        def run(job: RunningJob) -> Mapping[str, Any]:
            assert beaten.wait(timeout=20)
            os.kill(os.getpid(), signal.SIGTERM)
            row = 0
            while True:
                row += 1
                job.report(row, state={"row": row})

        registered(monkeypatch, run)
        job = enqueue_job(kind=KIND, params={}, now=timezone.now())
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        looks = []

        def heartbeat(*, now: Any) -> Mapping[str, int]:
            looks.append(now)
            if len(looks) >= 2:
                beaten.set()
            return {}

        _beat_every_second(monkeypatch, heartbeat)
        try:
            call_command("tick", "--loop")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        left = Job.objects.get(pk=job.pk)
        assert (left.state, left.attempts) == ("waiting", 0)
        assert left.checkpoint["row"] == left.done >= 1


def _beat_every_second(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    """The clock with two works: a beat, and the jobs."""
    from core.registry import PeriodicWork
    from core.services import clock

    store: Store[PeriodicWork] = Store()
    store.register(PeriodicWork(code="beat", label="beat", run=run, order=1, every_seconds=1))
    store.register(PeriodicWork(code="jobs", label="jobs", run=run_jobs, order=2, every_seconds=1, beside=run_jobs))
    monkeypatch.setattr(clock, "periodic_work", store)
    ClockEntry.objects.all().delete()


def _worker() -> subprocess.Popen[bytes]:
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        address = f"sqlite:///{given['NAME']}"
    else:
        address = f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.concurrency.core.job_worker"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": address},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
