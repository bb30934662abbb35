"""Rewards of a member who is to be forgotten: their stock is counted on, what was written about them goes."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from campaigns.models import RewardUse
from core.registry import Called, Holding, Kept
from members.services.holdings import pseudonym, rows_of

HOLDS = (
    Holding(
        "reward_uses",
        _("rewards"),
        ("campaigns.RewardUse",),
        _("Books and limits: how many of a reward were given out for points."),
    ),
)


def export(*, member_id: int) -> Kept:
    """This function will hand out every reward the member had."""
    uses = RewardUse.objects.filter(member_id=member_id).order_by("pk")
    return {"reward_uses": rows_of(uses.values("reward__name", "reference", "points", "used_at", "rolled_back_at"))}


def erase(*, called: Called, now: datetime) -> None:
    """This function will take the references of others away."""
    RewardUse.objects.filter(member_id=called.member_id).update(reference=pseudonym(F("pk")))
