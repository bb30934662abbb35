"""Tiers of a member who is to be forgotten: the tier goes, of its changes numbers stay."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.registry import Called, Holding, Kept
from members.models import MemberTier, TierChange
from members.services.holdings import rows_of

HOLDS = (
    Holding("tier", _("tier"), ("members.MemberTier",)),
    Holding(
        "tier_changes",
        _("changes of tiers"),
        ("members.TierChange",),
        _("Statistics: how many rose and fell; a number stands there, and it stands for nobody."),
    ),
)


def export(*, member_id: int) -> Kept:
    """This function will hand out the tier that is held and how it came about."""
    held = MemberTier.objects.filter(pk=member_id)
    changes = TierChange.objects.filter(member_id=member_id).order_by("pk")
    return {
        "tier": rows_of(held.values("tier__name", "since_day", "value", "review_day", "drop_day")),
        "tier_changes": rows_of(changes.values("came_from__name", "went_to__name", "cause", "value", "at")),
    }


def erase(*, called: Called, now: datetime) -> None:
    """This function will take the member out of every tier, without a change: nobody fell."""
    MemberTier.objects.filter(pk=called.member_id).delete()
