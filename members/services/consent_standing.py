"""What one member allows and ever said, and how many members can be written to, by channel and purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from members.models import (
    ADDRESS_COLUMNS,
    Channel,
    Consent,
    ConsentRecord,
    ConsentRequest,
    Member,
    Purpose,
    RequestState,
)


def consents_of(member_id: int) -> QuerySet[Consent]:
    """This function will return the last words of a member."""
    return Consent.objects.filter(member_id=member_id).order_by("channel", "purpose")


def consent_history(member_id: int) -> QuerySet[ConsentRecord]:
    """This function will return everything a member said; unordered, for pages that order it."""
    return ConsentRecord.objects.filter(member_id=member_id)


def consent_requests(member_id: int) -> QuerySet[ConsentRequest]:
    """This function will return the requests of a member that wait to be confirmed."""
    return ConsentRequest.objects.filter(member_id=member_id, state=RequestState.PENDING).order_by("-pk")


@dataclass(frozen=True, slots=True)
class ReachLine:
    """Counts of members. `reachable` agreed and have an address; `granted` agreed; `suppressed` unsubscribed; `refused` said
    no otherwise; `pending` have not confirmed yet; of all the others nothing is known."""

    channel: str
    purpose: str
    members: int
    with_address: int
    granted: int
    reachable: int
    suppressed: int
    refused: int
    pending: int

    @property
    def silent(self) -> int:
        return max(0, self.members - self.granted - self.suppressed - self.refused)


def consent_reach() -> tuple[ReachLine, ...]:
    """This function will count, in one scan each of members, of what they said with their addresses, and of requests that
    wait."""
    addressed = {channel: ~Q(**{ADDRESS_COLUMNS[channel]: ""}) for channel in Channel.values}
    members = Member.objects.aggregate(
        members=Count("pk"), **{channel: Count("pk", filter=has) for channel, has in addressed.items()}
    )
    counts: dict[tuple[str, str], Mapping[str, Any]] = {
        (row["channel"], row["purpose"]): row
        for row in Consent.objects.order_by()
        .values("channel", "purpose")
        .annotate(
            yes=Count("pk", filter=Q(granted=True)),
            reachable=Count("pk", filter=Q(granted=True) & _has_address()),
            suppressed=Count("pk", filter=Q(granted=False, suppressed_at__isnull=False)),
            no=Count("pk", filter=Q(granted=False, suppressed_at__isnull=True)),
        )
    }
    waiting = {
        (row["channel"], row["purpose"]): row["count"]
        for row in ConsentRequest.objects.filter(state=RequestState.PENDING)
        .order_by()
        .values("channel", "purpose")
        .annotate(count=Count("pk"))
    }
    return tuple(
        ReachLine(
            channel=channel,
            purpose=purpose,
            members=members["members"],
            with_address=members[channel],
            granted=counts.get((channel, purpose), {}).get("yes", 0),
            reachable=counts.get((channel, purpose), {}).get("reachable", 0),
            suppressed=counts.get((channel, purpose), {}).get("suppressed", 0),
            refused=counts.get((channel, purpose), {}).get("no", 0),
            pending=waiting.get((channel, purpose), 0),
        )
        for channel in Channel.values
        for purpose in Purpose.values
    )


def _has_address() -> Q:
    """Whether a word's member has an address on its channel, as MemberQuerySet.contactable asks it of members."""
    has = Q(pk__in=[])
    for channel, column in ADDRESS_COLUMNS.items():
        has |= Q(channel=channel) & ~Q(**{f"member__{column}": ""})
    return has & Q(member__erased_at__isnull=True)
