"""Segments as of a refresh: which of them are asked, of whom, and what becomes of one whose rule fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from core.errors import told
from core.sql import insert_rows, update_rows
from retention.models import DueMember, RefreshRun, Segment, SegmentSize
from retention.scored import Scored, scored
from retention.services.inforce import InForce
from retention.services.masks import Place, answer_tables, find_changes, mend, write_changes
from retention.services.stages import Stages
from rules.errors import RuleErrors

Conditions = dict[Place, Q]

logger = logging.getLogger(__name__)


def evaluate_segments(*, run: RefreshRun, given: InForce, everybody: bool, stages: Stages) -> None:
    """This function will ask every rule of everybody, or of the members in DueMember, and write what changed.

    A segment whose rule fails keeps its members, its error and its date; the others go on. Until a later pass over everybody
    succeeds it is not asked of single members either: its members would then be of two dates.
    """
    asked = {segment.pk: segment for segment in given.segments.values() if everybody or _is_fresh(segment)}
    conditions, failures = compiled(asked, given, day=run.day)
    people = None if everybody else DueMember.objects.values("member_id")
    rows = scored(as_of_day=run.day, parameters=given.parameters, scope=people)
    broken = _answer(run, rows, conditions, asked, stages)
    _record_failures({**failures, **broken}, asked)
    stages.count(segments=len(conditions) - len(broken), segments_failed=len(failures) + len(broken))


def mend_segments(given: InForce) -> None:
    """This function will put right what `verify` would name, before a full pass compares: masks are then as members say."""
    places = [Place(segment.pk, segment.word, segment.bit) for segment in given.segments.values()]
    if places:
        members = mend(places)
        for segment in given.segments.values():
            if segment.as_of is not None:
                segment.member_count = members.get(segment.pk, 0)


def _is_fresh(segment: Segment) -> bool:
    return segment.as_of is not None and not segment.error


def compiled(asked: Mapping[int, Segment], given: InForce, *, day: int) -> tuple[Conditions, dict[int, str]]:
    """This function will compile the rules of segments by id, and say why not for those that cannot be."""
    rulebook = given.rulebook
    conditions: Conditions = {}
    failures: dict[int, str] = {}
    for segment in asked.values():
        try:
            condition = rulebook.condition_of(segment.slug, day=day)
        except RuleErrors as errors:
            failures[segment.pk] = str(errors)
        else:
            conditions[Place(segment.pk, segment.word, segment.bit)] = condition
    return conditions, failures


def _answer(
    run: RefreshRun, rows: QuerySet[Scored], conditions: Conditions, asked: Mapping[int, Segment], stages: Stages
) -> dict[int, str]:
    """One scan for all. Only when the database cannot answer it does each rule get a scan of its own: those that fail are
    found, the others go on. Returns their errors."""

    def answer(some: Conditions) -> str | None:
        return _error_of(lambda: _scan_and_write(run, rows, some, asked, stages))

    if not conditions or answer(conditions) is None:
        return {}
    errors = {place.segment_id: answer({place: condition}) for place, condition in conditions.items()}
    return {segment_id: error for segment_id, error in errors.items() if error is not None}


def _scan_and_write(
    run: RefreshRun, rows: QuerySet[Scored], conditions: Conditions, asked: Mapping[int, Segment], stages: Stages
) -> None:
    with answer_tables():
        with stages.timed("scan"):
            find_changes(rows, conditions)
        with stages.timed("memberships"):
            _write(run, {place: asked[place.segment_id] for place in conditions}, stages)


def _error_of(work: Callable[[], object]) -> str | None:
    try:
        with transaction.atomic():
            work()
    except DatabaseError as error:
        return told(error)
    return None


def _write(run: RefreshRun, asked: Mapping[Place, Segment], stages: Stages) -> None:
    """Steps: masks, memberships, transitions; each segment's count, date and version; its size on this day."""
    new = {segment.pk for segment in asked.values() if segment.as_of is None}
    changed = write_changes(list(asked), silent=new, at=run.as_of, run_id=run.pk)
    sizes = {
        segment.pk: (segment.member_count or 0) + entered - left
        for segment in asked.values()
        for entered, left in [changed.get(segment.pk, (0, 0))]
    }
    update_rows(
        Segment,
        "id",
        ["member_count", "evaluated_version", "as_of", "error"],
        [(segment.pk, sizes[segment.pk], segment.version_id, run.as_of, "") for segment in asked.values()],
    )
    insert_rows(
        SegmentSize,
        ["segment", "day", "members"],
        [(segment_id, run.day, members) for segment_id, members in sizes.items()],
        conflict=["segment", "day"],
        update=["members"],
    )
    stages.count(entered=sum(entered for entered, _left in changed.values()), left=sum(left for _, left in changed.values()))


def _record_failures(failures: Mapping[int, str], asked: Mapping[int, Segment]) -> None:
    for segment_id, error in failures.items():
        logger.error("segment.failed slug=%s error=%s", asked[segment_id].slug, error)
    update_rows(Segment, "id", ["error"], list(failures.items()))
