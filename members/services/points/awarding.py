"""Giving points: to one member or to thousands in a few statements, each under its reference, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import FieldProblem
from core.sql import find_rows, insert_rows, update_rows
from members.models import DirtyMark, EntryKind, LedgerEntry, LotMovement, LotState, PointsAccount, PointsLot
from members.services.points.book import entry_under, held_accounts, settle_members
from members.services.points.policy import expiry_of, points_policy
from members.services.points.refusals import check_points, check_reference, reference_used, refuse

LONGEST_WAIT_DAYS = 3_650

ENTRY_COLUMNS = (
    "member_id", "kind", "reference", "points", "available", "pending", "owed", "shortfall", "reason", "at", "by",
    "order_id", "rule",
)  # fmt: skip
LOT_COLUMNS = (
    "member_id", "entry", "granted", "available", "pending", "spent", "expired", "reversed", "earned_at", "releases_at",
    "expires_at", "order_id",
)  # fmt: skip

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Award:
    """Points for a member, available at once, from `releases_at` on, or with `waits` when their order is completed.

    Without `expires_at` the shop's policy says when they expire.
    """

    member_id: int
    points: int
    reference: str
    reason: str = ""
    releases_at: datetime | None = None
    waits: bool = False
    expires_at: datetime | None = None
    order_id: int | None = None
    by: str = ""
    rule_id: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The entry a call stands for, and whether it was made by this very call."""

    entry: LedgerEntry
    created: bool


def award_points(
    *,
    member_id: int,
    points: int,
    reference: str,
    now: datetime,
    reason: str = "",
    pending_days: int = 0,
    expires_at: datetime | None = None,
    by: str = "",
) -> Receipt:
    """This function will give a member points, available at once or `pending_days` from now.

    The same reference and amount again: the first entry. Raises PointsRefused for a reference that stands for something
    else, InvalidInput naming what is wrong with the input.
    """
    refuse(check_points(points), check_reference(reference), _wait_problem(pending_days))
    releases_at = now + timedelta(days=pending_days) if pending_days else None
    refuse(_expiry_problem(expires_at, releases_at or now))
    award = Award(member_id, points, reference, reason, releases_at, expires_at=expires_at, by=by)
    with transaction.atomic():
        made = award_batch(awards=[award], now=now)
        entry = entry_under(member_id, reference)
        if entry is None or entry.kind != EntryKind.AWARD or entry.points != points:
            raise reference_used(reference)
    return Receipt(entry, created=bool(made))


def award_batch(*, awards: Sequence[Award], now: datetime) -> dict[Key, int]:
    """This function will give points to many members inside the caller's transaction and return the new entries' ids.

    1. Accounts are made where there are none and locked in the order of member ids.
    2. Entries are inserted; a (member, reference) that is there already is left alone, whatever it stands for.
    3. Each new entry gets its lot and movement, each account its sum; whose balance rose is marked for the next refresh.
    4. Who owes points pays with what became available.

    Answers {(member id, reference): entry id} for what this call gave. Of two awards under one key the first is given.
    """
    wanted: dict[Key, Award] = {}
    for award in awards:
        wanted.setdefault((award.member_id, award.reference), award)
    with transaction.atomic(savepoint=False):
        accounts = held_accounts({member_id for member_id, _reference in wanted})
        made = _insert_entries(wanted, now)
        given = {key: wanted[key] for key in made}
        _insert_lots(given, made, now)
        _add_up(accounts, given)
        settle_members({award.member_id for award in given.values() if accounts[award.member_id].owed}, now=now)
    return made


def _insert_entries(wanted: Mapping[Key, Award], now: datetime) -> dict[Key, int]:
    known = {
        (member, ref)
        for member, ref in find_rows(LedgerEntry, ["member_id", "reference"], wanted, returning=["member_id", "reference"])
    }
    rows = [_entry_row(award, now) for key, award in wanted.items() if key not in known]
    made = insert_rows(
        LedgerEntry, ENTRY_COLUMNS, rows, conflict=["member_id", "reference"], returning=["member_id", "reference", "pk"]
    )
    return {(member_id, reference): pk for member_id, reference, pk in made}


def _entry_row(award: Award, now: datetime) -> tuple[object, ...]:
    kind, at, nothing = EntryKind.AWARD.value, now, 0
    told = (award.reason, at, award.by, award.order_id, award.rule_id)
    return (award.member_id, kind, award.reference, award.points, *_parts(award), nothing, nothing, *told)


def _insert_lots(given: Mapping[Key, Award], made: Mapping[Key, int], now: datetime) -> None:
    policy = points_policy()
    rows = []
    for key, award in given.items():
        available, pending = _parts(award)
        expires_at = award.expires_at
        if expires_at is None and not award.waits:
            expires_at = expiry_of(policy, available_from=award.releases_at or now)
        amounts = (award.points, available, pending, 0, 0, 0)
        rows.append((award.member_id, made[key], *amounts, now, award.releases_at, expires_at, award.order_id))
    lots = insert_rows(PointsLot, LOT_COLUMNS, rows, returning=["pk", "entry", "granted", "available"])
    moves = [
        (entry, lot, granted, "", (LotState.AVAILABLE if available else LotState.PENDING).value)
        for lot, entry, granted, available in lots
    ]
    insert_rows(LotMovement, ["entry", "lot", "points", "came_from", "went_to"], moves)


def _add_up(accounts: Mapping[int, PointsAccount], given: Mapping[Key, Award]) -> None:
    touched = set()
    for award in given.values():
        available, pending = _parts(award)
        account = accounts[award.member_id]
        account.available += available
        account.pending += pending
        touched.add(account.pk)
    rows = [(pk, accounts[pk].available, accounts[pk].pending) for pk in sorted(touched)]
    update_rows(PointsAccount, "member_id", ["available", "pending"], rows)
    spendable = sorted({award.member_id for award in given.values() if award.releases_at is None})
    insert_rows(DirtyMark, ["member_id"], [(pk,) for pk in spendable])


def _parts(award: Award) -> tuple[int, int]:
    """(available, pending) of an award."""
    waits = award.waits or award.releases_at is not None
    return (0, award.points) if waits else (award.points, 0)


def _wait_problem(days: object) -> FieldProblem | None:
    if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= LONGEST_WAIT_DAYS:
        return FieldProblem("pending_days", "out_of_range", _("A whole number of days from 0 to 3,650."))
    return None


def _expiry_problem(expires_at: datetime | None, available_from: datetime) -> FieldProblem | None:
    if expires_at is not None and expires_at <= available_from:
        return FieldProblem("expires_at", "too_early", _("Points cannot expire before they can be used."))
    return None
