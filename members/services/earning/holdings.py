"""What was reckoned for a member who is to be forgotten: numbers and days alone, so it stays as it is."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.registry import Called, Holding, Kept
from members.models import EarnedEvent, EarnedOrder
from members.services.holdings import own_columns

HOLDS = (
    Holding(
        "earnings",
        _("what orders and events earned"),
        ("members.EarnedOrder", "members.EarnedEvent"),
        _("Books: which rule gave which points, by numbers of ours."),
    ),
)
OF_OURS = frozenset({"id", "member_id", "line", "rule_id", "event_id", "entry_id", "day"})


def export(*, member_id: int) -> Kept:
    """This function will hand out under which circumstances orders earned, and for what else there was something."""
    orders = EarnedOrder.objects.filter(member_id=member_id).order_by("pk")
    events = EarnedEvent.objects.filter(member_id=member_id).order_by("pk")
    return {"earnings": [*own_columns(orders, without=OF_OURS), *own_columns(events, without=OF_OURS)]}


def erase(*, called: Called, now: datetime) -> None:
    """This function will change nothing: there is no text here."""
