"""Imports from upload to undo: every move is one UPDATE guarded by the state that was seen; the work itself is a job.

`draft` -> `importing` -> `imported` -> `undoing` -> `undone`. An import whose job was stopped or failed stays `importing`
with what is in by then: it can go on, or be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core.batching import batches
from core.errors import DomainError, NotFound
from core.models import ApiKey, Job
from core.registry import fired_since
from core.services.jobs import cancel_job, enqueue_job
from members.models import Import, ImportJournal, ImportState, MergeRecord
from members.services.import_files import Folder, Receiver, forget_strays
from members.services.journal import Journal

IMPORT_JOB = "members.import"
TRIAL_JOB = "members.try_import"
UNDO_JOB = "members.undo_import"

KEPT = timedelta(days=30)
"""How long after an import its files and its journal stay: so long it can be undone."""

DRAFT_KEPT = timedelta(days=3)
"""How long files wait that were uploaded and not imported."""

STRAY = timedelta(days=1)
WAITING_FOR_CORRECTION = timedelta(days=7)
"""How long refused rows are worth a word on the first page; later nobody will correct them any more."""

MOST_CLEANED = 1_000
MOST_NEEDS = 3
MOST_RECENT = 500
ASKED_AT_ONCE = 2_000
JOURNALS_AT_ONCE = 10

LEASE_SECONDS = 300
"""The longest time between two batches: that in which a line report of a million rows is read before its first order."""


class ImportRefused(DomainError):
    """An import cannot be moved on; `code` says why."""


def register_import(
    *,
    received: Receiver,
    target: str,
    now: datetime,
    by: str = "",
    said: str = "",
    shape: str = "",
    reading: Mapping[str, Any] | None = None,
) -> Import:
    """This function will note files that were taken in as an import that has not begun."""
    return Import.objects.create(
        token=received.token,
        target=target,
        files=received.names,
        said=str(said)[:300],
        shape=shape,
        reading=dict(reading or {}),
        language=get_language() or "",
        created_at=now,
        created_by=by[:150],
        kept_until=now + DRAFT_KEPT,
    )


def settle_reading(*, import_id: int, target: str, reading: Mapping[str, Any], said: str, shape: str) -> None:
    """This function will keep how the files of a draft are read. What was tried with another reading is forgotten."""
    values = {"target": target, "reading": dict(reading), "said": str(said)[:300], "shape": shape, "trial": {}}
    with transaction.atomic():
        _locked_draft(import_id)
        Import.objects.filter(pk=import_id).update(**values)


def leave_out(*, import_id: int, name: str) -> None:
    """This function will take one file out of a draft; the others keep their places."""
    with transaction.atomic():
        found = _locked_draft(import_id)
        if name not in found.files:
            raise NotFound(_("There is no such file in this import."))
        if len(found.files) == 1:
            raise ImportRefused(_("This is the only file. Throw the upload away instead."), code="only_file")
        place = found.files.index(name)
        folder = Folder(found.token)
        left = [each for position, each in enumerate(found.files) if position != place]
        folder.file(place, name).unlink(missing_ok=True)
        for position in range(place + 1, len(found.files)):
            (folder.path / str(position)).rename(folder.path / f"{position}.moved")
        (folder.path / str(place)).rmdir()
        for position in range(place + 1, len(found.files)):
            (folder.path / f"{position}.moved").rename(folder.path / str(position - 1))
        Import.objects.filter(pk=import_id).update(files=left, reading={}, said="", shape="", trial={})


def discard_import(*, import_id: int) -> None:
    """This function will throw a draft away with its files."""
    with transaction.atomic():
        found = _locked_draft(import_id)
        Import.objects.filter(pk=import_id).delete()
    Folder(found.token).remove()


def find_import(*, import_id: int, api_key: ApiKey) -> Import | None:
    """This function will find an import that a key sent, whoever moved it on since."""
    found = Import.objects.select_related("job").filter(pk=import_id).first()
    if found is None or (found.job is not None and found.job.api_key_id == api_key.pk):
        return found
    asked_for = Job.objects.filter(api_key=api_key, kind__in=(IMPORT_JOB, TRIAL_JOB), params__import=found.pk)
    return found if asked_for.exists() else None


# --- Jobs


def start_trial(*, import_id: int, now: datetime, by: str = "", api_key: ApiKey | None = None) -> Import:
    """This function will have the whole of a draft's files read and taken in, batch by batch, keeping nothing of it."""
    return _begin(import_id, TRIAL_JOB, ImportState.DRAFT, now=now, by=by, api_key=api_key, trial={})


def start_import(*, import_id: int, now: datetime, by: str = "", api_key: ApiKey | None = None) -> Import:
    """This function will begin an import, or go on with one whose job was stopped or failed."""
    with transaction.atomic():
        found = _locked(import_id)
        _demand(found, ImportState.DRAFT, ImportState.IMPORTING)
        begun = found.started_at or now
        return _begin(
            import_id,
            IMPORT_JOB,
            ImportState(found.state),
            now=now,
            by=by,
            api_key=api_key,
            state=ImportState.IMPORTING,
            started_at=begun,
            kept_until=now + KEPT,
            finished_at=None,
        )


def start_undo(*, import_id: int, now: datetime, by: str = "", api_key: ApiKey | None = None) -> Import:
    """This function will begin to undo an import, or go on with undoing one. Refused once a campaign has fired on it."""
    with transaction.atomic():
        found = _locked(import_id)
        _demand(found, ImportState.IMPORTING, ImportState.IMPORTED, ImportState.UNDOING)
        if found.cleaned_at is not None:
            raise ImportRefused(_("This import is too old to be undone: its journal is gone."), code="too_old")
        if found.state != ImportState.UNDOING:
            demand_nothing_fired(found)
        return _begin(
            import_id,
            UNDO_JOB,
            ImportState(found.state),
            now=now,
            by=by,
            api_key=api_key,
            state=ImportState.UNDOING,
            kept_until=now + KEPT,
        )


def stop_import(*, import_id: int, now: datetime) -> None:
    """This function will ask the import's job to stop after the batch it is in; what is in by then stays."""
    found = Import.objects.filter(pk=import_id).select_related("job").first()
    if found is None:
        raise _unknown()
    if found.job is None or not busy(found):
        raise ImportRefused(_("Nothing is being done for this import; there is nothing to stop."), code="not_running")
    cancel_job(job_id=found.job.pk, now=now)


def busy(found: Import) -> bool:
    """This function will say whether a job works on an import or waits to."""
    return found.job is not None and found.job.state in Job.OPEN


def _begin(
    import_id: int, kind: str, seen: ImportState, *, now: datetime, by: str, api_key: ApiKey | None, **values: Any
) -> Import:
    with transaction.atomic():
        found = _locked(import_id)
        _demand(found, seen)
        if busy(found):
            raise _busy()
        params = {"import": found.pk, "files": list(found.files)}
        job = enqueue_job(kind=kind, params=params, now=now, by=by, total=found.rows or None, api_key=api_key)
        Import.objects.filter(pk=found.pk).update(job=job, **values)
    return Import.objects.select_related("job").get(pk=found.pk)


def _locked(import_id: int) -> Import:
    found = _held(import_id)
    if found is None:
        raise _unknown()
    return found


def _held(import_id: int) -> Import | None:
    """On SQLite the transaction is alone already."""
    return Import.objects.select_for_update(of=("self",)).select_related("job").filter(pk=import_id).first()


def _locked_draft(import_id: int) -> Import:
    """A draft that nobody is trying right now: its files and how they are read may be changed."""
    found = _locked(import_id)
    _demand(found, ImportState.DRAFT)
    if busy(found):
        raise _busy()
    return found


def _demand(found: Import, *states: ImportState) -> None:
    if found.state not in states:
        message = _("This import is %(state)s; somebody else may have moved it on.")
        raise ImportRefused(message % {"state": ImportState(found.state).label}, code="other_state")


def _busy() -> ImportRefused:
    return ImportRefused(_("Somebody is working on this import already."), code="busy")


def _unknown() -> NotFound:
    return NotFound(_("There is no such import."))


def asked(params: Mapping[str, Any]) -> str:
    """This function will say which import a job is for: its files' names."""
    return ", ".join(map(str, params.get("files", ())))


def page(params: Mapping[str, Any]) -> str:
    """This function will return the address where what came of a job is shown."""
    return reverse("admin:members_import_change", args=[params["import"]])


# --- Whether it can be undone


def demand_nothing_fired(found: Import) -> None:
    """This function will refuse when a campaign has given something to a member of the import since it began."""
    assert found.started_at is not None
    count = next(filter(None, _fired_in(found, found.started_at)), 0)
    if count:
        raise ImportRefused(
            _(
                "A campaign has fired at members of this import since it began (%(count)d or more of them): what"
                " they got rests on this data, so it cannot be undone."
            )
            % {"count": count},
            code="fired",
        )


def _fired_in(found: Import, since: datetime) -> Iterator[int]:
    """Whom campaigns reached is asked once, and held against each batch: asking for each took a tenth of a second, and
    somebody waits for the answer."""
    fired = {member_id for each in fired_since for member_id in each.members(since=since)}
    if not fired:
        return
    merged = MergeRecord.objects.standing().order_by().values_list("dropped_id", "member_id")
    fired |= {dropped for dropped, survivor in merged.iterator() if survivor in fired}
    # Page by page: a cursor that is left half read is closed at some later time, maybe within another transaction.
    for chunk in batches(list(standing_journal(found).order_by("step").values_list("pk", flat=True)), JOURNALS_AT_ONCE):
        for entries in ImportJournal.objects.filter(pk__in=chunk).values_list("entries", flat=True):
            yield len(fired & Journal.decoded(entries).member_ids)


def with_survivors(member_ids: Iterable[int]) -> set[int]:
    """This function will add those whom members were merged into since: they hold today what the import gave."""
    known = set(member_ids)
    for chunk in batches(sorted(known), ASKED_AT_ONCE):
        known |= set(MergeRecord.objects.standing().filter(dropped_id__in=chunk).values_list("member_id", flat=True))
    return known


def standing_journal(found: Import) -> QuerySet[ImportJournal]:
    """This function will select what of an import is not undone."""
    return ImportJournal.objects.filter(source=found, undone=False)


# --- Cleaning up


def clean_imports(*, now: datetime) -> dict[str, int]:
    """This function will throw away the files and journals that are old enough, drafts as a whole, and folders of nobody."""
    due = Import.objects.filter(kept_until__lte=now, cleaned_at__isnull=True).exclude(job__state__in=Job.OPEN)
    cleaned = sum(_cleaned(pk, now) for pk in list(due.order_by("pk").values_list("pk", flat=True)[:MOST_CLEANED]))
    known = set(Import.objects.filter(cleaned_at__isnull=True).values_list("token", flat=True))
    strays = forget_strays(known=known, older_than=(now - STRAY).timestamp())
    return {"cleaned": cleaned, "strays": strays} if cleaned or strays else {}


def _cleaned(import_id: int, now: datetime) -> bool:
    """Looked at again under its lock: somebody may have started it this moment."""
    with transaction.atomic():
        found = _held(import_id)
        if found is None or busy(found) or found.kept_until > now or found.cleaned_at is not None:
            return False
        if found.state == ImportState.DRAFT:
            found.delete()
        else:
            Import.objects.filter(pk=import_id).update(cleaned_at=now)
            ImportJournal.objects.filter(source_id=import_id).delete()
    Folder(found.token).remove()
    return True


def latest_of_shape(shape: str, *, target: str = "") -> Import | None:
    """This function will find the last import whose files had these columns and whose columns somebody mapped."""
    mapped = Import.objects.filter(~Q(shape=""), ~Q(state=ImportState.DRAFT), shape=shape, reading__has_key="columns")
    if target:
        mapped = mapped.filter(target=target)
    return mapped.order_by("-pk").first()


def imports_with_rejects(*, now: datetime) -> list[Import]:
    """This function will return the imports of the last days of which refused rows wait to be corrected, the newest first.

    A later upload of the file of refused rows settles them, whatever came of it.
    """
    recent = Import.objects.filter(started_at__gte=now - WAITING_FOR_CORRECTION).order_by("-pk")[:MOST_RECENT]
    given_back = {str(name) for found in recent for name in found.files}
    return [
        found
        for found in recent
        if found.state == ImportState.IMPORTED
        and found.rejected
        and not given_back & {reject_name(str(name)) for name in found.files}
    ][:MOST_NEEDS]


def reject_name(name: str) -> str:
    """This function will name the file of a file's refused rows. Tables come back as CSV, lines as lines."""
    stem, dot, ending = name.rpartition(".")
    stem = stem if dot else name
    return f"{stem}.refused.jsonl" if ending.lower() in ("jsonl", "ndjson", "json") else f"{stem}.refused.csv"


def reject_type(name: str) -> str:
    """This function will return the content type of a file that `reject_name` named."""
    return "application/jsonl" if name.endswith(".jsonl") else "text/csv; charset=utf-8"
