"""What growth adds up to: of a member, and of everybody within days."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet, Sum

from members.models import GrowthEntry


def growth_entries_of(member_id: int) -> QuerySet[GrowthEntry]:
    """This function will select a member's entries; the caller orders and pages them."""
    return GrowthEntry.objects.filter(member_id=member_id)


def growth_within(
    *, first_day: int | None, until_day: int | None, member_ids: Collection[int] | QuerySet[Any, Any] | None = None
) -> QuerySet[Any, Any]:
    """This function will select {member_id, growth} of whoever has entries on the shop days from `first_day` on and before
    `until_day`; None leaves that end open. One statement over the index alone, whole or joined.

    `member_ids` narrows it: ids, or a queryset of one column.
    """
    rows = GrowthEntry.objects.all()
    if first_day is not None:
        rows = rows.filter(day__gte=first_day)
    if until_day is not None:
        rows = rows.filter(day__lt=until_day)
    if member_ids is not None:
        rows = rows.filter(member_id__in=member_ids)
    return rows.order_by("member_id").values("member_id").annotate(growth=Sum("value"))
