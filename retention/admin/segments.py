"""Segments: built from rules, counted while they are built; a changed rule is a new version, older ones stay to be read."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from core.admin.base import BoundedChangeList, RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import Mark, badge, change_url, chips, exact, link, list_url, number, unknown, when
from core.admin.forms import add_problems, free_slug
from core.admin.rules import RuleField
from core.errors import InvalidInput, NotFound
from retention.admin import segment_export, segment_library, segment_lists, segment_moves, segment_page
from retention.admin.counting import LONGEST_RULE, inside_rule, rule_urls
from retention.models import Segment
from retention.selectors.freshness import is_stale, stale_after
from retention.selectors.sentences import sentences_of_segments
from retention.selectors.uses import uses_of
from retention.services.evaluate import segments_pending
from retention.services.library import ready_rule
from retention.services.segments import (
    TAKEN_BY_ADDRESSES,
    ChangedMeanwhile,
    create_segment,
    delete_segment,
    edit_segment,
    edition_of,
)

ADDRESSES = ("edit", "delete", "export", "freeze", "ids", "insight", "moves", "overlap", "why")

FRESH = Mark(_("counted"), "green", "check_circle")
FAILING = Mark(_("failing"), "red", "error")
STALE = Mark(_("too old"), "amber", "schedule")
COUNTING = Mark(_("waits to be counted"), "grey", "hourglass_empty")


class SegmentForm(forms.Form):
    """A name, what it is for, and the rule. The short name is made from the name unless somebody gives one."""

    name = forms.CharField(label=_("name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    description = forms.CharField(
        label=_("what it is for"), max_length=2000, required=False, widget=UnfoldAdminTextareaWidget({"rows": 2})
    )
    rule = RuleField(label=_("who is in it"))
    slug = forms.SlugField(
        label=_("short name"),
        max_length=100,
        allow_unicode=True,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("How other rules and the API call it; empty: made from the name. It stays as it is."),
    )

    def clean_slug(self) -> str:
        name = self.cleaned_data.get("name", "")
        return str(self.cleaned_data.get("slug") or free_slug(Segment, name, besides=TAKEN_BY_ADDRESSES))


class ChangeSegmentForm(SegmentForm):
    slug = None  # type: ignore[assignment]

    seen = forms.CharField(max_length=16, required=False, widget=forms.HiddenInput)

    def look_again(self, error: ChangedMeanwhile) -> None:
        """This function will say what somebody else saved, and take the next save for an answer to that."""
        self.add_error(None, _said_meanwhile(error.now))
        self.data = {**self.data.dict(), "seen": edition_of(error.now)}  # type: ignore[attr-defined]  # of a request: a QueryDict


class SegmentList(BoundedChangeList):
    """Says every rule of the page in words, with the segments read once."""

    def complete(self, rows: list[Any]) -> None:
        said, limit, now = sentences_of_segments(rows), stale_after(), timezone.now()
        pending = segments_pending()
        for segment in rows:
            vars(segment)["pending"] = segment.pk in pending
            vars(segment)["sentence"] = said.get(segment.slug, "")
            vars(segment)["stale"] = is_stale(segment, limit=limit, now=now)


@admin.register(Segment)
class SegmentAdmin(RekindleAdmin):
    list_before_template = "retention/admin/segments_before.html"
    empty_says = _("A segment is a rule that says who is meant: who has not ordered for 60 days, who has spent over ¥500.")
    list_display = ("name", "meaning", "size", "freshness")
    ordering = ("name", "id")
    search_fields = ("name", "slug")
    sortable_by = ()
    list_select_related = ("version",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return SegmentList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        return super().get_queryset(request).select_related("version")

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            *rule_urls(self),
            *segment_library.urls(self),
            *segment_lists.urls(self),
            *segment_page.urls(self),
            *segment_moves.urls(self),
            *segment_export.urls(self),
            path("<object_id>/edit/", wrap(self.edit_view), name="retention_segment_edit"),
        ]
        return own + super().get_urls()

    # --- the list

    @display(description=_("who is in it"))
    def meaning(self, segment: Segment) -> SafeString | str:
        return chips([gettext("a fixed list")]) if segment.static else str(vars(segment).get("sentence", ""))

    @display(description=_("members"))
    def size(self, segment: Segment) -> SafeString | str:
        if segment.member_count is None:
            return unknown()
        return link(number(segment.member_count), list_url("members_member", segment=segment.slug))

    @display(description=_("counted"))
    def freshness(self, segment: Segment) -> SafeString:
        known = vars(segment)
        mark = _freshness(segment, stale=known.get("stale", False), pending=known.get("pending", False))
        return when(segment.as_of) if mark is FRESH else badge(mark)

    # --- one segment

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        segment = self.viewable(request, object_id)
        stale = is_stale(segment, limit=stale_after(), now=timezone.now())
        mark = _freshness(segment, stale=stale, pending=segment.pk in segments_pending())
        return self.page(
            request,
            "retention/admin/segment.html",
            title=segment.name,
            obj=segment,
            state=badge(mark),
            waits=mark is COUNTING,
            may_delete=self.has_delete_permission(request, segment),
            **{f"{name}_url": reverse(f"admin:retention_segment_{name}", args=[segment.pk]) for name in ADDRESSES},
            **segment_page.page_context(request, segment),
        )

    # --- making and changing

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SegmentForm(request.POST or None, initial=_initial(request))
        if request.method == "POST" and form.is_valid():
            try:
                segment = create_segment(**form.cleaned_data, now=timezone.now(), by=request.user.get_username())
            except InvalidInput as error:
                _show_problems(form, error)
            else:
                self.log_addition(request, segment, gettext("made"))
                messages.success(request, gettext("The segment was made. The next refresh counts it, within a minute."))
                return HttpResponseRedirect(change_url("retention_segment", segment.pk))
        return self._form_page(request, form, title=gettext("New segment"), verb=gettext("Make the segment"))

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        segment = self.changeable(request, object_id)
        rule = segment.version.rule if segment.version else None
        initial = {
            "name": segment.name,
            "description": segment.description,
            "rule": rule,
            "seen": edition_of(segment),
        }
        form = ChangeSegmentForm(request.POST or None, initial=initial)
        if segment.static:
            del form.fields["rule"]
        if request.method == "POST" and form.is_valid() and self._change(request, segment, form):
            return HttpResponseRedirect(change_url("retention_segment", segment.pk))
        title = gettext("Edit %(segment)s") % {"segment": segment.name}
        return self._form_page(request, form, title=title, verb=gettext("Save segment"), segment=segment)

    def _change(self, request: HttpRequest, segment: Segment, form: ChangeSegmentForm) -> bool:
        """This function will save what was changed, the rule as a new version, and say whether it was taken."""
        given, changed = form.cleaned_data, [name for name in form.changed_data if name != "seen"]
        saved: dict[str, Any] = {name: given[name] for name in changed}
        by = request.user.get_username()
        try:
            edit_segment(segment=segment, seen=given["seen"], now=timezone.now(), by=by, **saved)
        except ChangedMeanwhile as error:
            form.look_again(error)
            return False
        except InvalidInput as error:
            _show_problems(form, error)
            return False
        except NotFound as error:
            raise Http404 from error
        if changed:
            self.log_change(request, segment, gettext("edited: %(fields)s") % {"fields": ", ".join(changed)})
            messages.success(request, gettext("The segment was saved. The next refresh counts it, within a minute."))
        return True

    def _form_page(
        self, request: HttpRequest, form: forms.Form, *, title: str, verb: str, segment: Segment | None = None
    ) -> HttpResponse:
        back = list_url("retention_segment") if segment is None else change_url("retention_segment", segment.pk)
        return self.page(
            request, "retention/admin/segment_form.html", title=title, obj=segment, form=form, verb=verb, back=back
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        segment = self.viewable(request, object_id)
        if not self.has_delete_permission(request, segment):
            raise PermissionDenied
        holding, others = _who_relies(segment)
        if holding and request.method != "POST":
            # A button that would refuse is none: who relies on it is said where they are listed.
            messages.error(request, gettext("It cannot be deleted while these rely on it: %(names)s.") % {"names": holding})
            return HttpResponseRedirect(change_url("retention_segment", segment.pk) + "#uses")

        def do() -> str:
            with transaction.atomic():
                self.log_deletions(request, Segment.objects.filter(pk=segment.pk))
                delete_segment(segment=segment)
            return gettext("The segment “%(segment)s” was deleted.") % {"segment": segment.name}

        back = list_url("retention_segment") if request.method == "POST" else change_url("retention_segment", segment.pk)
        return confirmed(
            self,
            request,
            obj=segment,
            title=gettext("Delete %(segment)s?") % {"segment": segment.name},
            sentences=lambda: [_what_goes(segment), *_who_is_left(others)],
            verb=gettext("Delete the segment"),
            do=do,
            back=back,
            danger=True,
        )


def _freshness(segment: Segment, *, stale: bool, pending: bool) -> Mark:
    """A count from before the rule was changed, or that of a segment inside, is the count of another rule."""
    if segment.error:
        return FAILING
    if segment.as_of is None or pending:
        return COUNTING
    return STALE if stale else FRESH


def _said_meanwhile(now: Segment) -> str:
    """Who saved what, so that the two can be put together by who reads it."""
    said = {"name": now.name, "rule": sentences_of_segments([now]).get(now.slug, "")}
    if now.version is None:
        found = gettext("While you were editing, somebody saved this list under the name “%(name)s”.")
    else:
        said |= {"who": now.version.created_by or gettext("somebody"), "when": exact(now.version.created_at)}
        found = gettext(
            "While you were editing, it was saved as “%(name)s”, with the rule %(who)s wrote at %(when)s: %(rule)s."
        )
    yours = gettext("What stands here is yours: save again to put it in the place of that.")
    return f"{found % said} {yours}"


def _show_problems(form: forms.Form, error: InvalidInput) -> None:
    add_problems(form, error)
    if "rule" not in form.fields:
        return
    form.fields["rule"].widget.problems = [
        type(each)(inside_rule(each.as_json())["path"], each.code, each.message)
        for each in error.problems
        if each.path == "rule" or each.path.startswith(("rule.", "rule["))
    ]


def _initial(request: HttpRequest) -> dict[str, Any]:
    """A list elsewhere may offer its own rule as a segment: ?rule=…; the library a ready one: ?library=…"""
    ready = ready_rule(request.GET.get("library", ""))
    if ready is not None:
        return {"name": str(ready.name), "description": str(ready.description), "rule": dict(ready.rule)}
    try:
        rule = json.loads(request.GET.get("rule", "")[:LONGEST_RULE])
    except (ValueError, RecursionError):
        return {}
    return {"rule": rule} if isinstance(rule, dict) else {}


def _who_relies(segment: Segment) -> tuple[str, str]:
    """Who keeps it from being deleted, and who names it without needing it yet, or any more."""
    uses = [use for _app, use in uses_of(segment.slug)]
    holding, others = (", ".join(use.name for use in uses if use.holds is holds) for holds in (True, False))
    return holding, others


def _who_is_left(names: str) -> list[str]:
    return [gettext("These name it and would be without it: %(names)s.") % {"names": names}] if names else []


def _what_goes(segment: Segment) -> str:
    if segment.member_count is None:
        return gettext("Its versions and its history go with it. Members stay.")
    return gettext("%(count)s members are in it. Its versions and its history go with it; the members stay.") % {
        "count": number(segment.member_count)
    }
