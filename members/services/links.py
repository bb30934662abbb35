"""Signed addresses that members get: to unsubscribe, to choose, to confirm. They name nobody and need no login.

A token is (what it is for, whom and what it concerns, until when), signed; it holds nothing that a reader could use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core import signing
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from members.conf import public_url
from members.models import Channel, Member, MergeRecord, Purpose

PREFERENCES_VALID = timedelta(days=180)
"""A page with all choices is worth more to a thief than one that only unsubscribes, which never expires."""

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
CODES = {Channel.SMS.value: "s", Channel.EMAIL.value: "e", Purpose.MARKETING.value: "m", Purpose.SERVICE.value: "v"}
NAMES = {code: name for name, code in CODES.items()}


class LinkForged(DomainError):
    """The address was not made by us, or was cut off on the way."""

    code = "link_invalid"


class LinkExpired(DomainError):
    """The address was ours once."""

    code = "link_expired"


@dataclass(frozen=True, slots=True)
class UnsubscribeLink:
    """`recent`: young enough to lead on to the page with all choices."""

    member_id: int
    channel: str
    purpose: str
    recent: bool


def unsubscribe_url(*, member_id: int, channel: str, purpose: str, now: datetime) -> str:
    """This function will return the address by which a member unsubscribes from a channel and purpose; all made on one day
    are the same, so that a message that is sent again says the same."""
    day = str((now - EPOCH).days)
    return f"{public_url()}/u/{_signed('unsubscribe', str(member_id), CODES[channel] + CODES[purpose], day)}/"


def preferences_url(*, member_id: int, now: datetime) -> str:
    """This function will return the address of a member's preference page; all made on one day are the same."""
    last_day = (now + PREFERENCES_VALID - EPOCH).days
    return f"{public_url()}/p/{_signed('preferences', str(member_id), str(last_day))}/"


def confirm_url(*, request_id: int) -> str:
    return f"{public_url()}/c/{_signed('confirm', str(request_id))}/"


def read_unsubscribe(token: str, *, now: datetime) -> UnsubscribeLink:
    """This function will return what an unsubscribe token concerns, or raise LinkForged or LinkExpired."""
    member_id, codes, day = _parts("unsubscribe", token, 3)
    recent = (now - EPOCH).days - int(day) <= PREFERENCES_VALID.days
    return UnsubscribeLink(_living(int(member_id)), NAMES[codes[0]], NAMES[codes[1]], recent)


def read_preferences(token: str, *, now: datetime) -> int:
    """This function will return whose page a token opens, or raise LinkForged or LinkExpired."""
    member_id, last_day = _parts("preferences", token, 2)
    if (now - EPOCH).days > int(last_day):
        raise LinkExpired(_("This link is too old. Take the one in our latest message."))
    return _living(int(member_id))


def read_confirm(token: str) -> int:
    """This function will return which request a token confirms, or raise LinkForged."""
    return int(_parts("confirm", token, 1)[0])


def _signed(kind: str, *parts: str) -> str:
    return signing.Signer(salt=f"rekindle.members.{kind}").sign("-".join(parts)).replace(":", ".")


def _parts(kind: str, token: str, count: int) -> list[str]:
    try:
        value = signing.Signer(salt=f"rekindle.members.{kind}").unsign(token.replace(".", ":", 1))
    except signing.BadSignature as error:
        raise LinkForged(_("This link is not complete. Copy it whole from the message, or use the button there.")) from error
    parts = value.split("-")
    assert len(parts) == count, "a value of ours has as many parts as we signed"
    return parts


def _living(member_id: int) -> int:
    """The member of this id, or who answers for it since two were merged. Who was erased gets nothing more anyway."""
    if Member.objects.filter(pk=member_id).exists():
        return member_id
    merged = MergeRecord.objects.standing().filter(dropped_id=member_id).values_list("member_id", flat=True).first()
    if merged is None:
        raise LinkExpired(_("We no longer know whom this link belongs to. You get no messages from us."))
    return merged
