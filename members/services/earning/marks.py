"""Which orders, events and profiles are to be reckoned: noted in the transaction that wrote them, where any rule asks."""

from __future__ import annotations

from collections.abc import Iterable

from core.queue import enqueue_on_commit
from core.sql import insert_rows
from members.models import EarningMark, EarningRule, MarkedSource
from members.models.earning import ORDER, PROFILE

WORK = "members.earn"


def mark_orders(order_ids: Iterable[int]) -> None:
    """This function will note orders that were written or removed, in one statement; nothing where no rule is for orders.

    A rule that begins waits for everybody who is writing (`keep_writers_out`): nothing it concerns goes unnoted.
    """
    if EarningRule.objects.filter(occasion=ORDER).exists():
        _mark(MarkedSource.ORDER, order_ids)


def mark_profiles(member_ids: Iterable[int]) -> None:
    """This function will note members whose profile was written, likewise."""
    if EarningRule.objects.filter(occasion=PROFILE).exists():
        _mark(MarkedSource.PROFILE, member_ids)


def mark_events(events: Iterable[tuple[int, str]]) -> None:
    """This function will note events (id, kind) that were written or removed, likewise: those of kinds with a rule."""
    asked = set(EarningRule.objects.values_list("occasion", flat=True).distinct())
    if asked:
        _mark(MarkedSource.EVENT, (event_id for event_id, kind in events if kind in asked))


def _mark(source: MarkedSource, row_ids: Iterable[int]) -> None:
    rows = [(source.value, row_id) for row_id in sorted(row_ids)]
    if rows:
        insert_rows(EarningMark, ["source", "row_id"], rows)
        enqueue_on_commit(WORK)
