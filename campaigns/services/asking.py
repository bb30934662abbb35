"""Sending the message of a double opt-in: a link by which the address's owner confirms."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext

from campaigns.channels import ChannelError, Message, channels
from campaigns.conf import FIRST_WAIT, MOST_ATTEMPTS
from campaigns.selectors.batches import shop_name
from members.models import ConsentRequest, Purpose, RequestState
from members.services.links import confirm_url
from members.services.opt_in import digest

logger = logging.getLogger(__name__)

ASKED_AT_ONCE = 200


def ask_consent(*, now: datetime) -> Mapping[str, int]:
    """This function will send what is due. A process that dies after sending sends the same message again, under the same
    key: a second link does no harm, an unsent one would.

    1. Take a request by moving its next attempt on, guarded by its waiting still: two senders take different ones.
    2. Send, outside any transaction.
    3. Record that it went, or leave it to the next attempt.
    """
    counts: Counter[str] = Counter()
    due = ConsentRequest.objects.filter(state=RequestState.PENDING, next_at__lte=now, expires_at__gt=now)
    for asked in due.select_related("member").order_by("next_at", "pk")[:ASKED_AT_ONCE]:  # each goes to its own reader
        mine = ConsentRequest.objects.filter(pk=asked.pk, state=RequestState.PENDING, next_at=asked.next_at)
        last = asked.attempts + 1 >= MOST_ATTEMPTS
        following = None if last else now + FIRST_WAIT * 4**asked.attempts
        if mine.update(next_at=following, attempts=F("attempts") + 1) == 1:
            counts[_ask(asked, now)] += 1
    return dict(counts)


def _ask(asked: ConsentRequest, now: datetime) -> str:
    channel = channels.get(asked.channel)
    to = "" if channel is None else str(getattr(asked.member, channel.address_field))
    taken = ConsentRequest.objects.filter(pk=asked.pk, state=RequestState.PENDING)
    if channel is None or digest(to) != asked.address_digest:
        taken.update(state=RequestState.EXPIRED, settled_at=now, next_at=None)
        return "moved"
    subject, body = _text(asked, str(channel.label))
    key = f"consent-{asked.pk}-{asked.address_digest[:8]}"
    try:
        channel.send(message=Message(key=key, to=to, subject=subject if channel.has_subject else "", body=body))
    except ChannelError as error:
        logger.warning("consent_request.not_sent request__id=%s error=%s", asked.pk, type(error).__name__)
        if error.permanent:
            taken.update(next_at=None)
        return "failed"
    taken.update(next_at=None, sent_at=now)
    return "sent"


def _text(asked: ConsentRequest, channel: str) -> tuple[str, str]:
    """In the member's language; where that is not known, in the product's own."""
    try:
        language = translation.get_supported_language_variant(asked.member.language or "zh-hans")
    except LookupError:
        language = "en"
    with translation.override(language):
        named = {"shop": shop_name() or gettext("our shop"), "url": confirm_url(request_id=asked.pk)}
        if asked.purpose == Purpose.MARKETING:
            asks = gettext("May %(shop)s send you offers and news? Confirm here: %(url)s") % named
        else:
            asks = gettext("May %(shop)s write to you about orders and membership? Confirm here: %(url)s") % named
        ends = gettext("Without your confirmation nothing is sent. The link is good for 7 days.")
        return gettext("Please confirm: messages from %(shop)s") % named, f"{asks}\n{ends}"
