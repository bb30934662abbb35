"""Segments as of a refresh: which of them are asked, of whom, and what becomes of one whose rule fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any, TypeVar

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from core.sql import insert_rows, update_rows
from retention.fields import CHURN_REASON
from retention.models import DueMember, RefreshRun, Segment, SegmentSize
from retention.models.failures import Failure, failure_of
from retention.scored import Scope, Scored
from retention.selectors.reasons import rows_asked, told_by
from retention.services.inforce import InForce, in_force
from retention.services.masks import Changes, Place, answer_tables, find_changes, mend, write_changes
from retention.services.stages import Stages
from rules.errors import RuleErrors

Conditions = dict[Place, Q]
Segments = Mapping[int, Segment]
Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """Segments by what their members can be relied on for: each stands in one of the three.

    `sound`: its members are by what its rule means now, and follow every change. `pending`: it was not filled by what it
    means now. `failed`: it was tried, and could not be; it is tried again when the day, a fit or a band turns, or its rule.
    """

    sound: Segments
    pending: Segments
    failed: Segments

    @classmethod
    def of(cls, given: InForce, meanings: Mapping[int, str]) -> Standing:
        """This function will sort the segments in force."""
        sound, pending, failed = {}, {}, {}
        for segment in given.segments.values():
            if segment.rule_key != meanings[segment.pk] or (segment.as_of is None and segment.failure is None):
                pending[segment.pk] = segment
            elif segment.failure is not None:
                failed[segment.pk] = segment
            else:
                sound[segment.pk] = segment
        return cls(sound, pending, failed)


def segments_pending() -> Segments:
    """This function will give the segments whose members are by what their rule, or one inside it, meant before."""
    given = in_force()
    return Standing.of(given, given.meanings()).pending


@dataclass(frozen=True, slots=True)
class Asking:
    """What one question to all segments concerned has in common."""

    run: RefreshRun
    given: InForce
    meanings: Mapping[int, str]
    stages: Stages


def ask_due(asked: Segments, asking: Asking) -> None:
    """This function will ask rules of the members in DueMember and write what changed."""
    _ask(asked, asking, scope=DueMember.objects.values("member_id"))


def ask_everybody(asked: Segments, asking: Asking) -> None:
    """This function will ask rules of everybody and write what changed."""
    _ask(asked, asking, scope=None)


def _ask(asked: Segments, asking: Asking, *, scope: Scope) -> None:
    """A segment whose rule fails keeps its members, its failure and its date; the others go on. It is not asked of single
    members until everybody was asked again: its members would then be of two dates.
    """
    if not asked:
        return
    given, run = asking.given, asking.run
    conditions, failures = compiled(asked, given, day=run.day, as_of=run.as_of, scope=scope)
    broken = _answer(conditions, asked, asking, scope)
    record_failures({**failures, **broken}, asked, asking.meanings)
    asking.stages.count(segments=len(conditions) - len(broken), segments_failed=len(failures) + len(broken))


def mend_segments(given: InForce) -> None:
    """This function will put right what `verify` would name, before a full pass compares: masks are then as members say."""
    places = [place_of(segment) for segment in given.segments.values()]
    if places:
        members = mend(places)
        for segment in given.segments.values():
            if segment.as_of is not None:
                segment.member_count = members.get(segment.pk, 0)


def place_of(segment: Segment) -> Place:
    return Place(segment.pk, segment.word, segment.bit)


def compiled(
    asked: Segments, given: InForce, *, day: int, as_of: datetime | None = None, scope: Scope = None
) -> tuple[Conditions, dict[int, Failure]]:
    """This function will compile the rules of segments by id, and say why not for those that cannot be.

    `scope` is that of the rows which will be asked: nobody else's orders and events are then read.
    """
    rulebook = given.rulebook
    conditions: Conditions = {}
    failures: dict[int, Failure] = {}
    for segment in asked.values():
        try:
            condition = rulebook.condition_of(segment.slug, day=day, as_of=as_of, scope=scope)
            if rulebook.reads(segment.slug, CHURN_REASON):
                told_by(rulebook, day=day, as_of=as_of, scope=scope)  # a reason of which a rule is broken is none
        except RuleErrors as errors:
            failures[segment.pk] = failure_of(errors)
        else:
            conditions[place_of(segment)] = condition
    return conditions, failures


def rows_of(
    conditions: Iterable[Place], given: InForce, *, day: int, as_of: datetime | None = None, scope: Scope = None
) -> QuerySet[Scored]:
    """This function will select the members of `scope` with what compiled conditions read; reasons only where one does."""
    slugs = {segment.pk: segment.slug for segment in given.segments.values()}
    reads = any(given.rulebook.reads(slugs[place.segment_id], CHURN_REASON) for place in conditions)
    about: dict[str, Any] = {"day": day, "as_of": as_of, "scope": scope}
    return rows_asked(rulebook=given.rulebook, parameters=given.parameters, with_reason=reads, **about)


def answers_of(conditions: Conditions, answers: Callable[[Conditions], list[Answer]]) -> list[Answer]:
    """This function will read the answers of one scan for all; where the database cannot (SQLite joins at most 64 tables,
    and each look at behaviour is one), of a scan for each.
    """
    try:
        with transaction.atomic():
            return answers(conditions)
    except DatabaseError:
        if len(conditions) < 2:
            raise
    return [found for place, condition in conditions.items() for found in answers_of({place: condition}, answers)]


def _answer(conditions: Conditions, asked: Segments, asking: Asking, scope: Scope) -> dict[int, Failure]:
    """One scan for all that did not fail before. Only when the database cannot answer it does each rule get a scan of its
    own: those that fail are found, the others go on. Returns what went wrong."""

    def answer(some: Conditions) -> Failure | None:
        run = asking.run
        rows = rows_of(some, asking.given, day=run.day, as_of=run.as_of, scope=scope)
        return _failure_in(lambda: _scan_and_write(rows, some, asked, asking))

    hopeful = {place: each for place, each in conditions.items() if asked[place.segment_id].failure is None}
    alone = {place: each for place, each in conditions.items() if place not in hopeful}
    if hopeful and answer(hopeful) is not None:
        alone = conditions
    failures = {place.segment_id: answer({place: condition}) for place, condition in alone.items()}
    return {segment_id: failure for segment_id, failure in failures.items() if failure is not None}


def _scan_and_write(rows: QuerySet[Scored], conditions: Conditions, asked: Segments, asking: Asking) -> None:
    began = perf_counter()
    with answer_tables():
        with asking.stages.timed("scan"):
            find_changes(rows, conditions)
        with asking.stages.timed("memberships"):
            filled = {place: asked[place.segment_id] for place in conditions}
            write_answers(filled, asking, began=began)


def _failure_in(work: Callable[[], object]) -> Failure | None:
    try:
        with transaction.atomic():
            work()
    except DatabaseError as error:
        return failure_of(error)
    return None


def write_answers(asked: Mapping[Place, Segment], asking: Asking, *, began: float) -> None:
    """This function will write what stands in the table of changes.

    Steps: masks, memberships, transitions; each segment's count, date and version; its size on this day. `began` is when, on
    the perf_counter, the work on these segments began.
    """
    run = asking.run
    new = {segment.pk for segment in asked.values() if segment.as_of is None}
    changed = write_changes(list(asked), silent=new, at=run.as_of, run_id=run.pk)
    seconds = round(perf_counter() - began, 4)
    rows = [_freshness(segment, changed.get(segment.pk, (0, 0)), asking, seconds) for segment in asked.values()]
    update_rows(Segment, "id", FRESHNESS, rows)
    sizes = [(row[0], run.day, row[1]) for row in rows]
    insert_rows(SegmentSize, ["segment", "day", "members"], sizes, conflict=["segment", "day"], update=["members"])
    asking.stages.count(
        entered=sum(entered for entered, _left in changed.values()), left=sum(left for _entered, left in changed.values())
    )


FRESHNESS = (
    "member_count", "evaluated_version", "rule_key", "as_of", "failure", "seconds", "changed_at", "entered", "left",
)  # fmt: skip


def _freshness(segment: Segment, changes: Changes, asking: Asking, seconds: float) -> tuple[object, ...]:
    """A segment's row of FRESHNESS, its id first. What changed stays until something changes again."""
    entered, left = changes
    told = (asking.run.as_of, entered, left) if entered or left else (segment.changed_at, segment.entered, segment.left)
    count = (segment.member_count or 0) + entered - left
    meaning = asking.meanings[segment.pk]
    return (segment.pk, count, segment.version_id, meaning, asking.run.as_of, None, seconds, *told)


def record_failures(failures: Mapping[int, Failure], asked: Segments, meanings: Mapping[int, str]) -> None:
    """This function will keep why segments could not be counted, by what they were meant to be."""
    for segment_id, failure in failures.items():
        logger.error("segment.failed slug=%s failure=%s", asked[segment_id].slug, failure)
    rows = [(segment_id, failure, meanings[segment_id]) for segment_id, failure in failures.items()]
    update_rows(Segment, "id", ["failure", "rule_key"], rows)
