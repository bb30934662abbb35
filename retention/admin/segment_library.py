"""Start from a ready rule: what shops ask first, with a live count; one click makes a segment of it."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext

from core.admin.base import RekindleAdmin
from core.admin.display import list_url, number, share
from core.errors import InvalidInput
from retention.selectors import state
from retention.services.library import READY_RULES, Counted, ReadyRule, count_ready_rules

KEPT_SECONDS = 3600


def urls(admin: RekindleAdmin) -> list[URLPattern]:
    def answer(request: HttpRequest) -> HttpResponse:
        if not admin.has_view_permission(request):
            raise PermissionDenied
        return library_view(admin, request)

    return [path("library/", admin.admin_site.admin_view(answer), name="retention_segment_library")]


def library_view(admin: RekindleAdmin, request: HttpRequest) -> HttpResponse:
    """This function will show the ready rules; asked by the page itself, the same with their counts."""
    live = request.headers.get("X-Requested-With") == "fetch"
    counts = _counts() if live else {}
    may_make = admin.has_add_permission(request)
    context: dict[str, Any] = {
        "rules": [_shown(each, counts.get(each.code), may_make) for each in READY_RULES],
        "live": live,
    }
    if live:
        return TemplateResponse(request, "retention/admin/parts/library.html", context)
    return admin.page(
        request,
        "retention/admin/segment_library.html",
        title=gettext("Start from a ready rule"),
        back=list_url("retention_segment"),
        empty_url=reverse("admin:retention_segment_add") if may_make else "",
        **context,
    )


def _counts() -> dict[str, Counted]:
    """Counted once after each refresh, however often the page is opened."""
    known = state()
    key = f"library:{known.last_run_id}:{known.day}:{known.signature}"
    found: dict[str, Counted] | None = cache.get(key)
    if found is None:
        found = count_ready_rules()
        cache.set(key, found, KEPT_SECONDS)
    return found


def _shown(ready: ReadyRule, counted: Counted | None, may_make: bool) -> dict[str, Any]:
    try:
        sentence = ready.sentence
    except InvalidInput as error:
        return {"ready": ready, "sentence": str(error), "broken": True}
    words = ""
    if counted is not None:
        words = ngettext("%(count)s member", "%(count)s members", counted.count) % {"count": number(counted.count)}
    return {
        "ready": ready,
        "sentence": sentence,
        "count": words,
        "share": "" if counted is None or counted.share is None else share(counted.share),
        "url": f"{reverse('admin:retention_segment_add')}?library={ready.code}" if may_make else "",
    }
