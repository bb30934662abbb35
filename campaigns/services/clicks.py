"""Links that tell of a click: an address of ours in place of each link of a tracked message, and the way on from there.

The address says which message and which of its links, signed, and nothing else: where it leads is read from the message as
it was written. So nobody can make one that leads where a campaign did not.
"""

from __future__ import annotations

import base64
import logging
from datetime import datetime

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import base36_to_int, int_to_base36
from django.utils.translation import gettext_lazy as _

from campaigns.actions.links import Link, links_in
from campaigns.models import Delivery
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
    """This function will return where a link leads and, if this `counts`, note the first click of its message.

    Raises LinkForged, or LinkExpired where nothing of the message is kept any more, as its member was erased. The way to the
    shop matters more than the count: where the database cannot write just now, the member goes on all the same.
    """
    delivery_id, number = _read(token)
    message = Delivery.objects.filter(pk=delivery_id).first()
    links = links_in(message.body) if message is not None else []
    if message is None or number >= len(links):
        raise LinkExpired(_("What this link led to is no longer kept."))
    if counts and message.clicked_at is None:
        try:
            _note_click(delivery_id, now)
        except OperationalError:
            logger.warning("click.not_noted delivery__id=%s", delivery_id, exc_info=True)
    return links[number].address


def _note_click(delivery_id: int, now: datetime) -> None:
    for _attempt in range(ATTEMPTS):
        unclicked = Delivery.objects.filter(pk=delivery_id, tracked=True, clicked_at__isnull=True).exclude(body="")
        found = told_of(unclicked)
        if not found or _noted(found[0], unclicked, now):
            return


def _noted(told: Told, unclicked: QuerySet[Delivery], now: datetime) -> bool:
    """Whether this click was the first, of a member who is still the same.

    The member before the message, as who merges or erases one does: so neither waits for what the other waits for.
    """
    with transaction.atomic():
        # Who clicks has opened. Who opens and does not click tells us nothing.
        write_own_events(EventKind.MESSAGE_OPENED, [told], at=now)
        first = write_own_events(EventKind.MESSAGE_CLICKED, [told], at=now) == 1
        noted = first and unclicked.filter(member_id=told[1]).update(clicked_at=now) == 1
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
