"""Growth of a member who is to be forgotten: it stays as a sum, what was written about it goes."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from core.registry import Called, Holding, Kept
from members.models import GrowthEntry
from members.services.holdings import own_columns, pseudonym, unless_ours
from members.services.points.refusals import OURS

HOLDS = (
    Holding(
        "growth_entries",
        _("growth entries"),
        ("members.GrowthEntry",),
        _("Statistics of tiers: values and instants stay, without reasons."),
    ),
)
OF_OURS = frozenset({"id", "member_id", "order_id", "day", "by"})


def export(*, member_id: int) -> Kept:
    """This function will hand out every entry."""
    return {"growth_entries": own_columns(GrowthEntry.objects.filter(member_id=member_id).order_by("pk"), without=OF_OURS)}


def erase(*, called: Called, now: datetime) -> None:
    """This function will take every text of others away."""
    mine = GrowthEntry.objects.filter(member_id=called.member_id)
    mine.update(reason="", reference=unless_ours("reference", OURS, pseudonym(F("pk"))))
