"""What is decided together: a chunk of a campaign's due enrolments, with what guardrails and actions need to know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q

from campaigns.models import Campaign, CampaignVersion, Enrolment, EnrolmentStatus
from members.models import Consent, Member
from members.selectors import shop_named

Topic = tuple[str, str]
"""A channel and a purpose."""


class Due(NamedTuple):
    """An enrolment whose time has come."""

    id: int
    member_id: int
    version_id: int
    arm: str


class Person(NamedTuple):
    """What may be said to a member, and over which channels: `consents` and what was refused for good (`suppressed`), each
    a channel and a purpose."""

    id: int
    external_id: str
    name: str
    phone: str
    email: str
    consents: frozenset[Topic]
    suppressed: frozenset[Topic]

    def address(self, field_name: str) -> str:
        return str(getattr(self, field_name))


@dataclass(frozen=True, slots=True)
class Batch:
    """Due enrolments of one version, and their people. `topics` are the channels and purposes of the message steps, by
    step."""

    campaign: Campaign
    version: CampaignVersion
    rows: Sequence[Due]
    people: Mapping[int, Person]
    topics: Mapping[int, Topic] = field(default_factory=dict)


def take_due(*, campaign: Campaign, now: datetime, most: int) -> list[Due]:
    """This function will read up to `most` due enrolments and, on PostgreSQL, lock them, passing over those others hold."""
    rows = (
        Enrolment.objects.filter(campaign=campaign, status=EnrolmentStatus.WAITING, next_at__lte=now)
        .order_by("next_at", "pk")
        .select_for_update(skip_locked=True)
        .values_list("pk", "member_id", "version_id", "arm")
    )
    return [Due(*row) for row in rows[:most]]


def people(member_ids: Collection[int]) -> dict[int, Person]:
    """This function will return the members that exist, each with the channels on which we may write to them."""
    ids = list(member_ids)
    allowed: dict[int, set[Topic]] = {}
    refused: dict[int, set[Topic]] = {}
    telling = Consent.objects.filter(Q(granted=True) | Q(suppressed_at__isnull=False), member_id__in=ids)
    for member_id, channel, purpose, granted in telling.values_list("member_id", "channel", "purpose", "granted"):
        (allowed if granted else refused).setdefault(member_id, set()).add((channel, purpose))
    rows = Member.objects.filter(pk__in=ids).values_list("pk", "external_id", "name", "phone", "email")
    return {
        row[0]: Person(*row, frozenset(allowed.get(row[0], ())), frozenset(refused.get(row[0], ())))
        for row in rows.iterator()
    }


def shop_name() -> str:
    """This function will return what the shop calls itself in messages."""
    return shop_named()
