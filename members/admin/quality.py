"""Data quality: how good is what we know? Numbers of the last look, each with its list; nothing is counted here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import ReadOnlyAdmin
from core.admin.display import bar, change_url, list_url, number, share, when
from core.admin.rules import make_segment_url
from core.errors import DomainError
from core.models import Job
from core.services.clock import clock_is_ticking
from members.admin.quality_words import REACH, SUBJECTS, VALUES, Text
from members.models import Channel, EventKind, QualityLook
from members.services.quality import JOB, ask_for_look, attribute_code, latest_look
from members.services.quality_attributes import declared_types
from members.services.quality_fields import FIELDS, MEANINGS
from members.services.quality_imports import refused_lately
from members.services.quality_measures import DUPLICATE, INVALID, KINDS, MEASURES, MISSING, OLD, REACHABLE, REACHES

LISTS = {
    "members": "members_member",
    "orders": "members_order",
    "products": "members_product",
    "events": "members_behaviourevent",
}
IMPORTS = "members_import"
MOST_HEARD = 10
"""Shops, sources or kinds that stand in view; the others are folded away."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and where it leads; `segment_url` makes a segment of the same members where a rule says the same."""

    count: int
    share: float
    url: str = ""
    meaning: Text = ""
    segment_url: str = ""


@admin.register(QualityLook)
class QualityAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[Any]:
        own = path("look/", self.admin_site.admin_view(self.look_view), name="members_qualitylook_look")
        return [own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        look = latest_look()
        job = Job.objects.filter(kind=JOB, state__in=Job.OPEN).order_by("pk").first()
        return self.page(
            request,
            "members/admin/quality.html",
            title=gettext("How good is our data?"),
            look=look,
            job=job,
            job_url=change_url("core_job", job.pk) if job and request.user.has_perm("core.view_job") else "",
            job_share=job.done / job.total if job and job.total else None,
            silent=job is not None and not clock_is_ticking(now=timezone.now()),
            may_look=self._may_look(request),
            refusals=refused_lately(now=timezone.now()) if request.user.has_perm("members.view_import") else None,
            imports_url=_listed(request, IMPORTS),
            **(_told(request, look) if look else {}),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self.viewable(request, object_id)
        return HttpResponseRedirect(list_url("members_qualitylook"))

    def look_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self._may_look(request):
            raise PermissionDenied
        try:
            ask_for_look(now=timezone.now(), by=request.user.get_username())
        except DomainError as refusal:
            messages.error(request, str(refusal))
        return HttpResponseRedirect(list_url("members_qualitylook"))

    def _may_look(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.add_qualitylook"))


def _told(request: HttpRequest, look: QualityLook) -> dict[str, Any]:
    counts = look.counts
    return {
        "headline": _headline(counts),
        "wrong": _wrong(counts),
        "channels": [_channel(request, counts, channel) for channel in Channel] if counts.get("members.total") else [],
        "reaches": [REACH[code] for code in REACHES],
        "kinds": KINDS.values(),
        "subjects": [_subject(request, counts, subject) for subject in SUBJECTS],
        "attributes": _attributes(request, look),
        "heard": [table for table in _heard(request, look) if table["rows"]],
    }


def _headline(counts: Mapping[str, int]) -> str:
    members = counts.get("members.total", 0)
    if not members:
        return gettext("Nobody is here yet.")
    reached = {
        "count": number(members),
        "sms": number(counts.get(f"reach.sms.{REACHABLE}", 0)),
        "email": number(counts.get(f"reach.email.{REACHABLE}", 0)),
    }
    return (
        ngettext(
            "Of %(count)s member %(sms)s can be reached by SMS and %(email)s by e-mail.",
            "Of %(count)s members %(sms)s can be reached by SMS and %(email)s by e-mail.",
            members,
        )
        % reached
    )


def _wrong(counts: Mapping[str, int]) -> str:
    found = sum(count for code, count in counts.items() if code.endswith((f".{INVALID}", f".{DUPLICATE}")))
    if not found:
        return gettext("Nothing is invalid, and nothing stands there twice.")
    words = ngettext(
        "%(count)s entry is invalid or a likely duplicate.",
        "%(count)s entries are invalid or likely duplicates.",
        found,
    )
    return words % {"count": number(found)}


def _listed(request: HttpRequest, label: str, **filters: str) -> str:
    """The list's address, for who may see it and where it exists."""
    app, model = label.split("_", 1)
    registered = any(known._meta.label_lower == f"{app}.{model}" for known in admin.site._registry)
    return list_url(label, **filters) if registered and request.user.has_perm(f"{app}.view_{model}") else ""


# --- Who can be reached


def _channel(request: HttpRequest, counts: Mapping[str, int], channel: Channel) -> dict[str, Any]:
    members = counts["members.total"]
    found = {code: counts.get(f"reach.{channel}.{code}", 0) for code in REACHES}
    figures = []
    for code, count in found.items():
        filters = {"reach": str(channel)} if code == REACHABLE else {"quality": f"reach.{channel}.{code}"}
        url = _listed(request, LISTS["members"], **filters) if count else ""
        figures.append((REACH[code], Figure(count, count / members, url)))
    parts = [(mark.colour, figure.share) for mark, figure in figures]
    return {"label": channel.label, "figures": figures, "bar": bar(parts, title=_parts_in_words(found, members))}


def _parts_in_words(found: Mapping[str, int], members: int) -> str:
    return " · ".join(f"{REACH[code].word} {share(count / members)}" for code, count in found.items() if count)


# --- Fields


def _subject(request: HttpRequest, counts: Mapping[str, int], subject: str) -> dict[str, Any]:
    total = counts.get(f"{subject}.total", 0)
    rows = [
        (label, [(word, _figure(request, counts, subject, field, kind, total)) for kind, word in KINDS.items()])
        for field, label in FIELDS[subject].items()
    ]
    return {
        "code": subject,
        "title": SUBJECTS[subject],
        "total": total,
        "url": _listed(request, LISTS[subject]),
        "rows": rows,
    }


def _figure(
    request: HttpRequest, counts: Mapping[str, int], subject: str, field: str, kind: str, total: int
) -> Figure | None:
    """None where nothing is asked."""
    code = f"{subject}.{field}.{kind}"
    if code not in MEASURES and code not in counts:
        return None
    count = counts.get(code, 0)
    if subject == "members" and kind == DUPLICATE:
        url = _listed(request, "members_mergerecord", reason=field)
    else:
        url = _listed(request, LISTS[subject], quality=code)
    rule = MEASURES[code].rule if code in MEASURES else None
    segment_url = make_segment_url(request, rule) if rule and count else ""
    return Figure(count, count / total if total else 0, url if count else "", MEANINGS.get(code, ""), segment_url)


def _attributes(request: HttpRequest, look: QualityLook) -> list[dict[str, Any]]:
    total, types = look.counts.get("members.total", 0), declared_types()
    rows: list[dict[str, Any]] = []
    for name, kinds in sorted(look.tables.get("attributes", {}).items()):
        missing = total - sum(kinds.values())
        wrong, code = look.counts.get(attribute_code(name), 0), attribute_code(name)
        rule = {"field": f"attributes.{name}", "operator": "is_null"}
        rows.append(
            {
                "name": name,
                "declared": VALUES.get(types.get(name, ""), ""),
                "kinds": [f"{VALUES[kind]} {number(count)}" for kind, count in sorted(kinds.items())],
                MISSING: Figure(
                    missing,
                    missing / total if total else 0,
                    segment_url=make_segment_url(request, rule) if missing and name in types else "",
                ),
                INVALID: Figure(
                    wrong,
                    wrong / total if total else 0,
                    _listed(request, LISTS["members"], quality=code) if wrong else "",
                ),
            }
        )
    return rows


# --- When they were heard of last


def _heard(request: HttpRequest, look: QualityLook) -> Iterator[dict[str, Any]]:
    labels = {str(kind.value): kind.label for kind in EventKind}
    yield _table(look, "shops", _("Last order of each shop"), lambda key: key)
    yield _table(look, "sources", _("Last new member of each source"), lambda key: key or gettext("not known"))
    yield _table(look, "kinds", _("Last event of each kind"), lambda key: labels.get(key, key))


def _table(look: QualityLook, code: str, title: Text, name: Any) -> dict[str, Any]:
    rows = [(name(key), count, _last(look, last)) for key, (count, last) in look.tables.get(code, {}).items()]
    rows.sort(key=lambda row: -row[1])
    return {"title": title, "rows": rows[:MOST_HEARD], "more": rows[MOST_HEARD:]}


def _last(look: QualityLook, last: str | None) -> tuple[SafeString, bool]:
    """When, and whether that is so long ago that somebody should ask why."""
    if last is None:
        return when(None), False
    at = datetime.fromisoformat(last)
    return when(at), look.started_at - at > OLD
