"""The clock: which works are due, who runs them, what became of them. `tick` and Celery's `core.tick` both ask here."""

from __future__ import annotations

import logging
import time as stopwatch
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import connection
from django.db.models import Max, Q

from core.conf import shop_zone
from core.errors import told
from core.models import ClockEntry
from core.queue import ring
from core.registry import PeriodicWork, periodic_work
from core.services.cadence import Cadence
from core.sql import insert_rows

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(minutes=30)
"""When a daily or weekly work that failed, or whose process died, is tried again. Longer than any task may take, so that a
work is not begun twice while it runs; short against a day, so that a lost night is made up for in the morning."""

SILENCE = timedelta(minutes=2)
"""After how long without a tick the clock counts as stopped. The slowest regular sign of life comes every 15 seconds."""

FAILED: Mapping[str, int] = {"failed": 1}
"""The counts of a work that raised; its error stands on its entry."""

COLUMNS = ("code", "enabled", "every_seconds", "daily_at", "weekday", "next_at", "counts", "error")


def never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Claim:
    """A work that is ours to run once, and until when nobody else will begin it."""

    work: PeriodicWork
    until: datetime


def ensure_entries(*, now: datetime) -> int:
    """This function will insert an entry for each registered work that has none; what people changed stays.

    A work that is new here is due at once, whatever its hour: what was loaded by hand does not wait for the night. An entry
    whose work is gone is left alone and ignored: an older release may still need it.
    """
    rows = []
    for work in periodic_work:
        cadence = _registered_cadence(work)
        rows.append([work.code, True, cadence.every_seconds, cadence.daily_at, cadence.weekday, now, {}, ""])
    return len(insert_rows(ClockEntry, COLUMNS, rows, conflict=["code"], returning=["code"]))


def claim_due(*, now: datetime) -> list[PeriodicWork]:
    """This function will claim every work that is due at `now`, in the works' order; each has one winner."""
    return [claim.work for claim in _claims(now)]


def run_due(
    *, now: datetime, stopped: Callable[[], bool] = never, beside: bool | None = None
) -> dict[str, Mapping[str, int]]:
    """This function will run every work that is due at `now` and return each one's counts.

    With `beside` only those that may take hours, or only the others: a clock that goes on runs the two apart.

    1. Claim the first due work: one UPDATE guarded by the instant at which it was due. Runs that were missed become one.
    2. Run it, keep its counts or its error on its entry. One that fails (its counts are `FAILED`) stops no other.
    3. Go on with the next, until all are done or `stopped` says so; what was not claimed stays due.
    """
    done: dict[str, Mapping[str, int]] = {}
    begun = stopwatch.monotonic()
    for claim in _claims(now, beside):
        moment = now + timedelta(seconds=stopwatch.monotonic() - begun)
        done[claim.work.code] = run_work(code=claim.work.code, now=moment, stopped=stopped)
        if stopped():
            break
    return done


def ring_due(*, now: datetime) -> list[str]:
    """This function will claim every work that is due at `now`, ring for its task, and return the tasks' names.

    A ring that nobody heard until the work is due again is dropped: with slow workers rings do not pile up.
    """
    names = []
    for claim in _claims(now):
        ring(claim.work.code, expires_seconds=(claim.until - now).total_seconds())
        names.append(claim.work.code)
    return names


def run_work(*, code: str, now: datetime, stopped: Callable[[], bool] = never) -> Mapping[str, int]:
    """This function will run a registered work, claimed or rung for, and keep what became of it on its entry."""
    work = periodic_work.get(code)
    if work is None:
        logger.warning("clock.unknown_work work=%s: this release does not have it", code)
        return {}
    begun = stopwatch.monotonic()
    error = ""
    try:
        counts = work.run(now=now) if work.beside is None else work.beside(now=now, stopped=stopped)
    except Exception as failure:
        counts, error = FAILED, told(failure)
        logger.error("clock.work_failed work=%s error=%s\n%s", code, error, _frames(failure))
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
    if any(counts.values()) and not error:
        logger.info("clock.work_done work=%s %s", code, " ".join(f"{name}={count}" for name, count in counts.items()))
    _finish(code, now=now, finished_at=now + timedelta(seconds=stopwatch.monotonic() - begun), counts=counts, error=error)
    return counts


def last_tick_at(*, now: datetime) -> datetime | None:
    """This function will say when the clock last gave a sign of life, by beginning or ending a work; None: never.

    Signs from after `now` are those of somebody who tried another time on (`tick --now`): they say nothing about the clock.
    """
    past = now + SILENCE
    last = ClockEntry.objects.aggregate(
        started=Max("started_at", filter=Q(started_at__lte=past)),
        finished=Max("finished_at", filter=Q(finished_at__lte=past)),
    )
    return max((instant for instant in last.values() if instant is not None), default=None)


def clock_is_ticking(*, now: datetime) -> bool:
    """This function will say whether somebody runs what is due: `tick --loop`, or beat with a worker."""
    last = last_tick_at(now=now)
    return last is not None and now - last <= SILENCE


def beat_heart(*, now: datetime) -> Mapping[str, int]:
    """This function will do nothing: that it was done, and when, stands on its entry and proves that work gets done."""
    return {}


def _claims(now: datetime, beside: bool | None = None) -> Iterator[Claim]:
    """Lazily: a claim is made when the one before it has been worked off, so a process that dies leaves the others due."""
    entries = _entries()
    works = sorted(periodic_work, key=lambda work: (work.order, work.code))
    if any(work.code not in entries for work in works):
        ensure_entries(now=now)
        entries = _entries()
    zone = shop_zone()
    for work in works:
        if beside is not None and beside != (work.beside is not None):
            continue
        entry = entries[work.code]
        if not entry.enabled:
            continue
        regular = _cadence(entry).next_after(now, zone)
        if entry.next_at > regular:
            _bring_forward(entry, regular)
        elif entry.next_at <= now and (until := _claim(entry, now, regular)) is not None:
            yield Claim(work, until)


def _entries() -> dict[str, ClockEntry]:
    return {entry.code: entry for entry in ClockEntry.objects.all()}


def _claim(entry: ClockEntry, now: datetime, regular: datetime) -> datetime | None:
    """Advanced before it is run: a work that kills its process is not run again at once by the next one."""
    until = min(regular, now + RETRY_AFTER)
    unchanged = ClockEntry.objects.filter(pk=entry.pk, enabled=True, next_at=entry.next_at)
    return until if unchanged.update(next_at=until, started_at=now) == 1 else None


def _bring_forward(entry: ClockEntry, regular: datetime) -> None:
    """Later than its cadence allows: somebody shortened the cadence, or ran the clock at a time to come."""
    ClockEntry.objects.filter(pk=entry.pk, next_at=entry.next_at).update(next_at=regular)


def _finish(code: str, *, now: datetime, finished_at: datetime, counts: Mapping[str, int], error: str) -> None:
    """A success moves the entry on from its retry to its regular hour; never back, for another run may have claimed it."""
    entry = ClockEntry.objects.filter(code=code).first()
    if entry is None:
        return
    kept = ClockEntry.objects.filter(pk=entry.pk)
    kept.update(finished_at=finished_at, counts=dict(counts), error=error)
    if not error:
        regular = _cadence(entry).next_after(now, shop_zone())
        kept.filter(next_at__lt=regular).update(next_at=regular)


def _cadence(entry: ClockEntry) -> Cadence:
    return Cadence(entry.every_seconds, entry.daily_at, entry.weekday)


def _registered_cadence(work: PeriodicWork) -> Cadence:
    daily_at = None if work.daily_at is None else time.fromisoformat(work.daily_at)
    return Cadence(work.every_seconds, daily_at, work.weekday)


def _frames(failure: Exception) -> str:
    return "".join(traceback.format_tb(failure.__traceback__))
