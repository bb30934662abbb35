"""Working builds off: chunk after chunk, then the swap. See services/builds.py for what makes the result exact."""

from __future__ import annotations

import logging
import time as stopwatch
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

from django.db import OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet

from core.errors import told
from core.locks import LockSpace, lock_for_transaction
from core.scratch import execute, know_size
from retention.models import BuildAnswer, BuildTouched, MemberFacts, RefreshRun, RefreshState, Segment, SegmentBuild
from retention.models.failures import Failure, failure, failure_of
from retention.services.builds import any_open, builds_open, cancel, hold, still_wanted
from retention.services.evaluate import Asking, compiled, record_failures, rows_of, write_answers
from retention.services.inforce import InForce, in_force
from retention.services.masks import Place, answer_tables, expand, find_changes, take_answers
from retention.services.stages import Stages

logger = logging.getLogger(__name__)

State = SegmentBuild.State
Builds = Sequence[SegmentBuild]

SMALLEST_CHUNK = 1_000
LEASE = timedelta(seconds=90)
"""After how long without a sign of life a worker counts as dead. Every chunk is one."""
LONGEST_CHUNK_SECONDS = 60
"""After which PostgreSQL gives a chunk up: well before the lease ends, so that nobody works for nothing."""
SLOW_CHUNK_SECONDS = 10
MOST_ATTEMPTS = 3
"""At one chunk: then the build has failed, and the segment says so."""
POLL_SECONDS = 0.2
ANSWERS = BuildAnswer._meta.db_table


class _Taken(Exception):
    """A build was cancelled or went to another worker: what was done for it is rolled back."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of builds, and the last run that a swap wrote."""

    counts: Mapping[str, int]
    run_id: int | None


def finish_builds(*, now: datetime, seconds: float | None = None, wait: bool = False) -> Finished:
    """This function will work on the open builds until none is left, and count what became of them.

    With `seconds` it stops at the first chunk after them; the next call goes on. With `wait` it also waits for those that
    another worker has, and takes them over when that one shows no sign of life.
    """
    worker = _Worker(now)
    while seconds is None or worker.elapsed() < seconds:
        builds = worker.claim()
        for _start, together in groupby(builds, key=_start_of):
            worker.step([*together])
        if not builds:
            if not (wait and any_open()):
                break
            stopwatch.sleep(POLL_SECONDS)
    else:
        worker.let_go()
    return Finished(worker.counts, worker.run_id)


def _start_of(build: SegmentBuild) -> tuple[int, int, int, int, str]:
    """Builds with the same are asked in one scan."""
    return build.position, build.until, build.chunk, build.day, build.measures


class _Worker:
    """One call's hold on builds: a token, a clock that goes on from `now`, what became of them."""

    def __init__(self, now: datetime) -> None:
        self.token: UUID = uuid4()
        self.counts: dict[str, int] = {}
        self.run_id: int | None = None
        self._aside: set[int] = set()
        self._now = now
        self._began = stopwatch.monotonic()

    def elapsed(self) -> float:
        return stopwatch.monotonic() - self._began

    def now(self) -> datetime:
        return self._now + timedelta(seconds=self.elapsed())

    def claim(self) -> Builds:
        """This function will take what is free, or was left by a worker that died, and return all that this one has.

        A lease that ends much later than one can, seen from now, was given by somebody who tried another time on.
        """
        now = self.now()
        free = Q(lease=None) | Q(lease_until__lte=now) | Q(lease_until__gt=now + 10 * LEASE)
        for seen in builds_open().filter(free).exclude(pk__in=self._aside).order_by("pk"):
            self._take(seen, now)
        return list(self._mine().order_by("position", "until", "chunk", "day", "measures", "pk"))

    def _take(self, seen: SegmentBuild, now: datetime) -> None:
        unchanged = builds_open().filter(pk=seen.pk, lease=seen.lease, lease_until=seen.lease_until)
        died = seen.lease is not None
        if died and seen.attempts + 1 >= MOST_ATTEMPTS:
            with transaction.atomic():
                if unchanged.update(lease=self.token) == 1:
                    self._fail(seen, failure("died", times=seen.attempts + 1))
            return
        unchanged.update(
            state=State.RUNNING,
            lease=self.token,
            lease_until=now + LEASE,
            heartbeat_at=now,
            attempts=F("attempts") + int(died),
        )

    def _mine(self) -> QuerySet[SegmentBuild]:
        return builds_open().filter(lease=self.token)

    def let_go(self) -> None:
        """This function will leave what is unfinished to whoever comes next."""
        self._mine().update(state=State.WAITING, lease=None, lease_until=None)

    def step(self, builds: Builds) -> None:
        """This function will do the next chunk of builds that stand at one place, or their swap.

        What fails for several is tried for each by itself: one bad rule keeps no other waiting.
        """
        try:
            with transaction.atomic():
                if builds[0].position < builds[0].until:
                    self._scan(builds)
                else:
                    self._swap(builds)
        except _Taken:
            return  # the next claim shows what is left
        except Exception as error:
            if len(builds) > 1:
                for build in builds:
                    self.step([build])
            else:
                self._note_trouble(builds[0], error)

    def _look(self, builds: Builds) -> _View:
        """What is still wanted of these builds. The others end here, and the next refresh looks what to do instead."""
        given = in_force()
        meanings = given.meanings()
        segments = {segment.pk: segment for segment in given.segments.values()}
        day = RefreshState.objects.values_list("day", flat=True).get()
        wanted = [each for each in builds if still_wanted(each, segments, meanings, given.measures, day or 0)]
        if len(wanted) < len(builds):
            over = [each.pk for each in builds if each not in wanted]
            cancel(self._mine().filter(pk__in=over), now=self.now())
            RefreshState.objects.update(signature="")
            self._count(builds_cancelled=len(over))
        asked = {each.segment_id: segments[each.segment_id] for each in wanted}
        conditions, failures = compiled(asked, given, day=day or 0)
        for build in wanted:
            if build.segment_id in failures:
                self._fail(build, failures[build.segment_id])
        able = [each for each in wanted if each.segment_id not in failures]
        return _View(given, meanings, day or 0, able, conditions, asked)

    # a chunk

    def _scan(self, builds: Builds) -> None:
        """Steps: the answers of the next members that differ from where they stand; then the position, if still ours."""
        began = stopwatch.monotonic()
        view = self._look(builds)
        if not view.builds:
            return
        first = builds[0]
        end = _end_of_chunk(first)
        members = MemberFacts.objects.filter(pk__gt=first.position, pk__lte=end).values("pk")
        with _limited_time():
            view.find_answers(members)
            scanned = members.count()
        took = stopwatch.monotonic() - began
        now = self.now()
        self._update(
            view.builds,
            position=end,
            scanned=F("scanned") + scanned,
            seconds=F("seconds") + took,
            chunk=first.chunk if took < SLOW_CHUNK_SECONDS else max(first.chunk // 2, SMALLEST_CHUNK),
            attempts=0,
            heartbeat_at=now,
            lease_until=now + LEASE,
        )

    # the swap

    def _swap(self, builds: Builds) -> None:
        """Steps: nobody refreshes; what is still wanted; the touched members once more; what differs; the state, last."""
        began = stopwatch.perf_counter()
        lock_for_transaction(LockSpace.REFRESH)
        view = self._look(builds)
        if not view.builds:
            return
        as_of = RefreshState.objects.get().as_of
        assert as_of is not None  # builds are opened by refreshes
        run = RefreshRun.objects.create(kind=RefreshRun.Kind.BUILD, as_of=as_of, day=view.day, started_at=self.now())
        touched = BuildTouched.objects.values("member_id")
        if touched.exists():
            BuildAnswer.objects.filter(build__in=view.builds, member_id__in=touched).delete()
            view.find_answers(touched)
        stages = Stages()
        with answer_tables(), stages.timed("memberships"):
            know_size(ANSWERS)
            take_answers(ANSWERS, view.places)
            spent = max(build.seconds for build in view.builds)
            filled = {place: view.segments[place.segment_id] for place in view.conditions}
            write_answers(filled, Asking(run, view.given, view.meanings, stages), began=began - spent)
        self._end(view.builds, run, stages, stopwatch.perf_counter() - began)

    def _end(self, builds: Builds, run: RefreshRun, stages: Stages, took: float) -> None:
        now = self.now()
        done = {"state": State.DONE, "finished_at": now, "heartbeat_at": now, "seconds": F("seconds") + took}
        self._update(builds, **done, lease=None, lease_until=None)
        BuildAnswer.objects.filter(build__in=builds).delete()
        if not any_open():
            BuildTouched.objects.all().delete()
        stages.count(segments_filled=len(builds))
        run.seconds, run.stages = round(took, 4), {"counts": stages.counts, "seconds": stages.seconds}
        run.save(update_fields=["seconds", "stages"])
        RefreshState.objects.update(last_run_id=run.pk)
        self.run_id = run.pk
        self._count(**stages.counts)
        logger.info("build.done run=%s seconds=%s %s", run.pk, run.seconds, stages.counts)

    def _update(self, builds: Builds, **changes: Any) -> None:
        held = self._mine().filter(pk__in=[build.pk for build in builds])
        if len(hold(held)) != len(builds) or held.update(**changes) != len(builds):
            raise _Taken

    # what goes wrong

    def _note_trouble(self, build: SegmentBuild, error: Exception) -> None:
        """What may pass is tried again: a chunk at once and smaller, a swap by the next call. The rest the segment says."""
        logger.error("build.trouble build=%s error=%s", build.pk, told(error))
        may_pass = isinstance(error, OperationalError)
        swapping = build.position >= build.until
        with transaction.atomic():
            if may_pass and build.attempts + 1 < MOST_ATTEMPTS:
                smaller = max(build.chunk // 8, SMALLEST_CHUNK)
                self._mine().filter(pk=build.pk).update(attempts=F("attempts") + 1, chunk=smaller)
            elif may_pass and not swapping:
                self._fail(build, failure("too_slow", seconds=LONGEST_CHUNK_SECONDS, members=build.chunk))
            else:
                self._fail(build, failure_of(error))
        if swapping:
            self._aside.add(build.pk)
            self._mine().filter(pk=build.pk).update(lease=None, lease_until=None)

    def _fail(self, build: SegmentBuild, why: Failure) -> None:
        ended = self._mine().filter(pk=build.pk)
        if ended.update(state=State.FAILED, failure=why, finished_at=self.now(), lease=None, lease_until=None) == 1:
            BuildAnswer.objects.filter(build=build).delete()
            segments = {segment.pk: segment for segment in Segment.objects.filter(pk=build.segment_id)}
            record_failures(dict.fromkeys(segments, why), segments, {build.segment_id: build.rule_key})
            self._count(segments_failed=1)

    def _count(self, **counts: int) -> None:
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number


@dataclass(frozen=True, slots=True)
class _View:
    """Builds that stand at one place, with what their rules mean at this moment."""

    given: InForce
    meanings: Mapping[int, str]
    day: int
    builds: Builds
    conditions: Mapping[Place, Q]
    segments: Mapping[int, Segment]

    @property
    def places(self) -> dict[int, Place]:
        """The places of the segments, by build."""
        of_segment = {place.segment_id: place for place in self.conditions}
        return {build.pk: of_segment[build.segment_id] for build in self.builds}

    def find_answers(self, members: QuerySet[Any, Any]) -> None:
        """This function will ask these members and keep the answers that differ from where they stand."""
        with answer_tables():
            as_of = RefreshState.objects.values_list("as_of", flat=True).get()
            conditions, _failed = compiled(self.segments, self.given, day=self.day, as_of=as_of, scope=members)
            asked = {place: conditions[place] for place in self.conditions}
            find_changes(rows_of(asked, self.given, day=self.day, as_of=as_of, scope=members), asked)
            expand([*self.conditions])
            build_of = " ".join(f"WHEN {build.segment_id} THEN {build.pk}" for build in self.builds)
            execute(
                f"INSERT INTO {ANSWERS} (build_id, member_id, entered)"
                f" SELECT CASE segment_id {build_of} END, member_id, entered FROM membership_change"
            )


def _end_of_chunk(build: SegmentBuild) -> int:
    ahead = MemberFacts.objects.filter(pk__gt=build.position, pk__lte=build.until).order_by("pk")
    return next(iter(ahead.values_list("pk", flat=True)[build.chunk - 1 : build.chunk]), build.until)


@contextmanager
def _limited_time() -> Iterator[None]:
    """This function will have PostgreSQL give long statements of the block up; after an error the rollback ends it."""
    if connection.vendor != "postgresql":
        yield
        return
    execute(f"SET LOCAL statement_timeout = '{LONGEST_CHUNK_SECONDS}s'")
    yield
    execute("SET LOCAL statement_timeout TO DEFAULT")
