"""The way from a link in a message to where it leads."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from campaigns.services.clicks import follow
from members.doors import public_page

FETCHED_AHEAD = ("Sec-Purpose", "Purpose", "X-Moz")
"""Headers in which a program says that it fetches a page before anybody asked for it."""


@public_page
def click_page(request: HttpRequest, token: str, now: datetime) -> HttpResponse:
    """Leads on at once. Only a person's click counts: asking for the headers alone, or ahead, is a program's."""
    if request.method == "POST":
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    ahead = any("prefetch" in request.headers.get(name, "").lower() for name in FETCHED_AHEAD)
    return HttpResponseRedirect(follow(token=token, now=now, counts=request.method == "GET" and not ahead))
