"""What was reckoned of a member who turns out to be another: it moves, so that nothing earns twice, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.utils.translation import gettext as _

from core.batching import batches
from core.merging import members_of
from core.registry import MemberDataHandler, Moved
from members.models import EarnedEvent, EarnedOrder
from members.services.earning.holdings import HOLDS, export
from members.services.earning.marks import mark_orders

AT_ONCE = 5_000


def preview(*, keep: int, drop: int) -> Mapping[str, int]:
    """This function will count nothing: orders, events and entries say what moves."""
    return {}


def merge(*, keep: int, drop: int, now: datetime) -> Moved:
    """This function will move what was reckoned. What both earned for the same thing, such as this year's birthday, is
    counted twice by limits, and earned no third time."""
    orders = EarnedOrder.objects.filter(member_id=drop)
    order_ids = list(orders.order_by("pk").values_list("pk", flat=True))
    orders.update(member_id=keep)
    mine = EarnedEvent.objects.filter(member_id=drop)
    held = EarnedEvent.objects.filter(member_id=keep).values_list("line", "occurrence")
    twice = set(held) & set(mine.values_list("line", "occurrence"))
    renamed = {}
    for pk, line, occurrence in list(mine.values_list("pk", "line", "occurrence")):
        if (line, occurrence) in twice:
            renamed[str(pk)] = occurrence
            EarnedEvent.objects.filter(pk=pk).update(occurrence=f"merged:{pk}")
    event_ids = list(mine.order_by("pk").values_list("pk", flat=True))
    mine.update(member_id=keep)
    return {"orders": order_ids, "events": event_ids, "renamed": renamed}


def undo(*, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
    """This function will give back what is still `keep`'s, and have the orders reckoned anew: what was taken back while the
    two were one may hang on either."""
    for chunk in batches(moved.get("orders", []), AT_ONCE):
        EarnedOrder.objects.filter(pk__in=chunk, member_id=keep).update(member_id=drop)
        mark_orders(chunk)
    for chunk in batches(moved.get("events", []), AT_ONCE):
        EarnedEvent.objects.filter(pk__in=chunk, member_id=keep).update(member_id=drop)
    for pk, occurrence in moved.get("renamed", {}).items():
        EarnedEvent.objects.filter(pk=pk, member_id=drop).update(occurrence=occurrence)


def left_behind(*, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """This function will find what was reckoned of a member who is gone."""
    sentence = _("still has earnings")
    return members_of((EarnedOrder.objects.all(), sentence), (EarnedEvent.objects.all(), sentence), among=holders)


HANDLER = MemberDataHandler(
    "earning",
    {},
    preview=preview,
    merge=merge,
    undo=undo,
    left_behind=left_behind,
    holds=HOLDS,
    export=export,
)
