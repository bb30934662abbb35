"""Rewards of a member who turns out to be another: they move, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import RewardUse
from campaigns.services.reward_holdings import HOLDS, erase, export
from core.merging import members_of
from core.registry import MemberDataHandler, Moved

KINDS = {"rewards": gettext_lazy("rewards")}


def preview(*, keep: int, drop: int) -> Mapping[str, int]:
    """This function will count what would move."""
    return {"rewards": RewardUse.objects.filter(member_id=drop).count()}


def merge(*, keep: int, drop: int, now: datetime) -> Moved:
    """This function will move uses. A reference that both have stands for the kept member's use from now on."""
    mine = RewardUse.objects.filter(member_id=drop)
    taken = RewardUse.objects.filter(member_id=keep).values("reference")
    renamed = dict(mine.filter(reference__in=taken).values_list("pk", "reference"))
    for pk in renamed:
        RewardUse.objects.filter(pk=pk).update(reference=f"merged:{drop}:{pk}")
    ids = list(mine.order_by("pk").values_list("pk", flat=True))
    mine.update(member_id=keep)
    return {"uses": ids, "renamed": {str(pk): reference for pk, reference in renamed.items()}}


def undo(*, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
    """This function will give back what is still `keep`'s."""
    RewardUse.objects.filter(pk__in=moved.get("uses", []), member_id=keep).update(member_id=drop)
    for pk, reference in moved.get("renamed", {}).items():
        RewardUse.objects.filter(pk=pk, member_id=drop).update(reference=reference)


def left_behind(*, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """This function will find uses that hang on a member who is gone."""
    return members_of((RewardUse.objects.all(), _("still has rewards")), among=holders)


HANDLER = MemberDataHandler(
    "rewards",
    KINDS,
    preview=preview,
    merge=merge,
    undo=undo,
    left_behind=left_behind,
    holds=HOLDS,
    export=export,
    erase=erase,
)
