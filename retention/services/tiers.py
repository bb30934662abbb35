"""Who holds which tier: worked out in the refresh, for the members who changed, or for everybody where the scheme did.

A tier is reached at once. It is lost by the scheme's policy alone: never, by what a refund took away, or at a review. What a
member would hold by a count of everybody is what is stored; `verify` proves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from core.periods import date_of
from core.scratch import execute
from members.models import GrowthEntry, MemberTier, Order, Tier, TierChange, TierMeasure, TierScheme, TierWindow
from retention.models.facts import WINDOWS
from retention.services.marks import add_due
from retention.services.tier_counting import HELD, Counting, Rung, Sql, counted, decided, fresh_rows, window_begin

CHANGES = TierChange._meta.db_table
STORED = ("tier_id", "since_day", "value", "best", "review_day", "drop_day")
MOST_ROWS = 101
"""Differing members that are named: as many as anybody reads."""


def tier_scheme() -> TierScheme | None:
    """This function will read the scheme in force; None while the shop has no tiers."""
    return TierScheme.objects.first()


def rungs_of(tiers: Sequence[Tier]) -> list[Rung]:
    return [Rung(tier.level, tier.threshold, tier.pk) for tier in tiers]


# --- Whose turn it is


def add_due_by_time(*, old_day: int, new_day: int) -> None:
    """This function will make due, in DueMember, whose tier or measure the passing of days alone may change.

    What leaves the windows that facts have is due already.
    """
    scheme = tier_scheme()
    if scheme is None:
        return
    held = MemberTier.objects.filter(Q(review_day__lte=new_day) | Q(drop_day__lte=new_day))
    add_due(held.values_list("member_id"), changed=False)
    if scheme.window == TierWindow.YEAR:
        if date_of(old_day).year != date_of(new_day).year:
            add_due(MemberTier.objects.exclude(value=0).values_list("member_id"), changed=False)
        return
    left = (window_begin(scheme, old_day), window_begin(scheme, new_day) - 1)
    if scheme.measure == TierMeasure.GROWTH:
        add_due(GrowthEntry.objects.filter(day__range=left).values_list("member_id"), changed=False)
    elif scheme.window_days not in WINDOWS:
        add_due(Order.objects.filter(placed_day__range=left).values_list("member_id"), changed=False)


# --- The count


def count_tiers(*, as_of: datetime, everybody: bool, run_id: int) -> Mapping[str, int]:
    """This function will write the tiers of everybody, or of the members in DueMember, as of `as_of`, and what changed.

    1. Measures of those concerned are added up; what each holds from now on is decided.
    2. Changes are appended to the history; then the rows that differ are written, and no others.
    3. A scheme that had changed is noted as counted, unless somebody changed it again meanwhile.
    """
    counting = _counting(as_of=as_of, everybody=everybody)
    if counting is None:
        return {}
    with counted(counting), decided(counting):
        told = _write_history(counting, run_id)
        written = _write_rows(counting)
    scheme = counting.scheme
    if counting.changed or scheme.began_day is None:
        TierScheme.objects.filter(pk=scheme.pk, version=scheme.version).update(
            counted_version=scheme.version, began_day=counting.began_day, moves_down=False, restarts=False
        )
    return {"tiers_written": written, "tiers_changed": told}


def changed_in(run_id: int) -> QuerySet[Any, Any]:
    """This function will select the members who came to hold another tier in a refresh."""
    return TierChange.objects.filter(run_id=run_id).values("member_id")


def _counting(*, as_of: datetime, everybody: bool) -> Counting | None:
    scheme = tier_scheme()
    rungs = rungs_of(list(Tier.objects.in_force())) if scheme else []
    if scheme is None or not rungs:
        return None
    changed = scheme.version != scheme.counted_version
    return Counting(scheme, rungs, as_of, due_only=not (everybody or changed), changed=changed)


def _write_history(counting: Counting, run_id: int) -> int:
    """A first tier is told unless it is the lowest: everybody begins there."""
    moment = connection.ops.adapt_datetimefield_value(counting.as_of)
    level_before = f"COALESCE({counting.level_held('old_tier')}, 0)"  # none for a tier that was taken out
    return execute(
        f"INSERT INTO {CHANGES} (member_id, came_from_id, went_to_id, upgraded, cause, value, at, run_id)"
        f" SELECT member_id, old_tier, {counting.tier_at('level')}, (old_tier IS NULL OR level > {level_before}), cause,"
        " value, %s, %s FROM tier_next WHERE cause <> '' AND (old_tier IS NOT NULL OR level > 1) ORDER BY member_id",
        [moment, run_id],
    )


def _write_rows(counting: Counting) -> int:
    sql, params = _differing(counting)
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in STORED)
    return execute(
        f"INSERT INTO {HELD} (member_id, {', '.join(STORED)}) {sql} ON CONFLICT (member_id) DO UPDATE SET {updates}",
        params,
    )


def _differing(counting: Counting) -> Sql:
    """SELECT of the rows in `tier_next` that are not stored just so."""
    sql, params = fresh_rows(counting)
    same = "IS NOT DISTINCT FROM" if connection.vendor == "postgresql" else "IS"
    alike = " AND ".join(f"held.{name} {same} fresh.{name}" for name in STORED)
    columns = ", ".join(f"fresh.{name}" for name in ("member_id", *STORED))
    return (
        f"SELECT {columns} FROM ({sql}) AS fresh LEFT JOIN {HELD} AS held ON held.member_id = fresh.member_id"
        f" WHERE held.member_id IS NULL OR NOT ({alike}) ORDER BY fresh.member_id",
        params,
    )


# --- What `verify` proves


def differing_members(*, as_of: datetime) -> list[int]:
    """This function will name members whose stored tier is not what a count of everybody gives; at most MOST_ROWS."""
    counting = _counting(as_of=as_of, everybody=True)
    if counting is None:
        return []
    with counted(counting), decided(counting), connection.cursor() as cursor:
        sql, params = _differing(counting)
        cursor.execute(f"{sql} LIMIT {MOST_ROWS}", params)
        return [row[0] for row in cursor.fetchall()]
