"""What a member has of points and growth: what can be spent now, and what was earned for good."""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, F, QuerySet, Sum
from django.db.models.functions import Cast

from members.models import GrowthEntry, PointsAccount
from retention.models import DueMember


def balances(*, due_only: bool) -> QuerySet[PointsAccount, Any]:
    """This function will select (member_id, points_balance) of who has an account; the balance is always the present one."""
    rows = PointsAccount.objects.all()
    if due_only:
        rows = rows.filter(member_id__in=DueMember.objects.values("member_id"))
    return rows.values("member_id", points_balance=F("available"))


def growth(*, day: int, due_only: bool) -> QuerySet[Any, Any]:
    """This function will select (member_id, growth_value): all growth up to shop day `day`."""
    rows = GrowthEntry.objects.filter(day__lte=day)
    if due_only:
        rows = rows.filter(member_id__in=DueMember.objects.values("member_id"))
    return rows.values("member_id").annotate(growth_value=Cast(Sum("value"), BigIntegerField()))
