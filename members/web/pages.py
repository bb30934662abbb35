"""Unsubscribing, choosing, confirming: what a link in a message opens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.masking import masked_email, masked_phone
from members.doors import public_page, shown
from members.models import Channel, Member, Purpose
from members.services.links import preferences_url, read_confirm, read_preferences, read_unsubscribe
from members.services.opt_in import confirm_consent, request_standing
from members.services.preferences import choose_preferences, preferences_of, unsubscribe


@public_page
def unsubscribe_page(request: HttpRequest, token: str, now: datetime) -> HttpResponse:
    """A page with one button: looking at the link, as scanners of mail do, changes nothing. A POST unsubscribes, the page's
    own as well as a mail program's one click (RFC 8058)."""
    link = read_unsubscribe(token, now=now)
    member = preferences_of(member_id=link.member_id).member
    if request.method == "POST":
        unsubscribe(member_id=link.member_id, channel=link.channel, purpose=link.purpose, now=now)
    context = {
        "done": request.method == "POST",
        "marketing": link.purpose == Purpose.MARKETING,
        "channel": Channel(link.channel).label,
        "address": _address(member, link.channel),
        "preferences_url": _path(preferences_url(member_id=member.pk, now=now)) if link.recent else "",
    }
    return shown(request, "members/web/unsubscribe.html", context, member=member)


@public_page
def preferences_page(request: HttpRequest, token: str, now: datetime) -> HttpResponse:
    """What a member gets, by channel and purpose; a tick each."""
    member_id = read_preferences(token, now=now)
    saved = request.method == "POST"
    if saved:
        choices = preferences_of(member_id=member_id).choices
        none = "none" in request.POST
        ticked = {
            (each.channel, each.purpose): not none and f"{each.channel}-{each.purpose}" in request.POST for each in choices
        }
        choose_preferences(member_id=member_id, chosen=ticked, now=now)
    found = preferences_of(member_id=member_id)
    channels: list[dict[str, Any]] = []
    for channel in Channel:
        rows = [
            {
                "name": f"{each.channel}-{each.purpose}",
                "granted": each.granted,
                "marketing": each.purpose == Purpose.MARKETING,
            }
            for each in found.choices
            if each.channel == channel
        ]
        if rows:
            channels.append({"label": channel.label, "address": _address(found.member, channel), "rows": rows})
    context = {"saved": saved, "channels": channels, "any": any(each.granted for each in found.choices)}
    return shown(request, "members/web/preferences.html", context, member=found.member)


@public_page
def confirm_page(request: HttpRequest, token: str, now: datetime) -> HttpResponse:
    """The second half of a double opt-in. Looking changes nothing here either."""
    asked = request_standing(request_id=read_confirm(token), now=now)
    if request.method == "POST":
        confirm_consent(request_id=asked.pk, now=now)
        asked = request_standing(request_id=asked.pk, now=now)
    context = {
        "confirmed": asked.state == "confirmed",
        "marketing": asked.purpose == Purpose.MARKETING,
        "channel": Channel(asked.channel).label,
        "address": _address(asked.member, asked.channel),
        "preferences_url": _path(preferences_url(member_id=asked.member_id, now=now)),
    }
    return shown(request, "members/web/confirm.html", context, member=asked.member)


def _address(member: Member, channel: str) -> str:
    return masked_phone(member.phone) if channel == Channel.SMS else masked_email(member.email)


def _path(url: str) -> str:
    """From page to page on the same host, whatever that is called outside."""
    return "/" + url.split("/", 3)[3]
