"""The page of one segment, and the parts of it that are counted beside it: so opening it costs the same at any size."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext

from core.admin.base import BoundedPaginator, RekindleAdmin
from core.admin.display import badge, change_url, list_url, money, number, share
from core.admin.rules import make_segment_url
from core.errors import InvalidInput
from core.models import Job
from core.periods import date_of
from members.models import Channel
from members.selectors import VIEW_CONTACTS, members_by_id, members_found
from retention.admin.marks import STAGES, risk_shown
from retention.admin.sources import segments as segments_by_name
from retention.models import Segment, SegmentVersion
from retention.selectors import state
from retention.selectors.explaining import is_inside, why_in_segment
from retention.selectors.insight import Insight, insight, open_build, size_before, sizes_shown, uploads_of
from retention.selectors.listings import segment_called
from retention.selectors.overlap import overlap
from retention.selectors.overview import memberships_of
from retention.selectors.sentences import sentences_of_segments, sentences_of_versions
from retention.selectors.uses import uses_of

MEMBERS_A_PAGE = 20
VERSIONS_SHOWN = 20
SIZES_IN_TABLE = 60
WEEK = 7
KEPT_SECONDS = 3600
PARTS = "retention/admin/parts"


def urls(admin: RekindleAdmin) -> list[URLPattern]:
    """This function will give the addresses of the parts."""
    wrap = admin.admin_site.admin_view

    def part(name: str, view: Any) -> URLPattern:
        def answer(request: HttpRequest, object_id: str) -> HttpResponse:
            shown: HttpResponse = view(admin, request, admin.viewable(request, object_id))
            return shown

        return path(f"<object_id>/{name}/", wrap(answer), name=f"retention_segment_{name}")

    return [
        part("insight", insight_view),
        part("overlap", overlap_view),
        part("why", why_view),
        path("why/", wrap(lambda request: why_member_view(admin, request)), name="retention_why"),
    ]


def page_context(request: HttpRequest, segment: Segment) -> dict[str, Any]:
    """This function will gather what the page shows at once: rows that are few, and numbers that were counted before."""
    versions = list(SegmentVersion.objects.filter(segment=segment).order_by("-number")[:VERSIONS_SHOWN])
    said = sentences_of_versions(versions)
    paginator = BoundedPaginator(memberships_of(segment), MEMBERS_A_PAGE)
    page = paginator.get_page(request.GET.get("members"))
    found = members_by_id([each.member_id for each in page])
    sizes = sizes_shown(segment)
    return {
        "segment": segment,
        "sentence": sentences_of_segments([segment]).get(segment.slug, ""),
        "headline": _headline(segment),
        "versions": [(each, said.get(each.pk, "")) for each in versions],
        "page": page,
        "more": paginator.more,
        "members": [(found.get(each.member_id), each) for each in page],
        "members_url": list_url("members_member", segment=segment.slug),
        "sizes": {
            "labels": [date_of(each.day).isoformat() for each in sizes],
            "values": [each.members for each in sizes],
            "label": gettext("members"),
        },
        "size_rows": sizes[-SIZES_IN_TABLE:][::-1],
        "size_words": _size_words([each.members for each in sizes]),
        "others": [(slug, name) for slug, name in segments_by_name() if slug != segment.slug],
        "building": _building(segment),
        "uses": [(each.label, use, change_url(use.label, use.pk)) for each, use in uses_of(segment.slug)],
        "uploads": _uploads(segment) if segment.static else [],
    }


def _headline(segment: Segment) -> str:
    """The number in a sentence, with how it moved in a week."""
    count = segment.member_count
    if count is None:
        return gettext("Not counted yet.")
    said = ngettext("%(count)s member is in it", "%(count)s members are in it", count) % {"count": number(count)}
    before = size_before(segment, days=WEEK)
    if before is None or before == count:
        return gettext("%(said)s.") % {"said": said}
    more = (
        gettext("%(said)s, %(count)s more than a week ago.")
        if count > before
        else gettext("%(said)s, %(count)s fewer than a week ago.")
    )
    return more % {"said": said, "count": number(abs(count - before))}


def _size_words(values: list[int]) -> str:
    """What the chart shows, for who does not see it."""
    if not values:
        return ""
    words = gettext("%(days)s days: between %(least)s and %(most)s members, %(last)s at the end.")
    numbers = {"days": len(values), "least": min(values), "most": max(values), "last": values[-1]}
    return words % {name: number(value) for name, value in numbers.items()}


def _building(segment: Segment) -> str:
    build = open_build(segment)
    if build is None:
        return ""
    numbers = {"done": number(build.scanned), "total": number(build.total)}
    said = gettext("It is being counted anew: %(done)s of %(total)s members asked.") % numbers
    meanwhile = gettext("Until then the old members are shown.")
    return f"{said} {meanwhile}" if segment.as_of else said


def _uploads(segment: Segment) -> list[dict[str, Any]]:
    uploads = uploads_of(segment)
    jobs = Job.objects.in_bulk([each.job_id for each in uploads if each.job_id is not None])
    return [{"upload": each, "job": None if each.job_id is None else jobs.get(each.job_id)} for each in uploads]


# --- parts


def insight_view(admin: RekindleAdmin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """This function will show what kind of members are inside."""
    seen = _seen(segment)
    context = {"seen": seen, "segment": segment, "total": _total_words(seen)}
    if seen.members:
        context |= {"stages": _stages(segment, seen), "figures": _figures(segment, seen)}
    return TemplateResponse(request, f"{PARTS}/insight.html", context)


def _seen(segment: Segment) -> Insight:
    """Looked at once after each refresh, however often the page is opened."""
    known = state()
    moment = 0 if segment.as_of is None else int(segment.as_of.timestamp())
    key = f"segment:{segment.pk}:{moment}:{known.last_run_id}:{known.signature}"
    found = cache.get(key)
    if found is None:
        found = insight(segment)
        cache.set(key, found, KEPT_SECONDS)
    return found


def _total_words(seen: Insight) -> str:
    if not seen.everybody:
        return ""
    words = {"share": share(seen.members / seen.everybody), "count": number(seen.everybody)}
    return gettext("That is %(share)s of all %(count)s members.") % words


def _stages(segment: Segment, seen: Insight) -> list[dict[str, Any]]:
    return [
        {
            "code": code,
            "mark": mark,
            "badge": badge(mark),
            "count": number(seen.stages[code]),
            "share": seen.stages[code] / seen.members,
            "share_text": share(seen.stages[code] / seen.members),
            "url": list_url("members_member", segment=segment.slug, stage=code),
        }
        for code, mark in STAGES.items()
        if seen.stages.get(code)
    ]


def _figures(segment: Segment, seen: Insight) -> list[tuple[str, str, str, str]]:
    """Label, value, what it means, where it leads."""
    figures = [
        (
            gettext("spent in all"),
            money(seen.revenue_minor),
            gettext("%(mean)s a member") % {"mean": money(round(seen.revenue_minor / seen.members))},
            "",
        ),
        (
            gettext("orders"),
            number(seen.orders),
            gettext("%(mean)s a member") % {"mean": number(round(seen.orders / seen.members, 1))},
            "",
        ),
    ]
    for code, count in seen.reachable.items():
        word = str(Channel(code).label)
        figures.append(
            (
                gettext("reachable by %(channel)s") % {"channel": word},
                number(count),
                share(count / seen.members),
                list_url("members_member", segment=segment.slug, reach=code),
            )
        )
    if seen.churn is not None:
        meaning = gettext("will not order within the horizon, on average")
        figures.append((gettext("mean churn probability"), risk_shown(seen.churn), meaning, ""))
    return figures


def overlap_view(admin: RekindleAdmin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """This function will compare with another segment: each part a number that can become a segment."""
    other = segment_called(request.GET.get("with", ""))
    if other is None:
        raise Http404(gettext("There is no such segment."))
    found = overlap(segment, other)
    this, that = {"in_segment": segment.slug}, {"in_segment": other.slug}
    parts = [
        (gettext("in both"), found.both, _all(this, that)),
        (gettext("only in %(name)s") % {"name": segment.name}, found.only_first, _all(this, _not(that))),
        (gettext("only in %(name)s") % {"name": other.name}, found.only_second, _all(that, _not(this))),
    ]
    sentence = gettext("%(count)s members of %(this)s are in %(that)s too (%(share)s).") % {
        "count": number(found.both),
        "this": segment.name,
        "that": other.name,
        "share": share(found.share_of_first),
    }
    rows = [(label, number(count), make_segment_url(request, rule)) for label, count, rule in parts]
    return TemplateResponse(request, f"{PARTS}/overlap.html", {"sentence": sentence, "rows": rows})


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"combinator": "and", "rules": list(rules)}


def _not(rule: dict[str, Any]) -> dict[str, Any]:
    return {"combinator": "and", "not": True, "rules": [rule]}


def why_view(admin: RekindleAdmin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """This function will say why a member, found as the search box finds one, is or is not in the segment."""
    asked = request.GET.get("member", "").strip()
    contacts = request.user.has_perm(VIEW_CONTACTS)
    found = list(members_found(asked, contacts=contacts).order_by("pk")[:2]) if asked else []
    exact = [member for member in found if member.external_id == asked] or found
    context: dict[str, Any] = {"asked": asked, "segment": segment, "many": len(exact) > 1}
    if len(exact) == 1:
        context |= _why(segment, exact[0])
    return _part_or_page(admin, request, f"{PARTS}/why.html", context, title=gettext("Why is X (not) in it?"))


def why_member_view(admin: RekindleAdmin, request: HttpRequest) -> HttpResponse:
    """This function will answer the same from a member's page, where the segment is chosen."""
    segment = segment_called(request.GET.get("segment", ""))
    chosen = request.GET.get("member", "")
    member = members_by_id([int(chosen)]).get(int(chosen)) if chosen.isdecimal() and len(chosen) <= 18 else None
    if segment is None or member is None or not admin.has_view_permission(request):
        raise Http404(gettext("There is no such segment."))
    context = {"segment": segment, **_why(segment, member)}
    return _part_or_page(admin, request, f"{PARTS}/why.html", context, title=gettext("Why is X (not) in it?"))


def _why(segment: Segment, member: Any) -> dict[str, Any]:
    try:
        found = why_in_segment(segment=segment, member_id=member.pk)
    except InvalidInput as error:
        return {"problem": str(error)}
    return {
        "member": member,
        "member_url": change_url("members_member", member.pk),
        "why": found,
        "inside": is_inside(segment=segment, member_id=member.pk),
        "changes": () if found.rule is None else found.rule.changes(),
    }


def _part_or_page(
    admin: RekindleAdmin, request: HttpRequest, part: str, context: dict[str, Any], *, title: str
) -> HttpResponse:
    if request.headers.get("X-Requested-With") == "fetch":
        return TemplateResponse(request, part, context)
    segment = context["segment"]
    back = reverse("admin:retention_segment_change", args=[segment.pk])
    return admin.page(request, "retention/admin/part.html", title=title, obj=segment, part=part, back=back, **context)
