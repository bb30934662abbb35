"""Whom a rule means, asked by the rule builder while the rule is written.

The page asks in steps: `read` says the rule in words; `quick` counts it within two seconds, exactly or about; `exact` counts
to the end what was only estimated; `inside` says who is among those it means. What a later question of the same page stops
answers 409, what takes too long 503.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext, pgettext
from unfold.admin import ModelAdmin

from core.admin.display import change_url, number, share
from core.errors import DomainError
from members.models import Channel
from members.selectors import members_by_id
from retention.admin.marks import STAGES
from retention.selectors import state
from retention.selectors.estimate import Estimate, count_exactly, count_soon, inside, said
from retention.selectors.stopping import Question, Stopped, TooSlow, answering, stop, within
from retention.selectors.values import COUNTED, Offer, values_of

LONGEST_RULE = 1_000_000
QUICK_SECONDS = 1.6
"""Until a first answer: what is left of two seconds pays for the way there and back."""
EXACT_SECONDS = 90
INSIDE_SECONDS = 30
CHANNEL_ICONS = {Channel.SMS: "sms", Channel.EMAIL: "mail"}


def rule_urls(admin: ModelAdmin) -> list[URLPattern]:
    """This function will give the addresses that the rule builder asks, below the segments' own."""

    def guarded(view: Callable[[HttpRequest], HttpResponse], method: str) -> Callable[[HttpRequest], HttpResponse]:
        def asked(request: HttpRequest) -> HttpResponse:
            if request.method != method:
                return JsonResponse({}, status=405)
            if not admin.has_view_permission(request):
                raise PermissionDenied
            return view(request)

        return admin.admin_site.admin_view(asked)

    return [
        path("rule/count/", guarded(count_view, "POST"), name="retention_rule_count"),
        path("rule/stop/", guarded(stop_view, "POST"), name="retention_rule_stop"),
        path("rule/values/", guarded(values_view, "GET"), name="retention_rule_values"),
    ]


# --- counting


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page asks: a step of counting one rule, under a name and a number."""

    step: str
    rule: Any
    question: Question


def count_view(request: HttpRequest) -> HttpResponse:
    try:
        asked = _read(request)
        if asked is None:
            return _refused([{"path": "", "code": "unreadable", "message": gettext("This is no JSON.")}], status=400)
        with answering(asked.question):
            return JsonResponse(STEPS[asked.step](asked.rule))
    except DomainError as error:
        return _refused([inside_rule(problem.as_json()) for problem in error.problems], status=422)
    except Stopped:
        return JsonResponse({"stopped": True}, status=409)
    except TooSlow:
        sentence = gettext("Counting takes too long. The rule can be saved; the next refresh counts it in peace.")
        return JsonResponse({"sentence": sentence}, status=503)


def stop_view(request: HttpRequest) -> HttpResponse:
    """This function will end what a page still counts: somebody types on, or has gone."""
    last = request.POST.get("number", "")
    if last.isdecimal() and len(last) < 10:
        stop(_page(request, request.POST.get("page", "")), before=int(last) + 1)
    return HttpResponse(status=204)


def _read(request: HttpRequest) -> Asked | None:
    """This function will read a question, or return None for what is none."""
    try:
        body = json.loads(request.body[:LONGEST_RULE])
    except (ValueError, RecursionError):  # no JSON, no text, a number of thousands of digits, thousands of groups
        return None
    if not isinstance(body, dict) or str(body.get("step")) not in STEPS or "rule" not in body:
        return None
    turn = body.get("number")
    if not isinstance(turn, int) or not 0 <= turn < 10**9:
        return None
    return Asked(body["step"], body["rule"], Question(_page(request, str(body.get("page", ""))), turn))


def _page(request: HttpRequest, page: str) -> str:
    """Nobody stops what others count, even who has seen the name of their page."""
    return f"{request.user.pk} {page[:100]}"


def _in_words(rule: Any) -> dict[str, Any]:
    return {"sentence": said(rule)}


def _quickly(rule: Any) -> dict[str, Any]:
    sentence = said(rule)
    return {"sentence": sentence, "fresh": _fresh(), **_counted(count_soon(rule=rule, seconds=QUICK_SECONDS))}


def _exactly(rule: Any) -> dict[str, Any]:
    with within(EXACT_SECONDS):
        return _counted(count_exactly(rule=rule))


def _inside(rule: Any) -> dict[str, Any]:
    with within(INSIDE_SECONDS):
        found = inside(rule=rule)
    people = members_by_id(found.sample)
    return {
        "stages": [
            {
                "label": str(STAGES[stage].word),
                "colour": STAGES[stage].colour,
                "icon": STAGES[stage].icon,
                "count": found.stages.get(stage, 0),
                "text": _part(found.stages.get(stage, 0), found.looked_at, exact=found.exact),
            }
            for stage in STAGES
        ],
        "reach": [
            {
                "label": str(Channel(channel).label),
                "icon": CHANNEL_ICONS[Channel(channel)],
                "count": reached,
                "text": _part(reached, found.looked_at, exact=found.exact),
            }
            for channel, reached in found.reachable.items()
        ],
        "sample": [
            {"name": str(people[each]), "url": change_url("members_member", each)} for each in found.sample if each in people
        ],
    }


STEPS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "read": _in_words,
    "quick": _quickly,
    "exact": _exactly,
    "inside": _inside,
}


# --- in words


def _counted(found: Estimate | None) -> dict[str, Any]:
    if found is None:
        return {"exact": False, "hint": gettext("Counting exactly: this rule reads much, and nothing can be said before.")}
    members = ngettext("%(count)s member", "%(count)s members", found.count) % {"count": number(rounded(found))}
    about = pgettext("a number that is not exact", "about %(members)s") % {"members": members}
    between = gettext("between %(low)s and %(high)s; counting exactly…") % {
        "low": number(found.low),
        "high": number(found.high),
    }
    return {
        "count": found.count,
        "low": found.low,
        "high": found.high,
        "exact": found.exact,
        "count_text": members if found.exact else about,
        "share_text": gettext("%(share)s of all") % {"share": share(found.share)},
        "range_text": "" if found.exact else between,
    }


def rounded(found: Estimate) -> int:
    """This function will round an estimate to what its range lets one know: 12,294 between 11,900 and 12,700 is 12,300."""
    width = found.high - found.low
    step = 1
    while step * 10 <= width:
        step *= 10
    return found.count if found.exact else round(found.count / step) * step


def _part(count: int, whole: int, *, exact: bool) -> str:
    percent = share(count / whole if whole else 0.0)
    return f"{number(count)} · {percent}" if exact else percent


def _fresh() -> str:
    as_of = state().as_of
    if as_of is None:
        return gettext("Nobody has been counted yet: the first refresh does it, within a minute.")
    return gettext("as of %(when)s") % {"when": timezone.localtime(as_of).strftime("%Y-%m-%d %H:%M")}


def _refused(problems: list[dict[str, str]], *, status: int) -> JsonResponse:
    return JsonResponse({"problems": problems}, status=status)


def inside_rule(problem: dict[str, str]) -> dict[str, str]:
    """The service answers paths from the call's root; the builder knows only the rule."""
    path_inside = problem["path"].removeprefix("rule").removeprefix(".")
    return {**problem, "path": path_inside}


# --- the shop's own values


def values_view(request: HttpRequest) -> HttpResponse:
    """This function will find values of a list that hold a text, the most frequent first."""
    code = request.GET.get("of", "")
    if code not in COUNTED:
        return JsonResponse({"values": []}, status=404)
    found = values_of(code, text=request.GET.get("q", "")[:100].strip())
    return JsonResponse({"values": [_offered(each, COUNTED[code]) for each in found]})


def _offered(offer: Offer, counted: str) -> dict[str, str]:
    words = _COUNTED_WORDS[counted](offer.count) % {"count": number(offer.count)} if counted else ""
    return {"value": offer.value, "label": offer.label, "note": words}


_COUNTED_WORDS: Mapping[str, Callable[[int], str]] = {
    "members": lambda count: ngettext("%(count)s member", "%(count)s members", count),
    "orders": lambda count: ngettext("%(count)s order", "%(count)s orders", count),
    "events": lambda count: ngettext("%(count)s event", "%(count)s events", count),
    "products": lambda count: ngettext("%(count)s product", "%(count)s products", count),
}
