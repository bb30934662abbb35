"""How often a member orders: days with an order, and the order day before the last.

Both need to know of each order on which day the member's order before it was placed: `previous`.
"""

from __future__ import annotations

from django.db.models import Count, F, IntegerField, Max, Q, Window
from django.db.models.functions import Lag

PREVIOUS = Window(
    Lag("placed_day"), partition_by=[F("member_id")], order_by=F("placed_day").asc(), output_field=IntegerField()
)
"""The shop day of the order before, of the same member; the same day where there were several, NULL for the first."""


def cadence_aggregates() -> dict[str, Count | Max]:
    """This function will give the aggregates that read `day` and `previous`, by name."""
    return {
        "order_days": Count("day", filter=Q(previous__isnull=True) | Q(previous__lt=F("day"))),
        "previous_order_day": Max("previous", filter=Q(previous__lt=F("day"))),
    }
