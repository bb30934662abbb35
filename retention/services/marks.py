"""Whose turn it is: the dirty marks, and the members whom the passing of time alone changes."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_

from django.db import connection
from django.db.models import Q

from core.sql import insert_from_select
from members.models import DirtyMark, Order
from retention.models import DueMember
from retention.models.facts import WINDOWS
from retention.services.scratch import execute, know_size

MARKS = DirtyMark._meta.db_table


def has_marks() -> bool:
    return DirtyMark.objects.exists()


def drop_marks() -> int:
    """This function will delete the marks there are, for a pass that counts everybody anyway. Before it reads anything."""
    return execute(f"DELETE FROM {MARKS}")


def take_marks() -> None:
    """This function will move the marks into DueMember, each member once.

    Marks are deleted before facts are read: an ingest that commits after this statement leaves a mark for the next refresh,
    one that committed before is read. A mark that somebody else holds locked waits for the next refresh too.
    """
    if connection.vendor == "postgresql":
        execute(
            f"WITH taken AS (DELETE FROM {MARKS} WHERE id IN (SELECT id FROM {MARKS} FOR UPDATE SKIP LOCKED)"
            " RETURNING member_id) INSERT INTO due_member SELECT DISTINCT member_id FROM taken"
        )
    else:  # the transaction began by taking the only write lock: nothing comes between the two statements
        execute(f"INSERT INTO due_member SELECT DISTINCT member_id FROM {MARKS}")
        drop_marks()


def add_placed_between(*, after: datetime, until: datetime) -> None:
    """This function will make due whose orders were known before their moment had come."""
    _add(placed_between(after=after, until=until))


def placed_between(*, after: datetime, until: datetime) -> Q:
    return Q(placed_at__gt=after, placed_at__lte=until)


def add_crossing_edges(*, old_day: int, new_day: int) -> None:
    """This function will make due whose orders left a window between two shop days."""
    _add(reduce(or_, (Q(placed_day__range=(old_day - days + 1, new_day - days)) for days in WINDOWS)))


def count_due_members() -> int:
    """This function will say how many are due, and let the database know it too."""
    know_size(DueMember._meta.db_table)
    return DueMember.objects.count()


def _add(orders: Q) -> None:
    members = Order.objects.filter(orders).values_list("member_id").distinct()
    insert_from_select(DueMember, members, ["member_id"], conflict=["member_id"])
