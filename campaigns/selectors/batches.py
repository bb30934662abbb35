"""What is decided together: a chunk of a campaign's due enrolments, with what guardrails and actions need to know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from campaigns.models import Campaign, CampaignVersion, Enrolment, EnrolmentStatus
from members.models import ADDRESS_COLUMNS, Consent, Member
from members.selectors import shop_named
from members.services.address_refusals import Addressed, refused_since

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
    """This function will return the members that exist, each with the channels on which we may write to them.

    What an address refused counts here, too, whatever stands of its member: it may have refused at the very moment in which
    it was given to another.
    """
    ids = list(member_ids)
    telling = Consent.objects.filter(Q(granted=True) | Q(suppressed_at__isnull=False), member_id__in=ids)
    words = list(telling.values_list("member_id", "channel", "purpose", "granted", "said_at"))
    columns = ("pk", "external_id", "name", *ADDRESS_COLUMNS.values())
    rows: dict[int, Any] = {row[0]: row for row in Member.objects.filter(pk__in=ids).values_list(*columns).iterator()}
    of_address = _refused_by_address(words, rows)
    allowed: dict[int, set[Topic]] = {}
    refused: dict[int, set[Topic]] = {}
    for member_id, channel, purpose, granted, _said_at in words:
        yes = granted and (member_id, channel, purpose) not in of_address
        (allowed if yes else refused).setdefault(member_id, set()).add((channel, purpose))
    return {
        pk: Person._make((*row, frozenset(allowed.get(pk, ())), frozenset(refused.get(pk, ())))) for pk, row in rows.items()
    }


def _refused_by_address(
    words: Sequence[tuple[int, str, str, bool, datetime | None]], rows: Mapping[int, tuple[Any, ...]]
) -> set[tuple[int, str, str]]:
    """Consents that were not said after the address had refused."""
    place = {channel: 3 + index for index, channel in enumerate(ADDRESS_COLUMNS)}
    asked = {
        (member_id, channel, purpose): (Addressed(channel, purpose, rows[member_id][place[channel]]), said_at)
        for member_id, channel, purpose, granted, said_at in words
        if granted and member_id in rows
    }
    refused = refused_since({addressed for addressed, _said_at in asked.values()})
    return {
        key
        for key, (addressed, said_at) in asked.items()
        if addressed in refused and (said_at is None or said_at <= refused[addressed])
    }


def shop_name() -> str:
    """This function will return what the shop calls itself in messages."""
    return shop_named()
