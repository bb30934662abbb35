"""What is inferred about a member who turns out to be another: facts and memberships go, lists are joined.

What the kept member's facts and segments become, the next refresh works out. Transitions stay as they were: they tell what
was true of a number, and planning passes over numbers that nobody has any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.merging import members_of
from core.registry import MemberDataHandler, Moved
from core.sql import insert_json, insert_rows, rows_as_json
from retention.models import MemberFacts, MemberForecast, MemberMask, Membership, Segment, StaticMember
from retention.services.holdings import HOLDS, erase, export

KINDS = {"lists": gettext_lazy("fixed lists")}


def preview(*, keep: int, drop: int) -> dict[str, int]:
    """This function will count the fixed lists on which only the dropped member stands."""
    return {"lists": len(_lists_gained(keep, drop))}


def merge(*, keep: int, drop: int, now: datetime) -> Moved:
    """This function will take the dropped member off every segment, without a transition: nobody left.

    The caller holds the lock of refreshes, so that no mask is written behind it.
    """
    memberships = Membership.objects.filter(member_id=drop)
    masks = MemberMask.objects.filter(member_id=drop)
    facts = MemberFacts.objects.filter(pk=drop)
    listed = StaticMember.objects.filter(member_id=drop)
    gained = _lists_gained(keep, drop)
    moved = {
        "facts": rows_as_json(facts),
        "masks": rows_as_json(masks.order_by("word")),
        "memberships": rows_as_json(memberships.order_by("pk")),
        "places": {str(pk): [word, bit] for pk, word, bit in _places(memberships.values_list("segment_id", flat=True))},
        "listed": rows_as_json(listed.order_by("pk")),
        "gained": gained,
    }
    _count(memberships.values_list("segment_id", flat=True), -1)
    for rows in (memberships, masks, facts, listed, MemberForecast.objects.filter(pk=drop)):
        rows.delete()
    insert_rows(StaticMember, ["segment", "member_id"], [(segment_id, keep) for segment_id in gained])
    return moved


def undo(*, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
    """This function will put the member back into the segments that still stand where they stood.

    So the next refresh sees who came and who went in truth: somebody who was inside all along does not enter again.
    """
    StaticMember.objects.filter(member_id=keep, segment_id__in=moved["gained"]).delete()
    there = {str(pk): [word, bit] for pk, word, bit in _places([int(pk) for pk in moved["places"]])}
    stands = {int(pk) for pk, place in moved["places"].items() if there.get(pk) == place}
    insert_json(MemberFacts, moved["facts"])
    insert_json(Membership, back := [row for row in moved["memberships"] if row["segment_id"] in stands])
    _count([row["segment_id"] for row in back], +1)
    flags: dict[int, int] = {}
    for word, bit in (there[str(row["segment_id"])] for row in back):
        flags[word] = flags.get(word, 0) | 1 << bit
    insert_json(MemberMask, [{**row, "mask": row["mask"] & flags.get(row["word"], 0)} for row in moved["masks"]])
    lists = set(Segment.objects.filter(static=True).values_list("pk", flat=True))
    insert_json(StaticMember, [row for row in moved["listed"] if row["segment_id"] in lists])


def left_behind(*, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    return members_of(
        (MemberMask.objects.all(), _("is still in the masks of segments")),
        (Membership.objects.all(), _("is still in a segment")),
        (StaticMember.objects.all(), _("is still on a fixed list")),
        among=holders,
    )


HANDLER = MemberDataHandler(
    "retention",
    KINDS,
    preview=preview,
    merge=merge,
    undo=undo,
    left_behind=left_behind,
    holds=HOLDS,
    export=export,
    erase=erase,
)


def _lists_gained(keep: int, drop: int) -> list[int]:
    held = StaticMember.objects.filter(member_id=keep).values("segment_id")
    mine = StaticMember.objects.filter(member_id=drop).exclude(segment_id__in=held)
    return list(mine.order_by("segment_id").values_list("segment_id", flat=True))


def _places(segment_ids: Any) -> Any:
    return Segment.objects.filter(pk__in=segment_ids).values_list("pk", "word", "bit")


def _count(segment_ids: Any, difference: int) -> None:
    Segment.objects.filter(pk__in=list(segment_ids)).update(member_count=F("member_count") + difference)
