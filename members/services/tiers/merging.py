"""The tier of a member who turns out to be another: the higher of the two stays, the next refresh works out the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.batching import batches
from core.merging import members_of
from core.registry import MemberDataHandler, Moved
from core.sql import insert_json, rows_as_json
from members.models import MemberTier, TierChange
from members.services.tiers.holdings import HOLDS, erase, export

KINDS = {"tier_changes": gettext_lazy("changes of tiers")}
AT_ONCE = 5_000


def preview(*, keep: int, drop: int) -> Mapping[str, int]:
    """This function will count what would move."""
    return {"tier_changes": TierChange.objects.filter(member_id=drop).count()}


def merge(*, keep: int, drop: int, now: datetime) -> Moved:
    """This function will give the kept member the higher tier of the two, with the day since when, and both histories."""
    held = {row.pk: row for row in MemberTier.objects.select_related("tier").filter(pk__in=[keep, drop])}
    stored = {str(pk): rows_as_json(MemberTier.objects.filter(pk=pk)) for pk in (keep, drop)}
    mine = TierChange.objects.filter(member_id=drop)
    changes = list(mine.order_by("pk").values_list("pk", flat=True))
    mine.update(member_id=keep)
    dropped, kept = held.get(drop), held.get(keep)
    MemberTier.objects.filter(pk=drop).delete()
    if dropped is not None and (kept is None or dropped.tier.level > kept.tier.level):
        MemberTier.objects.filter(pk=keep).delete()
        insert_json(MemberTier, [{**row, "member_id": keep} for row in stored[str(drop)]])
    return {"held": stored, "changes": changes}


def undo(*, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
    """This function will give both what they held; the next refresh works out what they earn alone."""
    for chunk in batches(moved["changes"], AT_ONCE):
        TierChange.objects.filter(pk__in=chunk, member_id=keep).update(member_id=drop)
    for pk in (keep, drop):
        rows = moved["held"].get(str(pk), [])
        if rows:
            MemberTier.objects.filter(pk=pk).delete()
            insert_json(MemberTier, rows)


def left_behind(*, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """This function will find what hangs on a member who is gone."""
    return members_of(
        (MemberTier.objects.all(), _("still holds a tier")),
        (TierChange.objects.all(), _("still has changes of tiers")),
        among=holders,
    )


HANDLER = MemberDataHandler(
    "tiers",
    KINDS,
    preview=preview,
    merge=merge,
    undo=undo,
    left_behind=left_behind,
    holds=HOLDS,
    export=export,
    erase=erase,
)
