"""When members joined: the day of registration; where that is not known, the first order, or when we first heard of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from core.conf import shop_zone
from core.periods import start_of
from members.models import Member
from retention.reports.base import Asked
from retention.reports.calendar import Month, month_place

BEFORE = -1
"""The place of those who joined before the period."""


def joined_members(asked: Asked, months: Sequence[Month]) -> QuerySet[Member, Any]:
    """This function will select the members who had joined by the period's end, with `joined_day` where a day is known and
    `joined`: the place of the month in which they joined, BEFORE for an earlier one.

    The first order is that of the facts, whichever shop is asked about: one joins the brand.
    """
    day = Coalesce(F("registered_day"), F("facts__first_order_day"))
    zone = shop_zone()
    first_heard = [
        When(created_at__lt=start_of(month.last_day + 1, zone), then=Value(place)) for place, month in enumerate(months)
    ]
    place = Case(
        When(joined_day__lt=asked.first_day, then=Value(BEFORE)),
        When(joined_day__isnull=False, then=month_place("joined_day", months)),
        When(created_at__lt=start_of(asked.first_day, zone), then=Value(BEFORE)),
        *first_heard,
        output_field=IntegerField(),
    )
    until = Q(joined_day__lte=asked.last_day) | Q(joined_day__isnull=True, created_at__lt=start_of(asked.last_day + 1, zone))
    return Member.objects.annotate(joined_day=day).filter(until).annotate(joined=place)


def members_by_month(asked: Asked, months: Sequence[Month]) -> dict[int, int]:
    """This function will count who joined in each month, by its place, and before all of them."""
    rows: Any = joined_members(asked, months)
    rows = rows.values("joined").annotate(members=Count("pk"))
    return {row["joined"]: row["members"] for row in rows}
