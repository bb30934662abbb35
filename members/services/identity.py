"""Making one member of two, and two of one again: everything in one transaction, through every app's handler."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import DomainError, NotFound
from core.locks import LockSpace, lock_for_transaction
from core.registry import Check, Moved, member_data
from core.sql import insert_json, insert_rows, rows_as_json
from members.models import DirtyMark, Member, MergeRecord, Purpose
from members.services.merging import prevailing, profile_gained

logger = logging.getLogger(__name__)

LATE = timedelta(days=2)
"""How long after a merge something may still arrive under the dropped member: what was under way when it was committed."""


class MergeRefused(DomainError):
    """The two cannot be made one, or not be parted; `code` says why."""


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would do: how many of what move, and which columns of the kept profile get a value from the dropped one.

    `refused` are the channels for which the kept member would no longer be written to, `granted` those that are new.
    """

    keep: Member
    drop: Member
    moves: Mapping[str, int]
    profile: Mapping[str, Any]
    refused: tuple[str, ...]
    granted: tuple[str, ...]


def preview_merge(*, keep: int, drop: int) -> MergePreview:
    """This function will tell what merging would do, changing nothing."""
    members = _found(keep, drop, Member.objects.in_bulk([keep, drop]))
    words = prevailing(keep=keep, drop=drop)
    return MergePreview(
        keep=members[keep],
        drop=members[drop],
        moves=_counts(keep, drop),
        profile=profile_gained(keep=keep, drop=drop),
        refused=tuple(word["channel"] for word in words if not word["granted"] and word["purpose"] == Purpose.MARKETING),
        granted=tuple(word["channel"] for word in words if word["granted"] and word["purpose"] == Purpose.MARKETING),
    )


def merge_members(*, keep: int, drop: int, now: datetime, by: str = "") -> MergeRecord:
    """This function will make the member `drop` part of the member `keep`, and record how to part them again.

    1. No refresh runs meanwhile: it writes by member ids, without foreign keys. Both members are locked, in the order of
       ids: who ingests for one of them has committed, or waits and then finds the other.
    2. Every handler moves what it keeps.
    3. The dropped profile is deleted; a foreign key refuses that as long as anything hangs on it.
    4. What was moved is recorded, and the kept member counted again by the next refresh.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        members = _locked(keep, drop)
        record = MergeRecord(
            member=members[keep],
            kept_id=keep,
            dropped_id=drop,
            dropped_external_id=members[drop].external_id,
            dropped=rows_as_json(Member.objects.filter(pk=drop))[0],
            counts=_counts(keep, drop),
            merged_at=now,
            merged_by=by,
        )
        record.moved = [_move(keep, drop, now)]
        _delete(drop)
        record.save(force_insert=True)
        _mark(keep)
    logger.info("member.merged merge__id=%s kept__id=%s dropped__id=%s by=%s", record.pk, keep, drop, by or "-")
    return record


def undo_merge(*, merge_id: int, now: datetime, by: str = "") -> MergeRecord:
    """This function will part two members again: each gets back what was its own and is still with the kept one.

    What came after the merge stays with the kept member, except what belongs to something that goes back. Refused while the
    kept member is merged into another one, and while a later merge into it stands: merges are undone backwards.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        record = _standing(merge_id)
        keep, drop = record.kept_id, record.dropped_id
        list(Member.objects.filter(pk=keep).select_for_update())
        _demand_separable(record)
        insert_json(Member, [record.dropped])
        if not Member.objects.filter(pk=drop, external_id=record.dropped_external_id).exists():
            raise MergeRefused(_("Another member has this id by now."), code="id_taken")
        for moved in reversed(record.moved):
            for handler in reversed([*member_data]):
                if handler.code in moved:
                    handler.undo(keep=keep, drop=drop, moved=moved[handler.code], merged_at=record.merged_at, now=now)
        record.undone_at, record.undone_by = now, by
        record.dropped, record.moved = {}, []
        record.save()
        _mark(keep, drop)
    logger.info("member.parted merge__id=%s kept__id=%s dropped__id=%s by=%s", record.pk, keep, drop, by or "-")
    return record


def settle_merges(*, now: datetime) -> Mapping[str, int]:
    """This function will move what was written under a dropped member by somebody who had looked before the merge."""
    recent = MergeRecord.objects.standing().filter(merged_at__gt=now - LATE)
    late = {dropped for dropped, _sentence in _left_behind(dict(recent.values_list("dropped_id", "member_id")))}
    for record_id in list(recent.filter(dropped_id__in=late).order_by("pk").values_list("pk", flat=True)):
        _settle(record_id, now)
    return {"settled": len(late)} if late else {}


def _settle(record_id: int, now: datetime) -> None:
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        record = MergeRecord.objects.select_for_update(of=("self",)).get(pk=record_id)
        if record.undone_at is not None:
            return
        list(Member.objects.filter(pk=record.member_id).select_for_update())
        record.moved = [*record.moved, _move(record.member_id, record.dropped_id, now)]
        record.save(update_fields=["moved"])
        _mark(record.member_id)


# --- Steps


def _move(keep: int, drop: int, now: datetime) -> dict[str, Moved]:
    return {handler.code: handler.merge(keep=keep, drop=drop, now=now) for handler in member_data}


def _counts(keep: int, drop: int) -> dict[str, int]:
    found = [handler.preview(keep=keep, drop=drop) for handler in member_data]
    return {kind: count for counts in found for kind, count in counts.items() if count}


def _locked(keep: int, drop: int) -> dict[int, Member]:
    if keep == drop:
        raise MergeRefused(_("A member cannot be merged with itself."), code="same_member")
    locked = Member.objects.filter(pk__in=[keep, drop]).order_by("pk").select_for_update()
    return _found(keep, drop, {member.pk: member for member in locked})


def _found(keep: int, drop: int, members: dict[int, Member]) -> dict[int, Member]:
    for wanted in (keep, drop):
        if wanted not in members:
            if MergeRecord.objects.standing().filter(dropped_id=wanted).exists():
                raise MergeRefused(_("This member has been merged with another one already."), code="already_merged")
            raise NotFound(_("There is no such member."))
    return members


def _delete(member_id: int) -> None:
    """Without Django's cascade, which would delete what a handler forgot: the database refuses instead."""
    table = connection.ops.quote_name(Member._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [member_id])


def _standing(merge_id: int) -> MergeRecord:
    record = MergeRecord.objects.select_for_update(of=("self",)).filter(pk=merge_id).first()
    if record is None:
        raise NotFound(_("There is no such merge."))
    if record.undone_at is not None:
        raise MergeRefused(_("This merge has been undone already."), code="already_undone")
    return record


def _demand_separable(record: MergeRecord) -> None:
    if record.member_id != record.kept_id:
        raise MergeRefused(_("The kept member has itself been merged since; undo that merge first."), code="kept_was_merged")
    later = MergeRecord.objects.standing().filter(member_id=record.member_id, kept_id=record.kept_id, pk__gt=record.pk)
    following = later.order_by("pk").first()
    if following is not None:
        raise MergeRefused(
            _("“%(id)s” was merged into the same member later; undo that merge first.")
            % {"id": following.dropped_external_id},
            code="later_merge",
        )


def _mark(*member_ids: int) -> None:
    insert_rows(DirtyMark, ["member_id"], [(member_id,) for member_id in member_ids])


# --- Proof


def _left_behind(holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    if holders:
        for handler in member_data:
            yield from handler.left_behind(holders=holders)


def nothing_left_behind() -> Iterator[str]:
    """This function will name what hangs on members who were merged into others."""
    holders = dict(MergeRecord.objects.standing().values_list("dropped_id", "member_id"))
    for dropped, sentence in _left_behind(holders):
        yield _("merged member %(member)s: %(sentence)s") % {"member": dropped, "sentence": sentence}


def records_agree() -> Iterator[str]:
    """This function will name merges whose dropped member is still there, or that cannot be undone for want of a record."""
    standing = MergeRecord.objects.standing().order_by("pk")
    there = Member.objects.filter(Q(pk=OuterRef("dropped_id")) | Q(external_id=OuterRef("dropped_external_id")))
    for pk in standing.filter(Exists(there)).values_list("pk", flat=True):
        yield _("merge %(merge)s: the dropped member is still there") % {"merge": pk}
    for pk in standing.filter(moved=[]).values_list("pk", flat=True):
        yield _("merge %(merge)s: nothing is recorded of what moved") % {"merge": pk}


CHECKS = (
    Check("members.merged", gettext_lazy("nothing hangs on a member who was merged into another"), nothing_left_behind),
    Check("members.merges", gettext_lazy("the records of merges agree with the members"), records_agree),
)
