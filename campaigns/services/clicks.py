"""Links that tell of a click: an address of ours in place of each link of a tracked message, and the way on from there.

The address says which message and which of its links, signed, and nothing else: where it leads is read from the message as
it was written. So nobody can make one that leads where a campaign did not.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import base36_to_int, int_to_base36
from django.utils.translation import gettext_lazy as _

from campaigns.actions.links import Link, links_in
from campaigns.models import Delivery, DeliveryState
from campaigns.services.telling import told_of
from members.conf import public_url
from members.models import EventKind
from members.services.links import LinkExpired, LinkForged
from members.services.own_events import Told, write_own_events

logger = logging.getLogger(__name__)

ADDRESS = "m"
NEVER_REPLACED = ("u", "p", "c", ADDRESS)
"""Addresses of ours for members: to unsubscribe, to choose, to confirm. A way out is not watched."""

SALT = "rekindle.campaigns.click"
SIGNATURE_BYTES = 12
"""96 bits, 16 letters: an SMS is paid by the letter, and what a guess could win is one false click."""

ATTEMPTS = 2
"""How often a click looks again because its member was merged into another between its look and its note."""


def tracked_body(message: Delivery) -> str:
    """This function will write the text of a message as it is handed over: every time the same."""
    written, end = [], 0
    for number, link in enumerate(links_in(message.body)):
        if not _leads_to_us(link):
            written += [message.body[end : link.start], click_url(message.pk, number)]
            end = link.end
    return "".join([*written, message.body[end:]])


def click_url(delivery_id: int, number: int) -> str:
    """This function will return the address that stands for a link of a message, by its place among the links."""
    value = f"{int_to_base36(delivery_id)}-{int_to_base36(number)}"
    return f"{public_url()}/{ADDRESS}/{value}.{_signature(value, settings.SECRET_KEY)}/"


def follow(*, token: str, now: datetime, counts: bool) -> str:
    """This function will return where a link leads and, if this `counts`, note the click.

    Raises LinkForged, or LinkExpired where nothing of the message is kept any more, as its member was erased. The way to the
    shop matters more than the count: where the database cannot write just now, the member goes on all the same.
    """
    delivery_id, number = _read(token)
    message = Delivery.objects.filter(pk=delivery_id).first()
    links = links_in(message.body) if message is not None else []
    if message is None or number >= len(links):
        raise LinkExpired(_("What this link led to is no longer kept."))
    if counts:
        try:
            _note_click(message, now)
        except OperationalError:
            logger.warning("click.not_noted delivery__id=%s", delivery_id, exc_info=True)
    return links[number].address


def _note_click(message: Delivery, now: datetime) -> None:
    """The first click is kept. Any click says of an unknown message that it arrived."""
    if message.clicked_at is None:
        # Who clicks has opened. Who opens and does not click tells us nothing.
        kinds = (EventKind.MESSAGE_OPENED, EventKind.MESSAGE_CLICKED)
        _note(message.pk, kinds, Q(tracked=True, clicked_at__isnull=True), {"clicked_at": now}, now)
    if message.state == DeliveryState.UNKNOWN:
        arrived = {"state": DeliveryState.SENT, "reason": "", "done_at": now}
        _note(message.pk, (EventKind.MESSAGE_SENT,), Q(state=DeliveryState.UNKNOWN), arrived, now)


def _note(delivery_id: int, kinds: Sequence[EventKind], still: Q, changes: Mapping[str, Any], now: datetime) -> None:
    """This function will tell events of a message and change it, both or neither, while it is `still` so."""
    for _attempt in range(ATTEMPTS):
        message = Delivery.objects.filter(still, pk=delivery_id).exclude(body="")
        found = told_of(message)
        if not found or _noted(found[0], kinds, message, changes, now):
            return


def _noted(
    told: Told, kinds: Sequence[EventKind], message: QuerySet[Delivery], changes: Mapping[str, Any], now: datetime
) -> bool:
    """Whether it was the first to be noted, of a member who is still the same.

    The member before the message, as who merges or erases one does: so neither waits for what the other waits for.
    """
    with transaction.atomic():
        new = [write_own_events(kind, [told], at=now) for kind in kinds]
        noted = new[-1] == 1 and message.filter(member_id=told[1]).update(**changes) == 1
        transaction.set_rollback(not noted)
        return noted


def _leads_to_us(link: Link) -> bool:
    return link.address.startswith(tuple(f"{public_url()}/{name}/" for name in NEVER_REPLACED))


def _read(token: str) -> tuple[int, int]:
    value, _dot, signature = token.partition(".")
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if not any(constant_time_compare(signature, _signature(value, key)) for key in keys):
        raise LinkForged(_("This link is not complete. Copy it whole from the message, or use the button there."))
    delivery_id, number = (base36_to_int(part) for part in value.split("-"))
    return delivery_id, number


def _signature(value: str, key: str | bytes) -> str:
    digest = salted_hmac(SALT, value, secret=key, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode()
