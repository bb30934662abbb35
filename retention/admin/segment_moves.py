"""Who entered and who left a segment between two dates: counts, a list to leaf through, a file of all of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext

from core.admin.base import BoundedPaginator, RekindleAdmin
from core.admin.display import change_url, number
from core.conf import shop_zone
from core.periods import FIRST_YEAR, LAST_YEAR, date_of, day_number, day_of, start_of
from members.selectors import members_by_id
from retention.admin.files import csv_file
from retention.models import Segment
from retention.selectors.exporting import transition_rows
from retention.selectors.insight import moves
from retention.selectors.listings import transitions

DAYS = 7
A_PAGE = 50


def urls(admin: RekindleAdmin) -> list[URLPattern]:
    def answer(request: HttpRequest, object_id: str) -> HttpResponse | StreamingHttpResponse:
        return moves_view(admin, request, admin.viewable(request, object_id))

    wrap = admin.admin_site.admin_view
    return [path("<object_id>/moves/", wrap(answer), name="retention_segment_moves")]


def moves_view(admin: RekindleAdmin, request: HttpRequest, segment: Segment) -> HttpResponse | StreamingHttpResponse:
    """This function will show a period's comings and goings: counts beside a page, the page itself, or the file."""
    first, last = _period(request)
    zone = shop_zone()
    period = {"at_from": start_of(day_of(first), zone), "at_to": start_of(day_of(last) + 1, zone)}
    which = {"entered": True, "left": False}.get(request.GET.get("which", ""))
    if request.GET.get("format") == "csv":
        if not request.user.has_perm("retention.export_segment"):
            raise PermissionDenied
        rows = transition_rows(segment, entered=which, **period)
        name = f"{segment.slug}-{first:%Y%m%d}-{last:%Y%m%d}"
        return csv_file(["external_id", "moved", "at"], rows, name=name)
    asked = {"first": first.isoformat(), "last": last.isoformat(), "which": request.GET.get("which", "")}
    shown: dict[str, Any] = {"segment": segment, **asked}
    if request.headers.get("X-Requested-With") == "fetch":
        counted = moves(segment, **period)
        said = {"entered": number(counted.entered), "left": number(counted.left)}
        sentence = gettext("%(entered)s entered and %(left)s left.") % said
        return TemplateResponse(request, "retention/admin/parts/moves.html", {**shown, "sentence": sentence})
    found = transitions(segment, entered=which, **period).order_by("-at", "-pk")
    paginator = BoundedPaginator(found, A_PAGE)
    page = paginator.get_page(request.GET.get("p"))
    people = members_by_id([each.member_id for each in page])
    return admin.page(
        request,
        "retention/admin/segment_moves.html",
        title=gettext("Who entered and who left"),
        obj=segment,
        rows=[(people.get(each.member_id), each) for each in page],
        page=page,
        more=paginator.more,
        query=urlencode(asked),
        file_url=f"?{urlencode({**asked, 'format': 'csv'})}" if request.user.has_perm("retention.export_segment") else "",
        back=change_url("retention_segment", segment.pk),
        **shown,
    )


def _period(request: HttpRequest) -> tuple[date, date]:
    """The dates asked for, both included; what is no date is left aside, ends that stand the wrong way are turned."""
    today = day_number(timezone.now(), shop_zone())
    first = _date(request.GET.get("first")) or date_of(today - DAYS + 1)
    last = _date(request.GET.get("last")) or max(date_of(today), first)
    return (first, last) if first <= last else (last, first)


def _date(text: Any) -> date | None:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if FIRST_YEAR <= found.year < LAST_YEAR else None
