"""Growth of a member who turns out to be another: entries move, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.batching import batches
from core.merging import members_of
from core.registry import MemberDataHandler, Moved
from members.models import GrowthEntry
from members.services.growth.holdings import HOLDS, erase, export
from members.services.points.book import held_account
from members.services.points.refusals import OURS

KINDS = {"growth_entries": gettext_lazy("growth entries")}
AT_ONCE = 5_000


def preview(*, keep: int, drop: int) -> Mapping[str, int]:
    """This function will count what would move."""
    return {"growth_entries": GrowthEntry.objects.filter(member_id=drop).count()}


def merge(*, keep: int, drop: int, now: datetime) -> Moved:
    """This function will move entries. A reference that both have stands for the kept member's entry from now on; the
    dropped one's gets another name."""
    mine = GrowthEntry.objects.filter(member_id=drop)
    if not mine.exists():
        return {"entries": [], "renamed": {}}
    held_account(keep)
    taken = GrowthEntry.objects.filter(member_id=keep).values("reference")
    renamed = dict(mine.filter(reference__in=taken).values_list("pk", "reference"))
    for pk in renamed:
        GrowthEntry.objects.filter(pk=pk).update(reference=f"{OURS}merged:{drop}:{pk}")
    ids = list(mine.order_by("pk").values_list("pk", flat=True))
    mine.update(member_id=keep)
    return {"entries": ids, "renamed": {str(pk): reference for pk, reference in renamed.items()}}


def undo(*, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
    """This function will give back what is still `keep`'s."""
    if not moved.get("entries"):
        return
    held_account(keep)
    for chunk in batches(moved["entries"], AT_ONCE):
        GrowthEntry.objects.filter(pk__in=chunk, member_id=keep).update(member_id=drop)
    for pk, reference in moved["renamed"].items():
        GrowthEntry.objects.filter(pk=pk, member_id=drop).update(reference=reference)


def left_behind(*, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """This function will find growth that hangs on a member who is gone."""
    return members_of((GrowthEntry.objects.all(), _("still has growth entries")), among=holders)


HANDLER = MemberDataHandler(
    "growth",
    KINDS,
    preview=preview,
    merge=merge,
    undo=undo,
    left_behind=left_behind,
    holds=HOLDS,
    export=export,
    erase=erase,
)
