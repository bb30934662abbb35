"""The members of a segment as a CSV, with the columns one chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import RekindleAdmin
from core.admin.display import change_url, number
from retention.admin.files import csv_file, hidden
from retention.models import Segment
from retention.selectors.exporting import COLUMNS, FACTS, PROFILE, SCORES, as_it_is, member_rows

CHOSEN = ("external_id", "name", "entered_at", "last_order_at", "order_count", "revenue_minor", "lifecycle_stage")
GROUPS: tuple[tuple[Any, Mapping[str, Any]], ...] = ((_("Profile"), PROFILE), (_("Facts"), FACTS), (_("Scores"), SCORES))


def urls(admin: RekindleAdmin) -> list[URLPattern]:
    def answer(request: HttpRequest, object_id: str) -> HttpResponse | StreamingHttpResponse:
        segment = admin.viewable(request, object_id)
        if not request.user.has_perm("retention.export_segment"):
            raise PermissionDenied
        return export_view(admin, request, segment)

    wrap = admin.admin_site.admin_view
    return [path("<object_id>/export/", wrap(answer), name="retention_segment_export")]


def export_view(admin: RekindleAdmin, request: HttpRequest, segment: Segment) -> HttpResponse | StreamingHttpResponse:
    """This function will offer the columns, and send the file that was chosen; who exports what is noted."""
    whole = request.user.has_perm("retention.export_contacts")
    if request.method == "POST":
        columns = [name for name in COLUMNS if name in request.POST.getlist("columns")]
        if columns:
            admin.log_change(request, segment, gettext("exported: %(fields)s") % {"fields": ", ".join(columns)})
            rows = member_rows(segment, columns, hide=as_it_is if whole else hidden)
            return csv_file(columns, rows, name=segment.slug)
    count = segment.member_count or 0
    return admin.page(
        request,
        "retention/admin/segment_export.html",
        title=gettext("Export %(segment)s") % {"segment": segment.name},
        obj=segment,
        segment=segment,
        sentence=ngettext("The file will hold %(count)s member.", "The file will hold %(count)s members.", count)
        % {"count": number(count)},
        groups=[(label, [(name, words, name in CHOSEN) for name, words in columns.items()]) for label, columns in GROUPS],
        whole=whole,
        nothing_chosen=request.method == "POST",
        back=change_url("retention_segment", segment.pk),
    )
