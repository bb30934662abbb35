"""Nobody gets a message without consent for its channel and an address on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from campaigns.channels import channels
from campaigns.guardrails.base import Decision, Guardrail, Verdict, suppress
from campaigns.models import Reason
from campaigns.selectors.batches import Batch, Person, Topic


class Reach(Guardrail):
    """A message that may not go is skipped. Where none of the messages may go, the member gets nothing at all: a coupon
    nobody is told of would only cost.
    """

    code = "reach"
    label = _("consent and address")

    def verdicts(self, *, batch: Batch, now: datetime) -> Mapping[int, Verdict]:
        found = {}
        for row in batch.rows:
            person = batch.people.get(row.member_id)
            verdict = suppress(Reason.MEMBER_GONE) if person is None else _verdict(person, batch.topics)
            if verdict is not None:
                found[row.id] = verdict
        return found


def _verdict(person: Person, wanted: Mapping[int, Topic]) -> Verdict | None:
    blocked = {step: reason for step, topic in wanted.items() if (reason := obstacle(person, *topic))}
    if not blocked:
        return None
    if len(blocked) == len(wanted):
        return suppress(blocked[min(blocked)])
    return Verdict(Decision.ALLOW, blocked=blocked)


def obstacle(person: Person, channel_code: str, purpose: str) -> str:
    """This function will say why a member may not be written to on a channel for a purpose, or nothing when they may."""
    channel = channels.get(channel_code)
    if channel is None:
        return Reason.UNKNOWN_CHANNEL
    if (channel_code, purpose) not in person.consents:
        return Reason.UNSUBSCRIBED if (channel_code, purpose) in person.suppressed else Reason.NO_CONSENT
    if not person.address(channel.address_field):
        return Reason.NO_ADDRESS
    return ""
