"""Fixed lists: members put on them, taken off them, or given as the whole of them, by ids that other systems and files use.

Ids come to rest beside the list first (UploadedId). When all are read they are looked up, and the list changes in one
transaction: a file that breaks off, a worker that dies, a second upload meanwhile leave the list as it was or as it should
be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Exists, Min, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, FieldProblem, InvalidInput, NotFound
from core.locks import EDITING, LockSpace, lock_for_transaction
from core.queue import enqueue_on_commit
from core.registry import JobKind, RunningJob
from core.scratch import know_size
from core.services.jobs import enqueue_job
from core.sql import insert_from_select, insert_rows
from members.models import DirtyMark, Identifier, Member, MergeRecord
from retention.models import ListUpload, Membership, Segment, StaticMember, UploadedId, UploadPiece
from retention.services.list_files import ids_in
from retention.services.segments import new_segment

How = ListUpload.How
Problem = UploadedId.Problem

MOST_AT_ONCE = 10_000
"""Ids that one call or one page may give directly; more come as a file, and are read in the background."""
LARGEST_FILE = 256 * 1024 * 1024
"""Bytes of a file. Origin: ten million ids of twenty characters."""
LONGEST_ID = 200
PIECE = 1 << 20
STAGED_AT_ONCE = 5_000
TAKEN_OVER_AT_ONCE = 50_000
"""Members that are taken over from another segment while somebody waits; more is a job."""
FORGOTTEN_AFTER = timedelta(days=2)
"""Uploads that never came to an end: their job failed or was stopped."""


class NotAList(DomainError):
    """The segment follows a rule."""

    code = "not_a_list"


@dataclass(frozen=True, slots=True)
class Change:
    """What an upload did: different ids given, those that mean a member, those that do not; members that came and went."""

    given: int
    known: int
    unknown: int
    added: int
    removed: int


# --- making lists


def create_list(
    *, slug: str, name: str, now: datetime, by: str = "", description: str = "", members: Sequence[str] = ()
) -> tuple[Segment, ListUpload | None]:
    """This function will make a fixed list, with the members of these ids; the next refresh counts it.

    Raises InvalidInput for the slug, the name, or too many ids; then nothing is made.
    """
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH, EDITING)
        segment = new_segment(slug=slug, name=name, description=description, now=now, static=True)
        upload = give_ids(segment=segment, how=How.ADD, values=members, now=now, by=by) if members else None
        enqueue_on_commit("retention.refresh")
    return segment, upload


def freeze(*, segment: Segment, slug: str, name: str, now: datetime, by: str = "") -> Segment:
    """This function will make a fixed list of who is in a segment now, as the last refresh wrote it.

    A large one is filled by a job; until then the new list is empty.
    """
    with transaction.atomic():
        frozen, _none = create_list(slug=slug, name=name, now=now, by=by)
        upload = ListUpload.objects.create(
            segment=frozen, how=How.REPLACE, source=segment, file_name=segment.name, by=by, created_at=now
        )
        if (segment.member_count or 0) <= TAKEN_OVER_AT_ONCE:
            apply_upload(upload, now=now)
        else:
            _ask_for(upload, now=now, by=by, total=segment.member_count)
    return frozen


# --- giving ids


def give_ids(*, segment: Segment, how: str, values: Sequence[str], now: datetime, by: str = "") -> ListUpload:
    """This function will change a list by ids at once, and return what was counted; `unknown_ids` lists the unknown."""
    if len(values) > MOST_AT_ONCE:
        message = _("At most %(most)s ids at once; send them in several calls, or upload a file.")
        raise _refused("members", "too_many", str(message) % {"most": f"{MOST_AT_ONCE:,}"})
    with transaction.atomic():
        upload = _upload(segment, how=how, now=now, by=by)
        _stage(upload, values)
        upload.given = len(values)
        return apply_upload(upload, now=now)


def give_file(
    *, segment: Segment, how: str, pieces: Iterable[bytes], file_name: str, now: datetime, by: str = ""
) -> ListUpload:
    """This function will keep a file and ask for the job that reads it. Nothing is on the list before all of it is read."""
    with transaction.atomic():
        upload = _upload(segment, how=how, now=now, by=by, file_name=file_name[-LONGEST_ID:])
        size = 0
        for number, data in enumerate(_even(pieces)):
            size += len(data)
            if size > LARGEST_FILE:
                message = _("The file is larger than %(most)d MB. Give the list in parts.")
                raise _refused("file", "too_large", str(message) % {"most": LARGEST_FILE >> 20})
            UploadPiece.objects.create(upload=upload, number=number, data=data)
        if not size:
            raise _refused("file", "empty", str(_("The file is empty.")))
        _ask_for(upload, now=now, by=by)
    return upload


def unknown_ids(upload: ListUpload) -> QuerySet[UploadedId]:
    """This function will return the ids of an upload that mean nobody, each with its problem."""
    return UploadedId.objects.filter(upload=upload).exclude(problem="")


# --- the job


def _run(job: RunningJob) -> Mapping[str, Any]:
    """Steps: what an attempt before left is dropped; the file is read beside the list; the list changes, in one step."""
    upload = ListUpload.objects.select_related("segment").filter(pk=job.params["upload"]).first()
    if upload is None:
        raise NotFound(_("The list was deleted meanwhile."))
    if upload.applied_at is None:
        try:
            if upload.source_id is None:
                _read(upload, job)
            with transaction.atomic():
                job.report(upload.given, total=upload.given or None, said=_("The list is changed."))
                upload = apply_upload(upload, now=job.now())
        except DomainError:
            _drop_staged(upload)
            raise
    return {
        "given": upload.given,
        "known": upload.known,
        "unknown": upload.unknown,
        "added": upload.added,
        "removed": upload.removed,
    }


def _asked(params: Mapping[str, Any]) -> str:
    upload = ListUpload.objects.select_related("segment").filter(pk=params["upload"]).first()
    return "" if upload is None else f"{upload.file_name} → {upload.segment.name}"


LIST_JOB = JobKind("retention.list", _("Change of a fixed list"), _run, asked=_asked)


def _read(upload: ListUpload, job: RunningJob) -> None:
    UploadedId.objects.filter(upload=upload).delete()
    job.report(0, said=_("The file is read."))
    with NamedTemporaryFile(prefix="rekindle-list-") as file:
        for piece in UploadPiece.objects.filter(upload=upload).order_by("number").iterator(chunk_size=1):
            file.write(piece.data)
        file.flush()
        values = ids_in(Path(file.name))
        given = 0
        while batch := list(islice(values, STAGED_AT_ONCE)):
            given += len(batch)
            with transaction.atomic():
                _stage(upload, batch)
                job.report(given)
    upload.given = given


def _ask_for(upload: ListUpload, *, now: datetime, by: str, total: int | None = None) -> None:
    job = enqueue_job(kind=LIST_JOB.code, params={"upload": upload.pk}, now=now, by=by, total=total)
    upload.job_id = job.pk
    upload.save(update_fields=["job_id"])


# --- the one step


def apply_upload(upload: ListUpload, *, now: datetime) -> ListUpload:
    """This function will change the list as an upload says, once, and keep its unknown ids alone.

    1. Hold the list; whoever deletes it or changes it waits.
    2. Look up whom the ids mean: members, ids that were merged into one, names elsewhere that one member alone has.
    3. Mark who comes and who goes: the next refresh asks every rule of them, and of nobody else. Of a list that was never
       counted too: whoever counts it now, chunk after chunk or beside us, has asked some of them already.
    4. Write the difference.
    """
    with transaction.atomic():
        segment = _held(upload.segment_id)
        waits = ListUpload.objects.select_for_update(of=("self",)).get(pk=upload.pk)
        if waits.applied_at is not None:
            return waits
        if upload.source_id is None:
            _look_up(upload)
        meant = _meant(upload)
        added = removed = 0
        listed = StaticMember.objects.filter(segment=segment)
        if upload.how != How.ADD:
            # Planned for empty tables this would compare every member with every id.
            for rows_of in (UploadedId, StaticMember):
                know_size(rows_of._meta.db_table)
            gone = listed.filter(_is_in(meant) if upload.how == How.REMOVE else ~_is_in(meant))
            insert_from_select(DirtyMark, gone.values_list("member_id"), ["member_id"])
            removed, _rows = gone.delete()
        if upload.how != How.REMOVE:
            new = meant.filter(~Exists(listed.filter(member_id=OuterRef("member_id")))).values("member_id").distinct()
            insert_from_select(DirtyMark, new.values_list("member_id"), ["member_id"])
            rows = new.order_by("member_id").values_list(Value(segment.pk), "member_id")
            added = insert_from_select(StaticMember, rows, ["segment", "member_id"], conflict=["segment", "member_id"])
        upload.added, upload.removed, upload.applied_at = added, removed, now
        _finish(upload)
        enqueue_on_commit("retention.refresh")
    return upload


def _finish(upload: ListUpload) -> None:
    ids = UploadedId.objects.filter(upload=upload)
    upload.known, upload.unknown = ids.filter(problem="").count(), ids.exclude(problem="").count()
    if upload.source_id is not None:
        upload.given = upload.known = upload.added
    ids.filter(problem="").delete()
    UploadPiece.objects.filter(upload=upload).delete()
    # Of each list the unknown ids of the last upload are kept.
    UploadedId.objects.filter(upload__segment=upload.segment_id, upload_id__lt=upload.pk).delete()
    upload.save(update_fields=["given", "known", "unknown", "added", "removed", "applied_at"])


def _look_up(upload: ListUpload) -> None:
    """Set-based: each way is one look into an index for each id that is not found yet."""
    know_size(UploadedId._meta.db_table)
    ids = UploadedId.objects.filter(upload=upload, problem="")
    named = Identifier.objects.filter(value=OuterRef("value")).order_by().values("value")
    one = named.annotate(holders=Count("member_id", distinct=True), holder=Min("member_id")).filter(holders=1)
    merged = MergeRecord.objects.standing().filter(dropped_external_id=OuterRef("value"))
    ids.update(
        member_id=Coalesce(
            Subquery(Member.objects.filter(external_id=OuterRef("value")).values("pk")[:1]),
            Subquery(merged.values("member_id")[:1]),
            Subquery(one.values("holder")[:1]),
        )
    )
    several = Exists(Identifier.objects.filter(value=OuterRef("value")))
    problem = Case(When(several, then=Value(Problem.AMBIGUOUS)), default=Value(Problem.UNKNOWN))
    ids.filter(member_id__isnull=True).update(problem=problem)


def _meant(upload: ListUpload) -> QuerySet[Any, Any]:
    if upload.source_id is not None:
        return Membership.objects.filter(segment_id=upload.source_id)
    return UploadedId.objects.filter(upload=upload, problem="", member_id__isnull=False)


def _is_in(meant: QuerySet[Any, Any]) -> Exists:
    return Exists(meant.filter(member_id=OuterRef("member_id")))


# --- inside


def _upload(segment: Segment, *, how: str, now: datetime, by: str, file_name: str = "") -> ListUpload:
    if not _held(segment.pk).static:
        raise NotAList(_("This segment follows a rule: who is in it cannot be given by hand."))
    _forget(now)
    return ListUpload.objects.create(segment=segment, how=how, by=by, file_name=file_name, created_at=now)


def _forget(now: datetime) -> None:
    given_up = ListUpload.objects.filter(applied_at__isnull=True, created_at__lt=now - FORGOTTEN_AFTER)
    for rows in (UploadedId.objects.all(), UploadPiece.objects.all()):
        rows.filter(upload__in=given_up.values("pk")).delete()


def _drop_staged(upload: ListUpload) -> None:
    for rows in (UploadedId.objects.all(), UploadPiece.objects.all()):
        rows.filter(upload=upload).delete()


def _stage(upload: ListUpload, values: Iterable[str]) -> None:
    rows = {text[:LONGEST_ID]: problem for text, problem in map(_readable, values) if text}
    insert_rows(
        UploadedId,
        ["upload", "value", "problem"],
        [(upload.pk, text, problem) for text, problem in rows.items()],
        conflict=["upload", "value"],
    )


def _readable(value: str) -> tuple[str, str]:
    text = value.strip()
    clean = "".join("\ufffd" if mark == "\0" or "\ud800" <= mark <= "\udfff" else mark for mark in text)
    return clean, "" if clean == text and len(text) <= LONGEST_ID else Problem.UNUSABLE


def _held(segment_id: int) -> Segment:
    segment = Segment.objects.select_for_update(of=("self",), no_key=True).filter(pk=segment_id).first()
    if segment is None:
        raise NotFound(_("There is no such segment."))
    return segment


def _even(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Parts of one size, whatever came: a row each."""
    kept = bytearray()
    for piece in pieces:
        kept += piece
        while len(kept) >= PIECE:
            yield bytes(kept[:PIECE])
            del kept[:PIECE]
    if kept:
        yield bytes(kept)


def _refused(path: str, code: str, message: str) -> InvalidInput:
    return InvalidInput(message, problems=[FieldProblem(path, code, message)])
