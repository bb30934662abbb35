"""Events that the product writes of what it does: in the transaction of what they report, and never from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from core.conf import shop_zone
from core.periods import day_number
from core.sql import insert_rows
from members.models import OWN_ID_PREFIX, BehaviourEvent, DirtyMark, EventKind, Member

COLUMNS = (
    "external_id", "member_id", "kind", "occurred_at", "day", "properties", "session_id", "page", "category", "keyword",
    "topic",
)  # fmt: skip
MEMBERS = Member._meta.db_table
NOT_TOLD = ("", "", "", "", "")

Told = tuple[int, int, Mapping[str, Any]]
"""The id of the row that is reported, the member's, and what is noted of it."""


def own_id(kind: EventKind, reported_id: int) -> str:
    """This function will name the event that reports a row: the same row again is the same event."""
    return f"{OWN_ID_PREFIX}{kind.value}:{reported_id}"


def write_own_events(kind: EventKind, told: Sequence[Told], *, at: datetime) -> int:
    """This function will write an event for each row that is reported, mark the members, and return how many are new.

    Inside the caller's transaction. A member who was erased meanwhile has no events any more.
    """
    known = _held({member_id for _id, member_id, _noted in told})
    day = day_number(at, shop_zone())
    rows = [
        (own_id(kind, reported_id), member_id, kind.value, at, day, noted, *NOT_TOLD)
        for reported_id, member_id, noted in told
        if member_id in known
    ]
    made = insert_rows(BehaviourEvent, COLUMNS, rows, conflict=["external_id"], returning=["member_id"])
    insert_rows(DirtyMark, ["member_id"], sorted(set(made)))
    return len(made)


def take_back_own_event(kind: EventKind, reported_id: int) -> None:
    """This function will remove the event of a row that does not hold any more, and mark its member."""
    event = BehaviourEvent.objects.filter(external_id=own_id(kind, reported_id))
    members = list(event.values_list("member_id", flat=True))
    event.delete()
    insert_rows(DirtyMark, ["member_id"], [(member_id,) for member_id in members])


def _held(member_ids: Collection[int]) -> set[int]:
    """Those of the members that exist, who will until the transaction ends."""
    if connection.vendor != "postgresql":
        return set(Member.objects.filter(pk__in=list(member_ids)).values_list("pk", flat=True))  # nobody else writes now
    with connection.cursor() as cursor:
        # What a foreign key itself asks for, only sooner: who erases one of them waits, or came first.
        cursor.execute(f"SELECT id FROM {MEMBERS} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [sorted(member_ids)])
        return {row[0] for row in cursor.fetchall()}
