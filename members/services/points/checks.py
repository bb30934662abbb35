"""What `verify` proves about points: account = lots = entries, each lot = its movements, each entry = its movements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import connection
from django.utils.translation import gettext_lazy as _

from core.registry import Check
from members.models import LedgerEntry, LotMovement, LotState, PointsAccount, PointsLot

MOST_NAMED = 20

ACCOUNTS, ENTRIES = PointsAccount._meta.db_table, LedgerEntry._meta.db_table
LOTS, MOVEMENTS = PointsLot._meta.db_table, LotMovement._meta.db_table


def accounts_are_their_lots() -> Iterator[str]:
    """This function will name members whose account is not the sum of their lots."""
    yield from _named(
        "member {0}: the account says {1} available and {2} pending, the lots {3} and {4}",
        _compared(LOTS, ("available", "pending")),
    )


def accounts_are_their_entries() -> Iterator[str]:
    """This function will name members whose account is not the sum of their entries."""
    yield from _named(
        "member {0}: the account is {1} available, {2} pending, {3} owed; its entries add up to {4}, {5} and {6}",
        _compared(ENTRIES, ("available", "pending", "owed")),
    )


def _compared(rows: str, names: Sequence[str]) -> str:
    """Accounts beside the sums of other rows, where they differ."""
    said, held = [f"said_{name}" for name in names], [f"held_{name}" for name in names]
    of_account = ", ".join([f"{name} AS said_{name}" for name in names] + [f"0 AS held_{name}" for name in names])
    of_rows = ", ".join([*("0" for _ in names), *names])
    sums = ", ".join(f"SUM({name})" for name in (*said, *held))
    differs = " OR ".join(f"SUM({one}) <> SUM({other})" for one, other in zip(said, held, strict=True))
    return (
        f"SELECT member_id, {sums} FROM (SELECT member_id, {of_account} FROM {ACCOUNTS}"
        f" UNION ALL SELECT member_id, {of_rows} FROM {rows}) AS both_sides GROUP BY member_id HAVING {differs}"
    )


def lots_are_their_movements() -> Iterator[str]:
    """This function will name lots in which a state does not hold what movements brought and took."""
    sums = ", ".join(
        f"SUM(CASE WHEN went_to = '{state}' THEN points WHEN came_from = '{state}' THEN -points ELSE 0 END) AS {state}"
        for state in LotState.values
    )
    differs = " OR ".join(f"lot.{state} <> COALESCE(moved.{state}, 0)" for state in LotState.values)
    yield from _named(
        "points lot {0} of member {1} is not what its movements made of it",
        f"SELECT lot.id, lot.member_id FROM {LOTS} AS lot LEFT JOIN (SELECT lot_id, {sums} FROM {MOVEMENTS} GROUP BY lot_id)"
        f" AS moved ON moved.lot_id = lot.id WHERE {differs}",
    )


def entries_are_their_movements() -> Iterator[str]:
    """This function will name entries that say something else than their movements."""
    moved = ", ".join(
        f"SUM(CASE WHEN went_to = '{state}' THEN points WHEN came_from = '{state}' THEN -points ELSE 0 END) AS {state}"
        for state in ("available", "pending")
    )
    sums = f"SELECT entry_id, SUM(points) AS points, {moved} FROM {MOVEMENTS} GROUP BY entry_id"
    yield from _named(
        "points entry {0} of member {1} says something else than its movements",
        f"SELECT entry.id, entry.member_id FROM {ENTRIES} AS entry LEFT JOIN ({sums})"
        " AS moved ON moved.entry_id = entry.id WHERE entry.kind <> 'transfer' AND ("
        "entry.available <> COALESCE(moved.available, 0) OR entry.pending <> COALESCE(moved.pending, 0)"
        " OR entry.points <> COALESCE(moved.points, 0) + entry.shortfall"
        " + CASE WHEN entry.kind = 'take_back' THEN entry.owed ELSE 0 END)",
    )


def nobody_has_and_owes() -> Iterator[str]:
    """This function will name members who owe points while they have some."""
    yield from _named(
        "member {0} owes {1} points and has {2}",
        f"SELECT member_id, owed, available FROM {ACCOUNTS} WHERE owed > 0 AND available > 0",
    )


def _named(sentence: str, sql: str) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} ORDER BY 1 LIMIT {MOST_NAMED}")
        for row in cursor.fetchall():
            yield sentence.format(*row)


CHECKS = (
    Check("points_lots", _("points: accounts and lots"), accounts_are_their_lots),
    Check("points_entries", _("points: accounts and entries"), accounts_are_their_entries),
    Check("points_lot_movements", _("points: lots and movements"), lots_are_their_movements),
    Check("points_entry_movements", _("points: entries and movements"), entries_are_their_movements),
    Check("points_debts", _("points: debts"), nobody_has_and_owes),
)
