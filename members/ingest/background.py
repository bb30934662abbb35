"""Imports as jobs: files taken in batch by batch, each batch one transaction with its counts, its journal and its refusals.

A job that dies goes on behind the last batch that is in: files are read again from the start, batches that are in are
passed over. A batch counts once, however often it is begun: the import's `step` moves with it, guarded by what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from core.errors import DomainError, InvalidInput
from core.registry import RunningJob
from members.ingest.connectors.spill import LatestProfiles, spilled, stored
from members.ingest.importing import ImportCounts
from members.ingest.load import ingest_events, ingest_members
from members.ingest.rejects import RejectFile, add_reasons, rows_by_file
from members.ingest.result import IngestResult
from members.ingest.sources import Batch, Ingest, RefusedItem, item_batches, order_batches
from members.ingest.uploads import Source, header_of, sources_of
from members.models import Import, ImportState
from members.services.import_files import Folder, room
from members.services.journal import Journal, write_journal

MOST_REASONS = 100
"""Different reasons that are counted each by itself. A reason may quote a cell, so that there is no end to them."""


class NotOurs(DomainError):
    """Somebody moved the import on under a job that was thought dead."""

    code = "other_state"


def run_import(job: RunningJob) -> Mapping[str, Any]:
    """This function will take an import's files in.

    1. Open the files; what cannot be read at all ends the job with its reason, nothing taken.
    2. For each batch: take it in, write its refused rows, its journal, its counts, and move `step`, in one transaction.
    3. When all are in, the import is `imported`.
    """
    source = _source(job)
    if source.state == ImportState.IMPORTED:
        return _result(source)
    with translation.override(source.language or None):
        return _import(job, source)


def run_trial(job: RunningJob) -> Mapping[str, Any]:
    """This function will take an import's files in batch by batch and take each batch back at once.

    Each batch for itself, so that nobody else waits for longer than a batch; what one batch would change for the next (an
    order that stands in both) is not seen.
    """
    source = _source(job)
    with translation.override(source.language or None):
        return _try(job, source)


def _source(job: RunningJob) -> Import:
    found = Import.objects.filter(pk=job.params["import"]).first()
    if found is None:
        raise InvalidInput(_("This upload was thrown away."), code="not_found")
    return found


def _import(job: RunningJob, source: Import) -> Mapping[str, Any]:
    folder = Folder(source.token)
    paths = folder.files(source.files)
    sources = _opened(sources_of(source, paths))
    total = sum(each.row_count for each in sources)
    Import.objects.filter(pk=source.pk).update(rows=total)
    progress = _Progress(job, sources, total)
    began = source.started_at or job.now()
    step = 0
    for place, batches in enumerate(_batches(sources, source, began, folder)):
        for batch, profiles in batches:
            step += 1
            if step > source.step:
                progress.tell(state={"step": step - 1})
                with room():
                    _take(progress, source, step, batch, _Rejects(folder, paths, sources[place]), profiles)
                source.step = step
            else:
                progress.tell()
            progress.passed(sources[place])
    done = Import.objects.filter(pk=source.pk, state=ImportState.IMPORTING)
    if done.update(state=ImportState.IMPORTED, finished_at=job.now()) == 1:
        for place in range(len(sources)):
            folder.profiles(place).unlink(missing_ok=True)
    source.refresh_from_db()
    progress.end()
    return _result(source)


def _opened(sources: Sequence[Source]) -> Sequence[Source]:
    if not sources:
        raise InvalidInput(_("There is no file to import."), code="no_file")
    return sources


BatchOf = tuple[Batch, LatestProfiles | None]


def _batches(sources: Sequence[Source], source: Import, now: datetime, folder: Folder | None) -> Iterator[Iterator[BatchOf]]:
    """For each source its batches, always the same. With a folder, what orders tell of members outlives this process."""
    for place, found in enumerate(sources):
        yield _batches_of(found, source, now, folder.profiles(place) if folder else None)


def _batches_of(found: Source, source: Import, now: datetime, kept: Path | None) -> Iterator[BatchOf]:
    proof = _("stated by %(file)s") % {"file": found.paths[0].name}
    if source.target != "orders":
        ingest: Ingest = _events(now) if source.target == "events" else _members(now, proof)
        yield from ((batch, None) for batch in item_batches(found, ingest))
        return
    with ExitStack() as stack:
        profiles = LatestProfiles(stack.enter_context(stored(kept) if kept else spilled()))
        shop = str(source.reading.get("shop", ""))
        for batch in order_batches(found, now=now, proof=proof, shop=shop, profiles=profiles):
            yield batch, profiles


def _members(now: datetime, proof: str) -> Ingest:
    def ingest(items: Sequence[object], journal: Journal | None = None) -> IngestResult:
        return ingest_members(items, now=now, proof=proof, journal=journal)

    return ingest


def _events(now: datetime) -> Ingest:
    def ingest(items: Sequence[object], journal: Journal | None = None) -> IngestResult:
        return ingest_events(items, now=now, journal=journal)

    return ingest


def _take(
    progress: _Progress, source: Import, step: int, batch: Batch, rejects: _Rejects, profiles: LatestProfiles | None
) -> None:
    """One batch: in whole or not at all, and only by who still holds the job when the batch commits."""
    with transaction.atomic():
        progress.hold()
        mine = Import.objects.filter(pk=source.pk, state=ImportState.IMPORTING, step=step - 1)
        if mine.update(step=step) != 1:
            raise NotOurs(_("This import was moved on by somebody else."))
        known = Import.objects.get(pk=source.pk)
        counts, journal = ImportCounts(), Journal()
        refused = batch.take(counts, journal)
        add_reasons(known.reasons, refused, most=MOST_REASONS, others=_("other reasons"))
        Import.objects.filter(pk=source.pk).update(
            accepted=known.accepted + counts.accepted,
            rejected=known.rejected + counts.rejected,
            created=known.created + counts.created,
            changed=known.changed + counts.changed,
            suppressed=known.suppressed + counts.suppressed,
            reasons=known.reasons,
            rejects=rejects.written(refused, known.rejects),
        )
        write_journal(source=source, step=step, journal=journal)
        if profiles is not None:
            profiles.keep()


class _Rejects:
    """Where a source's refused rows go."""

    def __init__(self, folder: Folder, paths: Sequence[Path], found: Source) -> None:
        self.folder = folder
        self.paths = paths
        self.found = found

    def written(self, refused: Sequence[RefusedItem], kept: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
        """This function will write refused rows behind those that count, and return what counts then."""
        now_kept = {place: [*each] for place, each in kept.items()}
        for path, rows in rows_by_file(refused, first=self.found.paths[0]).items():
            place = self.paths.index(path)
            size, count = now_kept.get(str(place), [0, 0])
            end, more = RejectFile(self.folder.rejects(place), header_of(self.found, path)).write(rows, kept=size)
            now_kept[str(place)] = [end, count + more]
        return now_kept


def _try(job: RunningJob, source: Import) -> Mapping[str, Any]:
    paths = Folder(source.token).files(source.files)
    sources = _opened(sources_of(source, paths))
    total = sum(each.row_count for each in sources)
    progress = _Progress(job, sources, total)
    counts = ImportCounts()
    reasons: dict[str, int] = {}
    for place, batches in enumerate(_batches(sources, source, job.now(), None)):
        for batch, _profiles in batches:
            progress.tell()
            with transaction.atomic():
                refused = batch.take(counts, None)
                transaction.set_rollback(True)
            add_reasons(reasons, refused, most=MOST_REASONS, others=_("other reasons"))
            progress.passed(sources[place])
    told = {
        "rows": total,
        "accepted": counts.accepted,
        "rejected": counts.rejected,
        "created": counts.created,
        "changed": counts.changed,
        "reasons": reasons,
    }
    mine = Import.objects.filter(pk=source.pk, job_id=job.id, state=ImportState.DRAFT)
    mine.update(trial={**told, "at": job.now().isoformat()}, rows=total)
    progress.end()
    return told


class _Progress:
    """How far the files are read, in rows: by the share of bytes or rows that each has been read."""

    def __init__(self, job: RunningJob, sources: Sequence[Source], total: int) -> None:
        self.job = job
        self.sources = sources
        self.total = total
        self.read = 0

    def tell(self, state: Mapping[str, Any] | None = None) -> None:
        self.job.report(min(self.read, self.total), self.total, state=state)

    def hold(self) -> None:
        """This function will prove, inside a transaction, that the job is still ours, and keep it so until its end."""
        self.job.report(min(self.read, self.total))

    def passed(self, current: Source) -> None:
        before = self.sources[: self.sources.index(current)]
        share = min(current.position / current.size, 1.0) if current.size else 1.0
        self.read = sum(each.row_count for each in before) + int(share * current.row_count)

    def end(self) -> None:
        self.job.report(self.total, self.total)


def _result(source: Import) -> dict[str, Any]:
    names = ("rows", "accepted", "rejected", "created", "changed", "reasons")
    return {"import": source.pk, **{name: getattr(source, name) for name in names}}
