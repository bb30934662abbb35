"""Whose turn it is: the dirty marks, and the members whom the passing of time alone changes."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Exists, Q, QuerySet, Value

from core.conf import shop_zone
from core.periods import start_of
from core.scratch import execute, know_size
from core.sql import insert_from_select
from members.models import BehaviourEvent, DirtyMark, Order, Refund
from retention.features.events import WINDOWED
from retention.models import DueMember, RefreshState
from retention.models.facts import WINDOWS

MARKS = DirtyMark._meta.db_table


def take_marks() -> None:
    """This function will move the marks into DueMember, each member once.

    Marks are deleted before facts are read: an ingest that commits after this statement leaves a mark for the next refresh,
    one that committed before is read. A mark that somebody else holds locked waits for the next refresh too.
    """
    if connection.vendor == "postgresql":
        execute(
            f"WITH taken AS (DELETE FROM {MARKS} WHERE id IN (SELECT id FROM {MARKS} FOR UPDATE SKIP LOCKED)"
            " RETURNING member_id) INSERT INTO due_member (member_id) SELECT DISTINCT member_id FROM taken"
        )
    else:  # the transaction began by taking the only write lock: nothing comes between the two statements
        execute(f"INSERT INTO due_member (member_id) SELECT DISTINCT member_id FROM {MARKS}")
        execute(f"DELETE FROM {MARKS}")


def any_due(*, after: datetime, until: datetime) -> bool:
    """This function will say whether there is a mark, or an order, event or refund known before that has had its moment."""
    moments = (Exists(rows) for rows in (DirtyMark.objects.all(), *_known_before(after, until)))
    # All at once, asked of the one row there is: this is looked at every minute.
    return RefreshState.objects.filter(reduce(or_, moments)).exists()


def add_whose_moment_came(*, after: datetime, until: datetime) -> None:
    """This function will make due whose orders, events and refunds were known before their moment had come."""
    orders, events, refunds = _known_before(after, until)
    add_due(orders.values_list("member_id"), changed=True)
    add_due(events.values_list("member_id"), changed=True)
    add_due(refunds.values_list("order__member_id"), changed=True)


def add_crossing_edges(*, old_day: int, new_day: int) -> None:
    """This function will make due whose orders or events left a window between two shop days, after those who changed."""
    orders = (Q(placed_day__range=(old_day - days + 1, new_day - days)) for days in WINDOWS)
    add_due(Order.objects.filter(reduce(or_, orders)).values_list("member_id"), changed=False)
    for kind, days in WINDOWED:
        first, end = (start_of(edge, shop_zone()) for edge in (old_day - days + 1, new_day - days + 1))
        crossed = BehaviourEvent.objects.filter(kind=kind, occurred_at__gte=first, occurred_at__lt=end)
        add_due(crossed.values_list("member_id"), changed=False)


def add_due(members: QuerySet[Any, Any], *, changed: bool) -> None:
    """This function will make due the members whose ids are selected; who is due already stays as they are."""
    ids = members.order_by().distinct()
    rows = ids.annotate(changed=Value(changed)).values_list(*ids.query.values_select, "changed")
    insert_from_select(DueMember, rows, ["member_id", "changed"], conflict=["member_id"])


def count_due_members() -> int:
    """This function will say how many are due, and let the database know it too."""
    know_size(DueMember._meta.db_table)
    return DueMember.objects.count()


def _known_before(after: datetime, until: datetime) -> tuple[QuerySet[Order], QuerySet[BehaviourEvent], QuerySet[Refund]]:
    return (
        Order.objects.filter(placed_at__gt=after, placed_at__lte=until),
        BehaviourEvent.objects.filter(occurred_at__gt=after, occurred_at__lte=until),
        Refund.objects.filter(refunded_at__gt=after, refunded_at__lte=until),
    )
