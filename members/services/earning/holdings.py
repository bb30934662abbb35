"""What was reckoned of a member who is to be forgotten: it stays, so that nothing is reckoned twice; it holds no text."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.registry import Holding, Kept
from members.models import EarnedEvent, EarnedOrder
from members.services.holdings import own_columns

HOLDS = (
    Holding(
        "earned",
        _("what was reckoned for earning"),
        ("members.EarnedOrder", "members.EarnedEvent"),
        _("Books: by which rule points were given; numbers and days stay, and there is no text."),
    ),
)
OF_OURS = frozenset({"id", "member_id", "order_id", "event_id", "entry_id", "rule_id", "line"})


def export(*, member_id: int) -> Kept:
    """This function will hand out the circumstances under which orders and events earned."""
    orders = EarnedOrder.objects.filter(member_id=member_id).order_by("pk")
    events = EarnedEvent.objects.filter(member_id=member_id).order_by("pk")
    return {"earned": [*own_columns(orders, without=OF_OURS), *own_columns(events, without=OF_OURS)]}
