"""What `verify` proves of this app: the stored facts are what orders add up to, the stored segments what rules answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import connection, transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from core.locks import LockSpace, lock_for_transaction
from core.scratch import execute
from members.models import DirtyMark, Member
from retention.models import MemberFacts, Membership, RefreshState, Segment
from retention.services.evaluate import Conditions, Standing, answers_of, compiled, rows_of
from retention.services.facts import COLUMNS, differing_facts
from retention.services.inforce import in_force
from retention.services.masks import MASKS, MEMBERSHIPS, Place, answer_tables, find_changes
from retention.services.refresh import refresh
from retention.services.tiers import differing_members

MOST_ROWS = 101
"""Differing members that are compared column by column: as many as anybody reads."""


def facts_are_exact() -> Iterator[str]:
    """This function will yield a sentence for each member whose stored facts differ from a full count."""
    yield from _settled(_differing_members)


def segments_are_exact() -> Iterator[str]:
    """This function will yield a sentence for each segment whose masks, members or count differ from a fresh scan."""
    yield from _settled(lambda state: [*_differing_masks(state), *_differing_memberships()])


def tiers_are_exact() -> Iterator[str]:
    """This function will yield a sentence for each member whose tier is not what the scheme says for a full count."""
    yield from _settled(_differing_tiers)


def _settled(proof: Callable[[RefreshState], list[str]]) -> list[str]:
    """What is marked is applied first; members marked since, by an ingest beside us, are left out of the proof."""
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        state = RefreshState.objects.first()
        if state is None or state.as_of is None:
            return []
        refresh(as_of=state.as_of)
        return proof(state)


def _differing_members(state: RefreshState) -> list[str]:
    assert state.as_of is not None
    fresh = {row[0]: row[1:] for row in differing_facts(as_of=state.as_of)[:MOST_ROWS]}
    marked = set(DirtyMark.objects.filter(member_id__in=fresh).values_list("member_id", flat=True))
    names = dict(Member.objects.filter(pk__in=fresh).values_list("pk", "external_id"))
    stored = {row[0]: row[1:] for row in MemberFacts.objects.filter(pk__in=fresh).values_list("member_id", *COLUMNS)}
    return [
        _("Member %(member)s: %(differences)s") % {"member": names[key], "differences": _compared(counted, stored.get(key))}
        for key, counted in sorted(fresh.items())
        if key not in marked
    ]


def _compared(counted: tuple[object, ...], stored: tuple[object, ...] | None) -> str:
    if stored is None:
        return _("no facts are stored")
    return ", ".join(
        _("%(column)s is %(stored)s, counted %(counted)s") % {"column": column, "stored": old, "counted": new}
        for column, old, new in zip(COLUMNS, stored, counted, strict=False)
        if old != new
    )


def _differing_masks(state: RefreshState) -> list[str]:
    assert state.day is not None
    given = in_force()
    sound = Standing.of(given, given.meanings()).sound
    conditions, _failures = compiled(sound, given, day=state.day, as_of=state.as_of)
    day = state.day

    def differing(some: Conditions) -> list[str]:
        rows = rows_of(some, given, day=day, as_of=state.as_of)
        with answer_tables():
            find_changes(rows, some)
            execute(f"DELETE FROM mask_change WHERE member_id IN (SELECT member_id FROM {DirtyMark._meta.db_table})")
            return [
                _("Segment %(segment)s: %(count)s members differ from a fresh scan")
                % {"segment": sound[place.segment_id].slug, "count": count}
                for place in some
                if (count := _count(f"mask_change WHERE word = {place.word} AND {_differs(place)}"))
            ]

    return answers_of(conditions, differing) if conditions else []


def _differing_tiers(state: RefreshState) -> list[str]:
    assert state.as_of is not None
    found = differing_members(as_of=state.as_of)
    marked = set(DirtyMark.objects.filter(member_id__in=found).values_list("member_id", flat=True))
    names = dict(Member.objects.filter(pk__in=found).values_list("pk", "external_id"))
    return [
        _("Member %(member)s: the stored tier is not what a full count gives") % {"member": names[key]}
        for key in found
        if key not in marked
    ]


def _differs(place: Place) -> str:
    return f"(old_mask & {place.flag}) <> (new_mask & {place.flag})"


def _differing_memberships() -> list[str]:
    members = dict(Membership.objects.values_list("segment_id").annotate(Count("id")))
    problems = []
    for segment in Segment.objects.order_by("slug"):
        flag = 1 << segment.bit
        without_bit = _count(
            f"{MEMBERSHIPS} AS inside LEFT JOIN {MASKS} AS stored"
            f" ON stored.member_id = inside.member_id AND stored.word = {segment.word}"
            f" WHERE inside.segment_id = {segment.pk} AND (COALESCE(stored.mask, 0) & {flag}) = 0"
        )
        bits = _count(f"{MASKS} WHERE word = {segment.word} AND (mask & {flag}) <> 0")
        stored = members.get(segment.pk, 0)
        if without_bit or bits != stored or (segment.member_count or 0) != stored:
            problems.append(
                _("Segment %(segment)s: %(stored)s members, %(bits)s in the masks, %(count)s counted")
                % {"segment": segment.slug, "stored": stored, "bits": bits, "count": segment.member_count}
            )
    return problems


def _count(source: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {source}")
        return int(cursor.fetchone()[0])
