"""Two kinds of jobs of our own, and a worker that is killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from core.models import Job
from core.registry import JobKind, RunningJob, Store
from core.services.jobs import (
    enqueue_job,
    run_jobs,
)
from tests.factories import NOW

LEASE_SECONDS = 60


EXPIRED = NOW + timedelta(seconds=LEASE_SECONDS + 1)


SOON = NOW + timedelta(seconds=31)


MINUTE = timedelta(minutes=1)


Run = Callable[[RunningJob], Mapping[str, Any]]


class Kinds:
    """Two kinds of ours in place of the product's: what they do is set by the test, what they were handed is noted."""

    def __init__(self) -> None:
        self.store: Store[JobKind] = Store()
        self.doing: Run = lambda job: {"counted": 3}
        self.ran: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        for code in ("count", "export"):
            self.store.register(JobKind(code, f"to {code}", self._running(code), retries=2, lease_seconds=LEASE_SECONDS))

    def _running(self, code: str) -> Run:
        def run(job: RunningJob) -> Mapping[str, Any]:
            self.ran.append((code, dict(job.params), dict(job.state)))
            return self.doing(job)

        return run


def asked(kind: str = "count", **params: Any) -> Job:
    return enqueue_job(kind=kind, params=params, now=NOW, by="lin")


def now_of(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def die(job: RunningJob) -> Mapping[str, Any]:
    """As a killed worker leaves it: neither an end nor a word."""
    raise GeneratorExit


def killed(kinds: Kinds, *, now: Any = NOW) -> None:
    kinds.doing = die
    with pytest.raises(GeneratorExit):
        run_jobs(now=now)
