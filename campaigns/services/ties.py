"""What campaigns gave to members: the reason why an import cannot be undone any more, and why a member stays."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from campaigns.models import Coupon, Delivery, Enrolment, EnrolmentStatus, MemberRedemptions, Redemption
from core.registry import FiredSince, MemberTies

GIVEN = (
    Enrolment.objects.filter(status=EnrolmentStatus.FIRED),
    Delivery.objects.all(),
    Coupon.objects.all(),
    Redemption.objects.all(),
    MemberRedemptions.objects.all(),
)


def fired_at(*, since: datetime) -> Iterator[int]:
    """This function will return all to whom a campaign gave something, each once: a coupon, a message, or all there was to
    give. An enrolment under way has fired with its first coupon or message.
    """
    first, *others = (rows.exclude(member_id=None) for rows in _given(since))
    for (member_id,) in first.union(*others).iterator():
        yield member_id


def _given(since: datetime) -> tuple[QuerySet[Any, Any], ...]:
    enrolled = Enrolment.objects.filter(status=EnrolmentStatus.FIRED, decided_at__gte=since)
    written = Delivery.objects.filter(queued_at__gte=since)
    issued = Coupon.objects.filter(Q(enrolment_id__isnull=False), issued_at__gte=since)
    return tuple(rows.order_by().values_list("member_id") for rows in (enrolled, written, issued))


def holding(member_ids: Collection[int]) -> set[int]:
    """This function will return those who hold or got something, by whatever way."""
    found = (rows.filter(member_id__in=member_ids).values_list("member_id", flat=True) for rows in GIVEN)
    return {pk for ids in found for pk in ids if pk is not None}


def clear(member_ids: Collection[int]) -> None:
    """Occasions stay, as the record that somebody was due: for a member who is gone they end as such."""


FIRED = FiredSince("campaigns", fired_at)
TIES = MemberTies("campaigns", holding=holding, clear=clear)
