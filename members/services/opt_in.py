"""Double opt-in: somebody asks to be written to, the address's owner confirms. Until then it is no consent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, FieldProblem, InvalidInput, NotFound
from core.queue import enqueue_on_commit
from members.models import ADDRESS_COLUMNS, Channel, ConsentRequest, ConsentSource, Member, Purpose, RequestState
from members.services.consents import Origin, Stated, state_consent
from members.services.links import LinkExpired

VALID = timedelta(days=7)
"""Long enough for a mailbox that is read once a week."""


class NoAddress(DomainError):
    """Nobody can confirm what is sent nowhere."""

    code = "no_address"


def request_consent(
    *, member_id: int, channel: str, purpose: str, text_version: str, stated_by: str, now: datetime
) -> ConsentRequest:
    """This function will note that a member is to be asked, and ring for the message with the link to be sent.

    1. Lock the member.
    2. A request that waits is replaced: its link no longer confirms anything.
    3. The new one is due to be sent now.
    """
    problems = [
        FieldProblem(name, "unknown_choice", _("This must be one of %(choices)s.") % {"choices": ", ".join(choices)})
        for name, value, choices in (("channel", channel, Channel.values), ("purpose", purpose, Purpose.values))
        if value not in choices
    ]
    if problems:
        raise InvalidInput(_("The input is not valid."), problems=problems)
    with transaction.atomic():
        member = Member.objects.select_for_update(no_key=True).filter(pk=member_id).first()
        if member is None:
            raise NotFound(_("There is no such member."))
        address = getattr(member, ADDRESS_COLUMNS[channel])
        if not address:
            raise NoAddress(_("The member has no address on this channel, so nobody can confirm."))
        pending = ConsentRequest.objects.filter(member=member, channel=channel, purpose=purpose, state=RequestState.PENDING)
        pending.update(state=RequestState.REPLACED, settled_at=now, next_at=None)
        made = ConsentRequest.objects.create(
            member=member,
            channel=channel,
            purpose=purpose,
            text_version=text_version,
            stated_by=stated_by,
            address_digest=digest(address),
            requested_at=now,
            expires_at=now + VALID,
            next_at=now,
        )
        enqueue_on_commit("campaigns.ask_consent")
    return made


def digest(address: str) -> str:
    """This function will return what tells one address from another without telling either."""
    return salted_hmac("rekindle.members.address", address).hexdigest()[:32]


def request_standing(*, request_id: int, now: datetime) -> ConsentRequest:
    """This function will return a request that waits or was confirmed before; of any other raise LinkExpired."""
    found = ConsentRequest.objects.select_related("member").filter(pk=request_id).first()
    if found is None or found.state in {RequestState.EXPIRED, RequestState.REPLACED}:
        raise LinkExpired(_("This link has expired. Ask for a new one where you signed up."))
    if found.state == RequestState.CONFIRMED:
        return found
    if found.expires_at <= now:
        raise LinkExpired(_("This link has expired. Ask for a new one where you signed up."))
    if digest(getattr(found.member, ADDRESS_COLUMNS[found.channel])) != found.address_digest:
        raise LinkExpired(_("This link was sent to another address than the one we know now."))
    return found


def confirm_consent(*, request_id: int, now: datetime) -> bool:
    """This function will make a consent of a request that waits, once; whether it did. Raises LinkExpired.

    Confirming again, or by two at once, changes nothing: also not where the member unsubscribed since.
    """
    with transaction.atomic():
        found = request_standing(request_id=request_id, now=now)
        waiting = ConsentRequest.objects.filter(pk=request_id, state=RequestState.PENDING, expires_at__gt=now)
        if waiting.update(state=RequestState.CONFIRMED, settled_at=now, next_at=None) != 1:
            return False
        proof = f"confirmed by the link asked for on {found.requested_at:%Y-%m-%d %H:%M} UTC, {found.stated_by}"
        stated = Stated(found.channel, found.purpose, True, now, proof[:300], found.text_version)
        origin = Origin(ConsentSource.OPT_IN, proof[:300], stated_by="the member")
        state_consent(member_id=found.member_id, stated=stated, origin=origin, now=now)
    return True


def lapse_requests(*, now: datetime) -> Mapping[str, int]:
    """This function will close the requests that nobody confirmed in time."""
    late = ConsentRequest.objects.filter(state=RequestState.PENDING, expires_at__lte=now)
    return {"expired": late.update(state=RequestState.EXPIRED, settled_at=now, next_at=None)}
