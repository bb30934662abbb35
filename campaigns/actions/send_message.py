"""Write to the member: the message is written now, in the transaction of the decision, and leaves through the outbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext_lazy as _

from campaigns.actions.base import Action, Call, Denial, Words
from campaigns.actions.links import hosts_in
from campaigns.actions.wording import (
    COUPON_WORDS,
    LINK_WORDS,
    LONGEST_MESSAGE,
    MEMBER_WORDS,
    POINTS_WORDS,
    SHOP_WORDS,
    Unreadable,
    problems_in,
    written,
)
from campaigns.channels import Channel, channels
from campaigns.holdout import delivery_key
from campaigns.models import Delivery, DeliveryState, Reason
from campaigns.selectors.batches import Due, Topic
from core.errors import FieldProblem
from core.sql import insert_rows
from members.models import Purpose
from members.services.links import preferences_url, unsubscribe_url
from rules.fields import nearest

COLUMNS = (
    "campaign_id", "enrolment_id", "step", "member_id", "channel", "purpose", "address", "subject", "body", "state",
    "attempts", "reason", "error", "provider_id", "idempotency_key", "queued_at", "next_at", "tracked",
)  # fmt: skip
LONGEST_SUBJECT = 300
SUBJECT_FROM_BODY = 60

Subject = Annotated[str, msgspec.Meta(max_length=LONGEST_SUBJECT)]
Body = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_MESSAGE)]


class MessagePurpose(Enum):
    """The purposes of consent, as a step names them."""

    MARKETING = Purpose.MARKETING.value
    SERVICE = Purpose.SERVICE.value


class SendMessage(Action):
    code = "send_message"
    label = _("send a message")

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        """An e-mail without a subject takes the first line of its body. Who may get it is who agreed to its purpose.
        `track`: its links go by an address of ours, so that the first click is known."""

        channel: str
        body: Body
        subject: Subject = ""
        purpose: MessagePurpose = MessagePurpose.MARKETING
        track: bool = False

    def problems(self, params: Any, *, earlier: Sequence[str]) -> Iterator[FieldProblem]:
        channel = channels.get(params.channel)
        if channel is None:
            yield FieldProblem("channel", "unknown_channel", _unknown(params.channel))
        elif params.subject and not channel.has_subject:
            yield FieldProblem("subject", "not_used", _("Only an e-mail has a subject; leave it out."))
        known = [
            *MEMBER_WORDS,
            *SHOP_WORDS,
            *POINTS_WORDS,
            *LINK_WORDS,
            *(COUPON_WORDS if "issue_coupon" in earlier else ()),
        ]
        for name in ("subject", "body"):
            yield from problems_in(getattr(params, name), path=name, known=known)
        if not params.body.strip():
            yield FieldProblem("body", "required", _("The message is empty."))

    def topic(self, params: Any) -> Topic | None:
        return str(params.channel), str(params.purpose.value)

    def execute(self, call: Call) -> Mapping[int, Denial]:
        channel = channels.get(call.step.params.channel)
        assert channel is not None, "a message on an unknown channel is blocked before any action"
        denied: dict[int, Denial] = {}
        messages = []
        for row in call.rows:  # a loop, because each message is written for its own reader
            try:
                messages.append(_message(call, row, channel))
            except Unreadable:
                denied[row.id] = Denial(Reason.MESSAGE_UNREADABLE, failed=True)
        insert_rows(Delivery, COLUMNS, messages)
        return denied


def _message(call: Call, row: Due, channel: Channel) -> tuple[Any, ...]:
    params = call.step.params
    words = {**call.words[row.id], **_links(call, row)}
    body = _sendable(written(params.body, words))
    return (
        call.batch.campaign.pk,
        row.id,
        call.step.position,
        row.member_id,
        channel.code,
        params.purpose.value,
        call.batch.people[row.member_id].address(channel.address_field),
        _subject(params.subject, body, words) if channel.has_subject else "",
        body,
        DeliveryState.QUEUED.value,
        0,
        "",
        "",
        "",
        delivery_key(enrolment_id=row.id, step=call.step.position, salt=call.batch.campaign.salt),
        call.now,
        call.now,
        params.track and _leads_where_the_shop_says(params.body, body, words),
    )


def _leads_where_the_shop_says(text: str, body: str, words: Words) -> bool:
    """Whether every link of the message leads to a host that stands there whatever the member is called.

    A name may be an address. Behind one of ours it would look like the shop's own, so such a message goes as it was written.
    """
    member = words["member"]
    assert isinstance(member, Mapping), "what is said of a member are several words"
    nameless = {**words, "member": {name: "x" if value else "" for name, value in member.items()}}
    try:
        return hosts_in(body) <= hosts_in(written(text, nameless))
    except Unreadable:
        return False


def _links(call: Call, row: Due) -> Words:
    """The links that the message uses; signing is not free, and most SMS hold none."""
    params = call.step.params
    made: Words = {}
    if "unsubscribe_url" in params.body:
        made["unsubscribe_url"] = unsubscribe_url(
            member_id=row.member_id, channel=params.channel, purpose=params.purpose.value, now=call.now
        )
    if "preferences_url" in params.body:
        made["preferences_url"] = preferences_url(member_id=row.member_id, now=call.now)
    return made


def _subject(text: str, body: str, words: Words) -> str:
    """One line, whatever the words contain: a line break in a header would let a name add headers of its own."""
    if not text:
        first = " ".join(body.strip().splitlines()[0].split())
        return first if len(first) <= SUBJECT_FROM_BODY else f"{first[: SUBJECT_FROM_BODY - 1]}…"
    return _sendable(" ".join(written(text, words).split()))[:LONGEST_SUBJECT]


def _sendable(text: str) -> str:
    """Databases refuse NUL, and an empty message is a mistake of its template: better nobody gets it."""
    if "\x00" in text or not text.strip() or len(text) > LONGEST_MESSAGE:
        raise Unreadable(text[:100])
    return text


def _unknown(code: str) -> str:
    known = [channel.code for channel in channels]
    guess = nearest(code, known)
    if guess is None:
        return str(_("There is no channel “%(code)s”. There are: %(known)s.") % {"code": code, "known": ", ".join(known)})
    return str(_("There is no channel “%(code)s”. Did you mean “%(guess)s”?") % {"code": code, "guess": guess})
