"""What every public page shares: its language, its headers, how often it may be asked, how a refusal looks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt

from core.errors import DomainError, NotFound
from core.rates import count_call, seconds_left
from members.models import Member
from members.selectors import shop_named
from members.services.links import LinkExpired

logger = logging.getLogger(__name__)

MOST_A_MINUTE = 60
"""Calls with one link. Who reads a page and presses its buttons makes a handful."""

MOST_WRONG_A_MINUTE = 30
"""Links that were never ours, from one machine. Who has a good link is never counted here, whatever proxy is between."""

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

Page = Callable[[HttpRequest, str, datetime], HttpResponse]


def public_page(view: Page) -> Callable[[HttpRequest, str], HttpResponse]:
    """This function will make a page of a view of (request, token, now): counted, in the reader's language, kept by nobody.

    The signed link is what allows a change, so there is no cookie and nothing to forge across sites.
    """

    @csrf_exempt
    @wraps(view)
    def page(request: HttpRequest, token: str) -> HttpResponse:
        now = timezone.now()
        if request.method not in {"GET", "HEAD", "POST"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
        if count_call(f"page:{token[:80]}", now) > MOST_A_MINUTE:
            return closed(too_many(request, now))
        try:
            answer = view(request, token, now)
        except (LinkExpired, NotFound) as refused:
            answer = refusal(request, refused, status=410)
        except DomainError as refused:
            if count_call(f"wrong:{request.META.get('REMOTE_ADDR', '')}", now) > MOST_WRONG_A_MINUTE:
                return closed(too_many(request, now))
            answer = refusal(request, refused, status=400)
        return closed(answer)

    return page


def closed(answer: HttpResponse) -> HttpResponse:
    """This function will keep a page out of caches, search engines, frames and the addresses of other sites."""
    add_never_cache_headers(answer)
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def shown(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, member: Member | None = None, status: int = 200
) -> HttpResponse:
    """This function will write a page in the member's language; where that is not known, in the reader's."""
    with translation.override(language_of(request, member)):
        told = {"shop": shop_named(), "language": translation.get_language(), **context}
        return render(request, template, told, status=status)


def language_of(request: HttpRequest, member: Member | None) -> str:
    if member is not None and member.language:
        try:
            return translation.get_supported_language_variant(member.language)
        except LookupError:
            pass
    return translation.get_language_from_request(request)


def refusal(request: HttpRequest, refused: DomainError, *, status: int) -> HttpResponse:
    with translation.override(language_of(request, None)):
        return shown(request, "members/web/refused.html", {"sentence": str(refused)}, status=status)


def too_many(request: HttpRequest, now: datetime) -> HttpResponse:
    with translation.override(language_of(request, None)):
        sentence = gettext("This was asked too often. Wait a minute and try again.")
        answer = shown(request, "members/web/refused.html", {"sentence": sentence}, status=429)
    answer.headers["Retry-After"] = str(seconds_left(now))
    return answer
