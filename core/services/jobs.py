"""Long work: asked for here, run by whoever ticks, one at a time, begun again where a dead worker stopped."""

from __future__ import annotations

import logging
import time as stopwatch
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, NotFound, told
from core.locks import LockSpace, try_lock_for_transaction
from core.models import ApiKey, Job
from core.queue import enqueue_on_commit, ring
from core.registry import JobKind, RunningJob, job_kinds
from core.services.leases import JobCancelled, JobInterrupted, JobTaken, LeasedJob, new_lease

__all__ = [
    "JobCancelled",
    "JobInterrupted",
    "JobTaken",
    "RunningJob",
    "cancel_job",
    "enqueue_job",
    "run_jobs",
]

logger = logging.getLogger(__name__)

WORK = "core.jobs"
PAUSE = timedelta(seconds=30)
"""Before a job is tried again whose fault may pass. Origin: a database that restarts is back within it."""
RING_SECONDS = 60
MAY_PASS = (OperationalError, InterfaceError)
MOST_OPEN = 1000
"""Jobs that may wait at once. Past it somebody's program asks in a loop, and nobody would see the end of the queue."""


class TooManyJobs(DomainError):
    """More jobs wait than anybody could want."""

    code = "too_many_jobs"
    retryable = True


class JobEnded(DomainError):
    """There is nothing to stop any more."""

    code = "job_ended"


def enqueue_job(
    *,
    kind: str,
    params: Mapping[str, Any],
    now: datetime,
    by: str = "",
    total: int | None = None,
    api_key: ApiKey | None = None,
) -> Job:
    """This function will ask for long work; it commits with the caller and begins within seconds of that.

    Jobs run one at a time in the order they were asked for: of two imports the later one wins, as people expect.
    """
    if job_kinds.get(kind) is None:
        raise ValueError(f"no job kind {kind} is registered")
    if Job.objects.filter(state__in=Job.OPEN).count() >= MOST_OPEN:
        raise TooManyJobs(_("%(most)d jobs wait already. Try again when some of them are done.") % {"most": MOST_OPEN})
    job = Job.objects.create(
        kind=kind, params=dict(params), by=by, api_key=api_key, total=total, created_at=now, claimable_at=now
    )
    enqueue_on_commit(WORK)
    return job


def cancel_job(*, job_id: int, now: datetime) -> Job:
    """This function will ask a job to stop: one that waits ends now, one that runs at its next report.

    Raises NotFound, or JobEnded when there is nothing left to stop.
    """
    open_jobs = Job.objects.filter(pk=job_id, state__in=Job.OPEN)
    waiting = open_jobs.filter(state=Job.State.WAITING)
    if waiting.update(state=Job.State.CANCELLED, cancel_requested_at=now, finished_at=now, lease=None) == 0:
        open_jobs.filter(cancel_requested_at__isnull=True).update(cancel_requested_at=now)
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        raise NotFound(_("There is no such job."))
    if job.cancel_requested_at is None:
        raise JobEnded(_("This job has ended; there is nothing to stop."))
    return job


def find_job(job_id: int) -> Job | None:
    return Job.objects.filter(pk=job_id).first()


def job_listing(*, api_key: ApiKey | None, state: str | None = None, kind: str | None = None) -> QuerySet[Job]:
    """This function will return the jobs that a key asked for, or all of them for None."""
    wanted = {"api_key": api_key, "state": state, "kind": kind}
    return Job.objects.filter(**{name: value for name, value in wanted.items() if value is not None})


def run_jobs(*, now: datetime, stopped: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """This function will run the jobs that wait, one after the other, and count how they ended.

    1. Claim the oldest job, unless another worker holds one: one UPDATE guarded by what was seen.
    2. Run it, and end it: done, failed with a sentence, cancelled, or back in the queue.
    3. Go on until none waits or `stopped` says so; then ring for who takes the rest.
    """
    begun = stopwatch.monotonic()
    counts: dict[str, int] = {}

    def clock() -> datetime:
        return now + timedelta(seconds=stopwatch.monotonic() - begun)

    while not stopped():
        claimed = _claim(clock())
        if claimed is None:
            return counts
        job, kind = claimed
        ended = _run(job, kind, clock, stopped)
        counts[ended] = counts.get(ended, 0) + 1
    if _next(clock()) is not None:
        ring(WORK, expires_seconds=RING_SECONDS)
    return counts


def _next(now: datetime) -> Job | None:
    """The oldest open job of a kind that this release knows, when it may be taken; None also while one runs elsewhere."""
    known = [kind.code for kind in job_kinds]
    open_jobs = Job.objects.filter(state__in=Job.OPEN, kind__in=known)
    if open_jobs.filter(state=Job.State.RUNNING, claimable_at__gt=now).exists():
        return None
    return open_jobs.filter(claimable_at__lte=now).order_by("pk").first()


def _claim(now: datetime) -> tuple[Job, JobKind] | None:
    """One that died too often, or that somebody asked to stop while its worker was dead, is ended here instead."""
    while (seen := _next(now)) is not None:
        kind = job_kinds.get(seen.kind)
        assert kind is not None
        if seen.cancel_requested_at is not None:
            _end_seen(seen, state=Job.State.CANCELLED, finished_at=now)
        elif seen.attempts > kind.retries:
            _end_seen(seen, state=Job.State.FAILED, finished_at=now, error=str(_died(seen)))
        else:
            job = _taken(seen, kind, now)
            return None if job is None else (job, kind)
    return None


def _taken(seen: Job, kind: JobKind, now: datetime) -> Job | None:
    """The lock keeps two workers from running two jobs at once; that no job runs twice is the guard's doing."""
    with transaction.atomic():
        if not try_lock_for_transaction(LockSpace.JOBS):
            return None
        current = _next(now)
        if current is None or current.pk != seen.pk:
            return None
        won = _unchanged(seen).update(
            state=Job.State.RUNNING,
            lease=new_lease(),
            claimable_at=now + timedelta(seconds=kind.lease_seconds),
            attempts=F("attempts") + 1,
            heartbeat_at=now,
            started_at=Coalesce("started_at", now),
        )
        return Job.objects.get(pk=seen.pk) if won == 1 else None


def _unchanged(seen: Job) -> QuerySet[Job]:
    return Job.objects.filter(pk=seen.pk, state=seen.state, lease=seen.lease, claimable_at=seen.claimable_at)


def _end_seen(seen: Job, **ending: Any) -> None:
    _unchanged(seen).update(lease=None, claimable_at=None, **ending)


def _died(job: Job) -> Any:
    return _("The work was begun %(times)d times and its worker died each time. Ask for it again, or for less at once.") % {
        "times": job.attempts
    }


def _run(job: Job, kind: JobKind, clock: Callable[[], datetime], stopped: Callable[[], bool]) -> str:
    """How it ended, as the name of a count."""
    running = LeasedJob(job, lease_seconds=kind.lease_seconds, clock=clock, stopped=stopped)
    logger.info("job.begun job__id=%s kind=%s attempt=%s", job.pk, kind.code, job.attempts)
    try:
        result = kind.run(running)
        kept = running.end(state=Job.State.DONE, result=dict(result), said="", checkpoint={})
        ended = "done" if kept else "taken"
    except JobTaken:
        ended = "taken"
    except JobCancelled:
        running.end(state=Job.State.CANCELLED, said="")
        ended = "cancelled"
    except JobInterrupted:
        running.put_back(attempts=F("attempts") - 1, claimable_at=F("created_at"))
        ended = "interrupted"
    except Exception as failure:
        ended = _failed(running, job, kind, failure, clock())
    logger.info("job.ended job__id=%s kind=%s ended=%s", job.pk, kind.code, ended)
    return ended


def _failed(running: LeasedJob, job: Job, kind: JobKind, failure: Exception, now: datetime) -> str:
    """A connection that broke is opened anew first: what became of the job must be written somewhere."""
    logger.error("job.failed job__id=%s kind=%s error=%s\n%s", job.pk, kind.code, told(failure), _frames(failure))
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    if _may_pass(failure) and job.attempts <= kind.retries:
        running.put_back(claimable_at=now + PAUSE, error=_sentence(failure))
        return "queued_again"
    running.end(state=Job.State.FAILED, error=_sentence(failure), said="")
    return "failed"


def _may_pass(failure: Exception) -> bool:
    return isinstance(failure, MAY_PASS) or (isinstance(failure, DomainError) and failure.retryable)


def _sentence(failure: Exception) -> str:
    """What people read: our own refusals in words, of others whose they are, with kind and place."""
    if isinstance(failure, DomainError):
        return str(failure)
    if isinstance(failure, MAY_PASS):
        return str(_("The database did not answer (%(error)s).") % {"error": told(failure)})
    return str(_("Something went wrong on our side (%(error)s); the log holds more.") % {"error": told(failure)})


def _frames(failure: Exception) -> str:
    return "".join(traceback.format_tb(failure.__traceback__))
