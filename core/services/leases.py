"""The hold a worker has on a job: a claim with an end, put off by each report, and the guard of everything it writes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise

from core.models import Job


class JobStopped(BaseException):
    """A report that says «no further». No error: a kind's own `except Exception` must not swallow it."""


class JobCancelled(JobStopped):
    """Somebody asked the job to stop."""


class JobInterrupted(JobStopped):
    """The worker has to stop; the next one goes on from the state that was just kept."""


class JobTaken(JobStopped):
    """The lease ran out and another worker has the job, or ended it: nothing more may be written in its name."""


def new_lease() -> uuid.UUID:
    return uuid.uuid4()


class LeasedJob:
    """A job in the hands of its worker. Every write is one UPDATE guarded by the lease."""

    def __init__(self, job: Job, *, lease_seconds: int, clock: Callable[[], datetime], stopped: Callable[[], bool]) -> None:
        self._job = job
        self._lease_for = timedelta(seconds=lease_seconds)
        self._clock = clock
        self._stopped = stopped
        self._state: Mapping[str, Any] = job.checkpoint

    @property
    def id(self) -> int:
        return int(self._job.pk)

    @property
    def params(self) -> Mapping[str, Any]:
        return dict(self._job.params)

    @property
    def state(self) -> Mapping[str, Any]:
        return dict(self._state)

    def now(self) -> datetime:
        return self._clock()

    def report(
        self, done: int, total: int | None = None, state: Mapping[str, Any] | None = None, said: str | Promise = ""
    ) -> None:
        """This function will save how far the work is, put the lease's end off, and raise when the work shall stop."""
        now = self._clock()
        changes: dict[str, Any] = {"done": done, "heartbeat_at": now, "claimable_at": now + self._lease_for}
        if total is not None:
            changes["total"] = total
        if said:
            changes["said"] = str(said)[:500]
        if state is not None:
            changes["checkpoint"] = dict(state)
        if self._held().filter(cancel_requested_at__isnull=True).update(**changes) != 1:
            raise JobCancelled if self._held().exists() else JobTaken
        if state is not None:
            self._state = dict(state)
            if self._stopped():
                raise JobInterrupted

    def end(self, **ending: Any) -> bool:
        """This function will let go of the job for good and say whether it was still held."""
        ending = {"error": "", **ending}
        return self._held().update(lease=None, claimable_at=None, finished_at=self._clock(), **ending) == 1

    def put_back(self, **changes: Any) -> None:
        """This function will let go of the job for somebody to take it again from `claimable_at`."""
        self._held().update(state=Job.State.WAITING, lease=None, **changes)

    def _held(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self._job.pk, state=Job.State.RUNNING, lease=self._job.lease)
