"""What members do for themselves: unsubscribe, choose, answer a message; and what providers tell of addresses."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.errors import NotFound
from members.models import ADDRESS_COLUMNS, Channel, Consent, ConsentSource, Member, Purpose
from members.services.address_refusals import Addressed, holders_of, note_refusals
from members.services.consents import Origin, Outcome, Stated, Word, record_locked, suppress

PAGE_TEXT = "preference page 1"
"""The version of the words on the preference page; another text is another number."""

STOP_WORDS = frozenset(
    {"r", "td", "t", "n", "退订", "退", "退訂", "拒收", "取消", "stop", "stopall", "unsubscribe", "cancel", "end", "quit"}
)
"""What people answer to «reply R to refuse»: the Chinese carriers' words and the English ones. Nothing else refuses."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the preference page."""

    channel: str
    purpose: str
    granted: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    member: Member
    choices: tuple[Choice, ...]


def preferences_of(*, member_id: int) -> Preferences:
    """This function will return what a member can choose: every purpose of each channel that has an address."""
    member = Member.objects.filter(pk=member_id).first()
    if member is None:
        raise NotFound(_("There is no such member."))
    said = set(Consent.objects.filter(member=member, granted=True).values_list("channel", "purpose"))
    return Preferences(
        member,
        tuple(
            Choice(channel, purpose, (channel, purpose) in said)
            for channel in Channel.values
            if getattr(member, ADDRESS_COLUMNS[channel])
            for purpose in Purpose.values
        ),
    )


def choose_preferences(*, member_id: int, chosen: Mapping[tuple[str, str], bool], now: datetime) -> int:
    """This function will record what a member chose, and return how much of it is new.

    A tick is a consent said now, with the page as its proof; no tick is a refusal for good, also where nothing was said
    before: the member saw the line and left it empty.
    """
    known = {(each.channel, each.purpose): each.granted for each in preferences_of(member_id=member_id).choices}
    origin = Origin(ConsentSource.PREFERENCES, f"chosen on the {PAGE_TEXT}", stated_by="the member")
    words = [
        Word(
            member_id,
            Stated(channel, purpose, granted, now, origin.proof, PAGE_TEXT),
            origin,
            suppresses=not granted,
        )
        for (channel, purpose), granted in sorted(chosen.items())
        if (channel, purpose) in known and not (granted and known[(channel, purpose)])
    ]
    done = record_locked(words, now=now)
    return done.outcomes.count(Outcome.TAKEN)


def unsubscribe(*, member_id: int, channel: str, purpose: str, now: datetime) -> None:
    """This function will record that a member unsubscribed by the link of a message; again: nothing new."""
    origin = Origin(ConsentSource.UNSUBSCRIBE, "the link in a message", stated_by="the member")
    suppress(member_ids=[member_id], channel=channel, purposes=[purpose], origin=origin, now=now)


def is_stop_word(text: str) -> bool:
    """This function will tell whether an answer to a message refuses further ones."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(each for each in plain if each.isalnum()) in STOP_WORDS


def refuse_by_reply(*, phone: str, said_at: datetime | None, now: datetime) -> int:
    """This function will record that whoever has this phone refuses advertising by SMS, and return how many members."""
    origin = Origin(ConsentSource.REPLY, "a reply to a message", stated_by="the SMS provider")
    return _refuse(Channel.SMS, phone, [Purpose.MARKETING.value], origin, said_at, now)


def address_failed(*, channel: str, address: str, complaint: bool, said_at: datetime | None, now: datetime) -> int:
    """This function will record that an address does not exist, or that its owner reported a message as spam: nothing goes
    there any more, whatever it is for."""
    source = ConsentSource.COMPLAINT if complaint else ConsentSource.BOUNCE
    proof = "reported as spam" if complaint else "the address does not exist"
    origin = Origin(source, proof, stated_by="the provider")
    return _refuse(channel, address, Purpose.values, origin, said_at, now)


def _refuse(
    channel: str, address: str, purposes: Sequence[str], origin: Origin, said_at: datetime | None, now: datetime
) -> int:
    if not address:
        return 0
    at = now if said_at is None else min(said_at, now)
    with transaction.atomic():
        holders = holders_of(channel, [address])
        suppress(member_ids=holders, channel=channel, purposes=purposes, origin=origin, now=now, said_at=at)
        # Also where nobody has the address now: whoever brings it back is refused.
        note_refusals({Addressed(channel, purpose, address): at for purpose in purposes})
    return len(holders)
