"""Forgetting a member, and handing out what is kept of one: everything in one transaction, through every app's handler."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from core.errors import NotFound
from core.locks import LockSpace, lock_for_transaction
from core.registry import Called, Holding, Kept, member_data
from core.services.traces import forget_answers_about, forget_jobs_about
from core.sql import insert_rows
from members.models import (
    ADDRESS_COLUMNS,
    ERASED_PREFIX,
    PERSONAL_NUMBERS,
    PERSONAL_TEXTS,
    ErasedId,
    Erasure,
    Identifier,
    Member,
    MergeRecord,
    Purpose,
    any_bucket,
)
from members.services.address_refusals import Addressed, holders_of, note_refusals
from members.services.import_traces import forget_file_names, forget_in_journals, imports_naming, throw_away

logger = logging.getLogger(__name__)

LATE = timedelta(days=2)
"""How long after an erasure something may still arrive under the number: what was under way when it was committed."""
UNGUESSABLE = 16


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What an erasure would take, or took: how many of each kind go, how many stay without a name and why."""

    gone: Mapping[str, int]
    kept: Mapping[str, int]


def export_member(*, member_id: int) -> Kept:
    """This function will gather everything that every app keeps of a member, kind by kind."""
    with transaction.atomic():
        if not Member.objects.filter(pk=member_id).exists():
            raise NotFound(_("There is no such member."))
        return _kept(member_id)


def preview_erasure(*, member_id: int) -> Forgotten:
    """This function will count what an erasure would take and what would stay, changing nothing."""
    return _counted(export_member(member_id=member_id))


def erase_member(*, member_id: int, now: datetime, by: str = "") -> Erasure:
    """This function will forget a member and leave a receipt that says nothing of a person.

    1. Files of imports that name the member are looked for: they are large, and nothing needs to wait for that.
    2. No refresh runs meanwhile, and the member is locked: who ingests for it has committed, or waits and then finds nobody
       of this id and makes a new member.
    3. Addresses that nobody else has are noted as having refused advertising. What is kept is counted; every handler takes
       away what is personal, the last registered first.
    4. The profile is emptied; its row stays under its number for what adds up, with an id and a bucket of chance.
    5. The receipt is written, with a keyed hash of each id. Files are thrown away once all this is committed, and by
       `settle_erasures` where that did not come to its end.
    """
    naming = imports_naming(_called(member_id))
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        if not Member.objects.filter(pk=member_id).select_for_update():
            raise NotFound(_("There is no such member."))
        called = _called(member_id)
        counted = _counted(_kept(member_id))
        naming |= forget_in_journals(called)
        note_refusals(_refusals(member_id, now))
        forget_file_names(called.external_ids | called.addresses, names=_names(member_id))
        _erase_data(called, now)
        _forget_elsewhere(called)
        _empty(member_id, now)
        erasure = Erasure.objects.create(
            member_id=member_id, erased_at=now, by=by, gone=counted.gone, kept=counted.kept, imports=sorted(naming)
        )
        hashes = sorted(_hashed(each) for each in called.external_ids)
        insert_rows(ErasedId, ["erasure", "hashed"], [(erasure.pk, each) for each in hashes])
        transaction.on_commit(lambda: _throw_files_away(erasure.pk, now), robust=True)
    logger.info("member.erased receipt=%s", erasure.receipt)
    return erasure


def receipt_of(external_id: str) -> Erasure | None:
    """This function will find the newest receipt of an id that was erased and that nobody has again."""
    return Erasure.objects.filter(ids__hashed=_hashed(external_id)).order_by("-pk").first()


def settle_erasures(*, now: datetime) -> Mapping[str, int]:
    """This function will throw away files that are left, and what was written under an erased number by somebody who had
    looked before."""
    left = list(Erasure.objects.exclude(imports=[]).order_by("pk").values_list("pk", flat=True))
    for erasure_id in left:
        _throw_files_away(erasure_id, now)
    recent = Erasure.objects.filter(erased_at__gt=now - LATE).order_by("pk").values_list("member_id", flat=True)
    late = 0
    for member_id in list(recent):
        with transaction.atomic():
            lock_for_transaction(LockSpace.REFRESH)
            _erase_data(Called(member_id, frozenset()), now)
        late += 1
    return {"files": len(left), "looked_again": late} if left or late else {}


def holdings() -> dict[str, Holding]:
    """This function will return every kind of thing that some app keeps of members, by its code."""
    return {holding.code: holding for handler in member_data for holding in handler.holds}


def reasons_kept(kinds: Iterable[str]) -> dict[str, str | Promise]:
    """This function will say why kinds stay. A kind that no app knows any more has no reason left."""
    known = holdings()
    return {kind: known[kind].kept_because if kind in known else "" for kind in kinds}


# --- Steps


def _called(member_id: int) -> Called:
    profile = Member.objects.filter(pk=member_id).values_list("external_id", "phone", "email").first()
    if profile is None:
        raise NotFound(_("There is no such member."))
    external_id, *addresses = profile
    merged = MergeRecord.objects.standing().filter(member_id=member_id).values_list("dropped_external_id", "dropped")
    profiles = [dropped for _name, dropped in merged]
    addresses += [profile.get(column, "") for profile in profiles for column in ("phone", "email")]
    addresses += Identifier.objects.filter(member_id=member_id).values_list("value", flat=True)
    ids = {external_id, *(name for name, _dropped in merged)}
    return Called(member_id, frozenset(ids), frozenset(filter(None, addresses)) - ids)


def _names(member_id: int) -> set[str]:
    """Names of two characters and more: one alone stands in every other word."""
    merged = MergeRecord.objects.standing().filter(member_id=member_id).values_list("dropped", flat=True)
    names = {*Member.objects.filter(pk=member_id).values_list("name", flat=True), *(each.get("name", "") for each in merged)}
    return {name for name in names if len(name) > 1}


def _refusals(member_id: int, now: datetime) -> dict[Addressed, datetime]:
    """Who is forgotten is not advertised to again because the address comes back with a file. An address that another
    member has speaks for that member."""
    merged = MergeRecord.objects.standing().filter(member_id=member_id).values_list("dropped", flat=True)
    profiles = [*Member.objects.filter(pk=member_id).values(*ADDRESS_COLUMNS.values()), *merged]
    return {
        Addressed(channel, Purpose.MARKETING.value, address): now
        for channel, column in ADDRESS_COLUMNS.items()
        for address in {profile.get(column, "") for profile in profiles} - {""}
        if not holders_of(channel, [address]).keys() - {member_id}
    }


def _kept(member_id: int) -> Kept:
    kept: Kept = {}
    for handler in member_data:
        kept |= handler.export(member_id=member_id)
    return kept


def _counted(kept: Kept) -> Forgotten:
    """Parts of a kind (an order's lines) go or stay with it, and are not counted beside it."""
    gone: dict[str, int] = {}
    stays: dict[str, int] = {}
    for code, holding in holdings().items():
        count = len(kept.get(code, ()))
        if count:
            (stays if holding.kept_because else gone)[code] = count
    return Forgotten(gone, stays)


def _erase_data(called: Called, now: datetime) -> None:
    for handler in reversed([*member_data]):
        handler.erase(called=called, now=now)


def _forget_elsewhere(called: Called) -> None:
    texts = called.external_ids | called.addresses
    forget_answers_about(texts)
    forget_jobs_about(texts)
    mine = LogEntry.objects.filter(content_type__app_label="members", content_type__model="member")
    mine.filter(object_id=str(called.member_id)).update(object_repr="", change_message="")


def _empty(member_id: int, now: datetime) -> None:
    blank: dict[str, Any] = {**dict.fromkeys(PERSONAL_TEXTS, ""), **dict.fromkeys(PERSONAL_NUMBERS, None)}
    Member.objects.filter(pk=member_id).update(
        **blank,
        attributes={},
        made_up_fields=[],
        external_id=f"{ERASED_PREFIX}{secrets.token_hex(UNGUESSABLE)}",
        random_bucket=any_bucket(),
        created_at=now,
        erased_at=now,
    )


def _hashed(external_id: str) -> str:
    return salted_hmac("rekindle.erased", external_id, algorithm="sha256").hexdigest()


def _throw_files_away(erasure_id: int, now: datetime) -> None:
    erasure = Erasure.objects.get(pk=erasure_id)
    waiting = throw_away(erasure.imports, now=now)
    Erasure.objects.filter(pk=erasure_id).update(imports=sorted(waiting))
