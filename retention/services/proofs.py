"""The nightly proof: members drawn at random are counted from the beginning and compared with what is stored.

It costs what the sample costs, however many members there are. What it finds is told on the first page, and everything is
counted again at once: a stored number that is wrong without anybody knowing why may be wrong elsewhere too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from random import Random
from time import perf_counter
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min

from core.locks import LockSpace, lock_for_transaction
from core.scratch import execute, know_size
from core.sql import insert_rows
from members.models import DirtyMark, Member
from retention.models import DueMember, MemberFacts, MemberMask, Membership, RefreshState, SampleProof
from retention.selectors.freshness import upkeep
from retention.services.evaluate import Conditions, Standing, answers_of, compiled, place_of, rows_of
from retention.services.facts import COLUMNS, differing_facts
from retention.services.inforce import InForce, in_force
from retention.services.masks import answer_tables, expand, find_changes
from retention.services.refresh import refresh, refresh_due
from retention.services.scratch import due_members, single_reads

logger = logging.getLogger(__name__)

MOST_FINDINGS = 50
MOST_NAMES = 10
DUE = DueMember._meta.db_table

Finding = dict[str, Any]


def prove_sample(*, now: datetime) -> dict[str, int]:
    """This function will prove stored facts and segments on the night's sample, and put right what it finds wrong.

    1. What is marked is applied; who is marked since is left out.
    2. Each sampled member's facts, masks and memberships are compared with a fresh count and a fresh scan.
    3. Where anything differs it is kept, everything is counted again, and the same sample is proved once more.
    """
    size = upkeep().proved_members
    if not size:
        return {}
    refresh_due(now=now)
    began = perf_counter()
    proof = _proved(size, now)
    if proof is None:
        return {}
    proof.seconds = round(perf_counter() - began, 4)
    proof.save()
    if proof.findings:
        logger.error("proof.differs findings=%s", len(proof.findings))
        refresh(as_of=proof.as_of, full=True, now=now)
        again = _proved(size, now)
        if again is not None and not again.findings:
            SampleProof.objects.filter(pk=proof.pk).update(repaired_at=now)
    return {"proved": proof.members, "differing": len(proof.findings)}


def _proved(size: int, now: datetime) -> SampleProof | None:
    """One look at the sample, while nobody refreshes; None before the first refresh."""
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        state = RefreshState.objects.first()
        if state is None or state.as_of is None or state.day is None:
            return None
        with due_members(), single_reads():
            _draw(size, seed=state.day)
            findings = [*_differing_facts(state.as_of), *_differing_segments(state)]
            members = DueMember.objects.count()
    return SampleProof(proved_at=now, as_of=state.as_of, members=members, findings=findings[:MOST_FINDINGS])


def _draw(size: int, *, seed: int) -> None:
    """Member ids by chance, the same for the same day: what was found can be looked at again. Numbers that nobody has drop
    out, and so does who is marked.
    """
    ends = Member.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is not None:
        everybody = range(ends["first"], ends["last"] + 1)
        drawn: Sequence[int] = everybody if len(everybody) <= size else Random(seed).sample(everybody, size)
        insert_rows(DueMember, ["member_id"], [(member_id,) for member_id in drawn])
    members, marks = Member._meta.db_table, DirtyMark._meta.db_table
    execute(f"DELETE FROM {DUE} WHERE NOT EXISTS (SELECT 1 FROM {members} AS m WHERE m.id = {DUE}.member_id)")
    execute(f"DELETE FROM {DUE} WHERE member_id IN (SELECT member_id FROM {marks})")
    know_size(DUE)


def _differing_facts(as_of: datetime) -> list[Finding]:
    fresh = {row[0]: row[1 : len(COLUMNS) + 1] for row in differing_facts(as_of=as_of, due_only=True)[:MOST_FINDINGS]}
    stored = {row[0]: row[1:] for row in MemberFacts.objects.filter(pk__in=fresh).values_list("member_id", *COLUMNS)}
    names = _names(fresh)
    return [
        {"kind": "facts", "member": names[member_id], "columns": _columns(stored.get(member_id), counted)}
        for member_id, counted in sorted(fresh.items())
    ]


def _columns(stored: Sequence[Any] | None, counted: Sequence[Any]) -> list[list[Any]]:
    old = stored or [None] * len(counted)
    return [[name, was, now] for name, was, now in zip(COLUMNS, old, counted, strict=True) if was != now]


def _differing_segments(state: RefreshState) -> list[Finding]:
    """Segments whose answers differ from a fresh scan, and those whose members are not what the masks say."""
    given = in_force()
    wrong: dict[int, set[int]] = {}
    for segment_id, member_id in [*_by_a_fresh_scan(given, state), *_by_the_masks(given)]:
        wrong.setdefault(segment_id, set()).add(member_id)
    segments = {segment.pk: segment for segment in given.segments.values()}
    return [
        {
            "kind": "segment",
            "segment": segments[segment_id].slug,
            "name": segments[segment_id].name,
            "count": len(members),
            "members": sorted(_names(sorted(members)[:MOST_NAMES]).values()),
        }
        for segment_id, members in sorted(wrong.items())
        if segment_id in segments
    ]


def _by_a_fresh_scan(given: InForce, state: RefreshState) -> list[tuple[int, int]]:
    assert state.day is not None
    sample = DueMember.objects.values("member_id")
    sound = Standing.of(given, given.meanings()).sound
    conditions, _failures = compiled(sound, given, day=state.day, as_of=state.as_of, scope=sample)
    day = state.day

    def differing(some: Conditions) -> list[tuple[int, int]]:
        rows = rows_of(some, given, day=day, as_of=state.as_of, scope=sample)
        with answer_tables(), connection.cursor() as cursor:
            find_changes(rows, some)
            expand([*some])
            cursor.execute("SELECT segment_id, member_id FROM membership_change")
            return list(cursor.fetchall())

    return answers_of(conditions, differing) if conditions else []


def _by_the_masks(given: InForce) -> list[tuple[int, int]]:
    sample = DueMember.objects.values("member_id")
    places = [place_of(segment) for segment in given.segments.values()]
    masks = MemberMask.objects.filter(member_id__in=sample).exclude(mask=0).values_list("member_id", "word", "mask")
    told = {
        (place.segment_id, member_id)
        for member_id, word, mask in masks
        for place in places
        if place.word == word and mask & place.flag
    }
    inside = set(Membership.objects.filter(member_id__in=sample).values_list("segment_id", "member_id"))
    return sorted(told ^ inside)


def _names(member_ids: Any) -> dict[int, str]:
    return dict(Member.objects.filter(pk__in=list(member_ids)).values_list("pk", "external_id"))
