"""What time alone does to points, for everybody: releases and expiries, a few statements for thousands of lots.

A member's account is locked before their lots, as everywhere; who is being served by somebody else right now is left for
that service (it settles first) or for the next run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from core.scratch import execute, know_size, scratch_table
from members.models import DirtyMark, EntryKind, LedgerEntry, LotMovement, LotState, PointsAccount, PointsLot
from members.services.points.book import settle_members
from members.services.points.refusals import OURS

CHUNK = 50_000
"""Lots a transaction: large enough that a statement costs little a lot, small enough that members wait a second at most."""

ACCOUNTS, ENTRIES = PointsAccount._meta.db_table, LedgerEntry._meta.db_table
LOTS, MOVEMENTS = PointsLot._meta.db_table, LotMovement._meta.db_table
MARKS = DirtyMark._meta.db_table


@dataclass(frozen=True, slots=True)
class Passage:
    """One thing that time does: points in `came_from` whose `instant` has come go to `went_to`."""

    kind: EntryKind
    came_from: LotState
    went_to: LotState
    instant: str
    reference: str
    available: int
    pending: int


RELEASE = Passage(
    EntryKind.RELEASE,
    LotState.PENDING,
    LotState.AVAILABLE,
    "releases_at",
    f"'{OURS}release:' || lot.id",
    available=1,
    pending=-1,
)
EXPIRE = Passage(
    EntryKind.EXPIRE,
    LotState.AVAILABLE,
    LotState.EXPIRED,
    "expires_at",
    f"'{OURS}expire:' || lot.id || ':' || lot.expired",
    available=-1,
    pending=0,
)


def settle_points(*, now: datetime) -> Mapping[str, int]:
    """This function will release and expire what is due by `now`, for everybody, and return how many lots."""
    return {"released": pass_all(RELEASE, now=now), "expired": pass_all(EXPIRE, now=now)}


def pass_all(passage: Passage, *, now: datetime, chunk: int = CHUNK) -> int:
    """This function will carry out one passage in chunks, each a transaction of its own: it may die at any point.

    Members who owe are settled one by one: what comes to them pays first.
    """
    done = _settle_owing(passage, now=now)
    while some := _pass_chunk(passage, now=now, chunk=chunk):
        done += some
    return done


def _settle_owing(passage: Passage, *, now: datetime) -> int:
    owing = PointsAccount.objects.filter(owed__gt=0).values("member_id")
    lots = PointsLot.objects.filter(
        **{f"{passage.came_from}__gt": 0, f"{passage.instant}__lte": now, "member_id__in": owing}
    ).values_list("pk", "member_id")
    members = dict(lots)
    settle_members(set(members.values()), now=now)
    return len(members)


def _pass_chunk(passage: Passage, *, now: datetime, chunk: int) -> int:
    """Steps: hold accounts that have something due; choose their lots; an entry and a movement each; lots; accounts."""
    moment = connection.ops.adapt_datetimefield_value(now)
    with (
        transaction.atomic(),
        scratch_table("due_account", "member_id bigint"),
        scratch_table("due_lot", "lot_id bigint, member_id bigint, points bigint, reference text"),
    ):
        found = _choose(passage, moment, chunk)
        if found:
            _write(passage, moment)
        return found


def _choose(passage: Passage, moment: Any, chunk: int) -> int:
    due = f"{passage.came_from} > 0 AND {passage.instant} <= %s"
    free = " ORDER BY member_id FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    execute(
        f"INSERT INTO due_account SELECT member_id FROM {ACCOUNTS} WHERE owed = 0"
        f" AND member_id IN (SELECT member_id FROM {LOTS} WHERE {due} LIMIT {chunk}){free}",
        [moment],
    )
    know_size("due_account")
    found = execute(
        f"INSERT INTO due_lot SELECT lot.id, lot.member_id, lot.{passage.came_from}, {passage.reference}"
        f" FROM {LOTS} AS lot WHERE {due} AND lot.member_id IN (SELECT member_id FROM due_account)",
        [moment],
    )
    know_size("due_lot")
    return found


def _write(passage: Passage, moment: Any) -> None:
    execute(
        f'INSERT INTO {ENTRIES} (member_id, kind, reference, points, available, pending, owed, shortfall, reason, at, "by")'
        f" SELECT member_id, '{passage.kind}', reference, points, points * {passage.available},"
        f" points * {passage.pending}, 0, 0, '', %s, '' FROM due_lot ORDER BY member_id, lot_id",
        [moment],
    )
    execute(
        f"INSERT INTO {MOVEMENTS} (entry_id, lot_id, points, came_from, went_to)"
        f" SELECT entry.id, due_lot.lot_id, due_lot.points, '{passage.came_from}', '{passage.went_to}' FROM due_lot"
        f" JOIN {ENTRIES} AS entry ON entry.member_id = due_lot.member_id AND entry.reference = due_lot.reference"
    )
    execute(
        f"UPDATE {LOTS} SET {passage.came_from} = 0, {passage.went_to} = {passage.went_to} + due_lot.points"
        f" FROM due_lot WHERE {LOTS}.id = due_lot.lot_id"
    )
    execute(
        f"UPDATE {ACCOUNTS} SET available = available + total.points * {passage.available},"
        f" pending = pending + total.points * {passage.pending}"
        " FROM (SELECT member_id, SUM(points) AS points FROM due_lot GROUP BY member_id) AS total"
        f" WHERE {ACCOUNTS}.member_id = total.member_id"
    )
    execute(f"INSERT INTO {MARKS} (member_id) SELECT DISTINCT member_id FROM due_lot")
