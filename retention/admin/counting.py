"""Whom a rule means, asked by the rule builder while the rule is written."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from unfold.admin import ModelAdmin

from core.admin.display import change_url, number, share
from core.errors import DomainError
from members.selectors import members_called
from retention.selectors import preview, state

LONGEST_RULE = 1_000_000


def rule_urls(admin: ModelAdmin) -> list[URLPattern]:
    """This function will give the addresses that the rule builder asks, below the segments' own."""

    def preview_view(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return JsonResponse({}, status=405)
        if not admin.has_view_permission(request):
            raise PermissionDenied
        return answer(request)

    return [path("preview/", admin.admin_site.admin_view(preview_view), name="retention_rule_preview")]


def answer(request: HttpRequest) -> HttpResponse:
    """This function will answer how many a rule reaches, or what is wrong with it."""
    try:
        rule = json.loads(request.body[:LONGEST_RULE])
        return JsonResponse(_counted(rule))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        problem = {"path": "", "code": "unreadable", "message": gettext("This is no JSON.")}
        return JsonResponse({"problems": [problem]}, status=400)
    except DomainError as error:
        problems = [problem.as_json() for problem in error.problems]
        return JsonResponse({"problems": [inside_rule(each) for each in problems]}, status=422)


def _counted(rule: Any) -> dict[str, Any]:
    found = preview(rule=rule)
    people = members_called(found.sample)
    words = ngettext("%(count)s member", "%(count)s members", found.count) % {"count": number(found.count)}
    as_of = state().as_of
    fresh = gettext("as of %(when)s") % {"when": timezone.localtime(as_of).strftime("%Y-%m-%d %H:%M")} if as_of else ""
    return {
        "count": found.count,
        "count_text": words,
        "share_text": gettext("%(share)s of all") % {"share": share(found.share)},
        "sentence": found.sentence,
        "sample": [{"name": str(each), "url": change_url("members_member", each.pk)} for each in people],
        "fresh": fresh or gettext("Nobody has been counted yet: the first refresh does it, within a minute."),
    }


def inside_rule(problem: dict[str, str]) -> dict[str, str]:
    """The service answers paths from the call's root; the builder knows only the rule."""
    path_inside = problem["path"].removeprefix("rule").removeprefix(".")
    return {**problem, "path": path_inside}
