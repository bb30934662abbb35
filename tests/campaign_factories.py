"""Campaigns for tests: a document that works, and the ways from it to a running campaign."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings

from campaigns.channels import Channel, Message, Receipt
from campaigns.models import Campaign, CouponTemplate, Enrolment
from campaigns.services.lifecycle import activate, create_campaign
from members.models import Consent, Member, Purpose
from retention.services.refresh import refresh
from tests.factories import NOW, make_member

EVERYONE = {"everyone": True}
MANUAL = {"kind": "manual"}
SMS = {"kind": "send_message", "channel": "sms", "body": "Dear {{ member.name | default: 'friend' }}, we miss you."}
EMAIL = {"kind": "send_message", "channel": "email", "subject": "A greeting", "body": "We miss you."}
COUPON = {"kind": "issue_coupon", "template": "back"}

_numbers = count(1)


def document(**changes: Any) -> dict[str, Any]:
    """This function will give a campaign to everyone, by hand, with one SMS and no control group; with changes."""
    number = next(_numbers)
    return {
        "slug": f"campaign-{number}",
        "name": f"Campaign {number}",
        "trigger": MANUAL,
        "audience": EVERYONE,
        "steps": [SMS],
        "control_share": 0,
        **changes,
    }


def make_draft(*, now: datetime = NOW, **changes: Any) -> Campaign:
    return create_campaign(document=document(**changes), now=now)


def make_running(*, now: datetime = NOW, **changes: Any) -> Campaign:
    return activate(campaign_id=make_draft(now=now, **changes).pk, now=now)


def make_reachable(external_id: str = "", *, channels: tuple[str, ...] = ("sms", "email"), **fields: Any) -> Member:
    """This function will save a member who may be written to."""
    number = next(_numbers)
    member = make_member(external_id, **{"phone": f"+86138{number:08}", "email": f"m{number}@example.com", **fields})
    consent(member, *channels)
    return member


def consent(member: Member, *channels: str, granted: bool = True) -> None:
    for channel in channels:
        Consent.objects.update_or_create(
            member=member,
            channel=channel,
            purpose=Purpose.MARKETING,
            defaults={"granted": granted, "proof": "a form", "changed_at": NOW},
        )


def make_template(slug: str = "back", **fields: Any) -> CouponTemplate:
    defaults: dict[str, Any] = {"name": "Come back", "benefit": "fixed", "amount_minor": 2_000, "created_at": NOW}
    return CouponTemplate.objects.create(slug=slug, **{**defaults, **fields})


def know_everybody(*, as_of: datetime = NOW) -> None:
    """This function will refresh, so that rules can be asked."""
    refresh(as_of=as_of, now=as_of)


def outcomes(campaign: Campaign) -> list[tuple[str, str, str]]:
    """This function will list (member, status, reason) of a campaign's enrolments, in the order of members."""
    names = dict(Member.objects.values_list("pk", "external_id"))
    rows = Enrolment.objects.filter(campaign=campaign).order_by("member_id", "pk")
    return [(names.get(row.member_id, ""), row.status, row.reason) for row in rows]


def occurrences(campaign: Campaign) -> list[tuple[str, str]]:
    names = dict(Member.objects.values_list("pk", "external_id"))
    rows = Enrolment.objects.filter(campaign=campaign).order_by("member_id", "occurrence")
    return [(names[row.member_id], row.occurrence) for row in rows]


def sms_files() -> list[Path]:
    return sorted(Path(settings.OUTBOX_DIR, "sms").glob("*.json"))


class ListChannel(Channel):
    """A provider that keeps what it got, in place of a real one. `answers` are raised or returned, one a message."""

    code = "sms"
    label = "SMS"
    address_field = "phone"

    def __init__(self, *answers: Exception | None, honours_keys: bool = True) -> None:
        self.got: list[Message] = []
        self._answers = list(answers)
        self._honours_keys = honours_keys

    @property
    def honours_keys(self) -> bool:
        return self._honours_keys

    def send(self, *, message: Message) -> Receipt:
        self.got.append(message)
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        return Receipt(provider_id=f"p-{message.key}")
