"""What imports still hold of one member: the journals by which they are undone, and the files on disk.

A journal is rewritten without the member. A file cannot be: it is thrown away, with its refused rows, before its time. What
was imported stays, and can still be undone for everybody else.
"""

from __future__ import annotations

import mmap
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from pathlib import Path

from core.batching import batches
from core.models import AuditRecord, Job
from core.registry import Called
from core.services.audit import MASK
from members.models import HOME_PREFIX, Import, ImportJournal, ImportState, Order
from members.services.import_files import Folder
from members.services.imports import busy
from members.services.journal import Journal

SHORTEST_TEXT = 6
"""Characters of a text that is looked for in files. A shorter one stands in every file by chance, as a quantity or a price;
rows that were taken in are known by their journal, however short the id."""
JOURNALS_AT_ONCE = 200


def imports_naming(called: Called) -> set[int]:
    """This function will return the imports in whose files one of a member's texts stands, as bytes."""
    texts = _texts(called)
    kept = Import.objects.filter(cleaned_at__isnull=True).order_by("pk").values_list("pk", "token")
    return {pk for pk, token in kept if any(_holds(path, texts) for path in _files(token))}


def forget_in_journals(called: Called) -> set[int]:
    """This function will rewrite the journals that know of a member, and return whose imports they are."""
    orders = set(Order.objects.filter(member_id=called.member_id).values_list("pk", flat=True))
    likely = ImportJournal.objects.filter(entries__contains=str(called.member_id)).order_by("pk")
    found: set[int] = set()
    for chunk in batches(list(likely.values_list("pk", flat=True)), JOURNALS_AT_ONCE):
        for kept in ImportJournal.objects.filter(pk__in=chunk).order_by("pk").select_for_update(of=("self",)):
            journal = Journal.decoded(kept.entries)
            if called.member_id in journal.member_ids:
                _forget(journal, called.member_id, orders)
                ImportJournal.objects.filter(pk=kept.pk).update(entries=journal.encoded())
                found.add(kept.source_id)
    return found


def forget_file_names(texts: Iterable[str], *, names: Iterable[str] = ()) -> int:
    """This function will rename uploads whose file name tells one of a member's texts or names, and return how many.

    Jobs and the audit trail call an import by its files: there the name goes, too.
    """
    plain = {text.removeprefix(HOME_PREFIX).casefold() for text in texts}  # people leave the country's code out
    told = {text for text in plain if len(text) >= SHORTEST_TEXT} | {name.casefold() for name in names if name}
    renamed = 0
    for pk, files in Import.objects.exclude(files=[]).order_by("pk").values_list("pk", "files"):
        fresh = [_without(str(name), told, place) for place, name in enumerate(files, start=1)]
        if fresh != files:
            Import.objects.filter(pk=pk).update(files=fresh)
            _forget_in_trail(pk)
            _rename_in_jobs(pk, dict(zip(map(str, files), fresh, strict=True)))
            renamed += 1
    return renamed


def _rename_in_jobs(import_id: int, names: dict[str, str]) -> None:
    """Jobs are called by the files they were asked to read."""
    for job in Job.objects.filter(params__import=import_id).exclude(state__in=Job.OPEN).order_by("pk"):
        told = [names.get(str(name), name) for name in job.params.get("files", [])]
        said = reduce(lambda text, name: text.replace(*name), names.items(), job.said)
        Job.objects.filter(pk=job.pk).update(params={**job.params, "files": told}, said=said)


def _forget_in_trail(import_id: int) -> None:
    for record in AuditRecord.objects.filter(kind=Import._meta.label_lower, object_id=import_id).order_by("pk"):
        told = record.changes.get("files")
        changes = {**record.changes, "files": [value and MASK for value in told]} if told else record.changes
        AuditRecord.objects.filter(pk=record.pk).update(about="", changes=changes)


def _without(name: str, told: set[str], place: int) -> str:
    if not any(text in name.casefold() for text in told):
        return name
    return f"file-{place}{''.join(Path(name).suffixes[-1:])}"


def throw_away(import_ids: Iterable[int], *, now: datetime) -> set[int]:
    """This function will remove the files of imports, and return those that somebody is reading: they go later.

    A draft goes as a whole: without its files there is nothing to import.
    """
    waiting = set()
    for found in Import.objects.filter(pk__in=set(import_ids), cleaned_at__isnull=True):
        if busy(found):
            waiting.add(found.pk)
            continue
        Folder(found.token).remove()
        if found.state == ImportState.DRAFT:
            found.delete()
        else:
            Import.objects.filter(pk=found.pk).update(rejects={})
    return waiting


def _texts(called: Called) -> dict[bool, list[bytes]]:
    """What is looked for, by whether a file is written in two bytes a letter."""
    long = sorted(text for text in called.external_ids | called.addresses if len(text) >= SHORTEST_TEXT)
    narrow = {text.encode(encoding, "ignore") for text in long for encoding in ("utf-8", "gb18030")}
    wide = {text.encode(encoding, "ignore") for text in long for encoding in ("utf-16-le", "utf-16-be")}
    return {False: sorted(narrow), True: sorted(wide)}


def _files(token: str) -> list[Path]:
    root = Folder(token).path
    return [path for path in root.rglob("*") if path.is_file() and path.stat().st_size] if root.is_dir() else []


def _holds(path: Path, texts: dict[bool, list[bytes]]) -> bool:
    """Each text is looked for by itself: a plain search is as fast as the disc, a pattern of many is not."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        wide = content[:2] in (BOM_UTF16_LE, BOM_UTF16_BE)
        return any(content.find(text) >= 0 for text in texts[wide])


def _forget(journal: Journal, member_id: int, orders: set[int]) -> None:
    """Ids and checksums may stay; former values and texts may not."""
    journal.changed_orders = [each for each in journal.changed_orders if each["id"] not in orders]
    journal.changed_members = [each for each in journal.changed_members if each[0] != member_id]
    journal.tags_gained = [each for each in journal.tags_gained if each[0] != member_id]
    journal.tags_lost = [each for each in journal.tags_lost if each[0] != member_id]
    journal.names_lost = [each for each in journal.names_lost if each[-1] != member_id]
    journal.consents = [each for each in journal.consents if each["member"] != member_id]
