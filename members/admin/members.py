"""Members: the list, the page of one, and putting a profile right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.audit import history_url
from core.admin.base import BoundedChangeList, KeyedPaginator, RekindleAdmin
from core.admin.display import badge, change_url, list_url, unknown
from core.admin.forms import add_problems
from core.admin.panels import (
    Column,
    Filter,
    MemberAction,
    actions_of,
    badges_of,
    member_actions,
    member_columns,
    member_filters,
    panels_of,
)
from core.admin.rules import make_segment_url
from core.errors import InvalidInput
from core.registry import member_sections
from members.admin.forms import CONSENT_PREFIX, MergeForm, ProfileForm, TagForm
from members.admin.marks import CHANNELS, UNREACHABLE
from members.admin.privacy import ERASE, EXPORT, erase_view, export_view
from members.ingest import ingest_members
from members.ingest.result import IngestResult
from members.models import Channel, ConsentSource, Member, Purpose
from members.selectors import (
    VIEW_CONTACTS,
    erasure_of,
    members_found,
    members_reachable,
    members_tagged,
    reachable_channels,
)

MADE_UP = _("made up for the demonstration")


class MemberList(BoundedChangeList):
    """Loads what the rooms above know of the members on the page: one statement a section, however long the page."""

    def complete(self, rows: list[Any]) -> None:
        ids = [member.pk for member in rows]
        read: dict[str, set[str]] = {}
        for column in member_columns:
            if column.section:
                read.setdefault(column.section, set()).update(column.reads)
        for code, names in read.items():
            section = member_sections.get(code)
            known = section.rows(member_ids=ids, as_of=None, only=names) if section and ids else {}
            for member in rows:
                vars(member).setdefault("sections", {})[code] = known.get(member.pk)
        for column in member_columns:
            held = column.rows(ids) if column.rows and ids else {}
            for member in rows:
                vars(member).setdefault("columns", {})[column.code] = held.get(member.pk)


def _column(column: Column) -> Callable[[Member], object]:
    @display(description=column.label)
    def show(member: Member) -> object:
        known = vars(member)
        values = known.get("columns", {}).get(column.code) if column.rows else known.get("sections", {}).get(column.section)
        return unknown() if values is None else column.show(values)

    show.__name__ = column.code
    return show


class ReachFilter(SimpleListFilter):
    title = _("reachable by")
    parameter_name = "reach"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        of_service = ((f"{code}-{Purpose.SERVICE}", f"{label} · {Purpose.SERVICE.label}") for code, label in Channel.choices)
        return [*Channel.choices, *of_service]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        channel, _dash, purpose = (self.value() or "").partition("-")
        purpose = purpose or Purpose.MARKETING.value
        known = channel in Channel.values and purpose in Purpose.values
        return queryset & members_reachable(channel, purpose) if known else queryset


class TagFilter(SimpleListFilter):
    """Offered only while a tag is chosen: tags are clicked on a member's page."""

    title = _("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        chosen = request.GET.get("tag", "")
        return [(chosen, chosen)] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        tag = self.value()
        return queryset.filter(pk__in=members_tagged(tag)) if tag else queryset


def _filter(registered: Filter) -> type[SimpleListFilter]:
    class RegisteredFilter(SimpleListFilter):
        title = registered.label  # type: ignore[assignment]
        parameter_name = registered.code

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
            return list(registered.choices(request))

        def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
            value = self.value()
            ids = registered.narrow(value) if value else None
            return queryset if ids is None else queryset.filter(pk__in=ids)

    return RegisteredFilter


@admin.register(Member)
class MemberAdmin(RekindleAdmin):
    empty_says = _("Members come in with a file of members or orders, or over the API; people do not type them.")
    list_before_template = "members/admin/chosen.html"
    ordering = ("-id",)
    search_fields = ("external_id",)
    search_help_text = _("id, name, phone or e-mail")
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Members come in through files, REST and orders, which carry an id of the shop's own."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Member | None = None) -> bool:
        """Erasing a person is more than deleting a row."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A list one was led to says above it who is on it, and can be made a segment."""
        asked = [(each, request.GET.get(each.code, "")) for each in member_filters]
        chosen = [(each, value) for each, value in asked if value and each.narrow(value) is not None]
        others = {"q", ReachFilter.parameter_name, TagFilter.parameter_name} & set(request.GET)
        rules = [rule for each, value in chosen if each.rule and (rule := each.rule(value))]
        whole = bool(rules) and not others and len(rules) == len(chosen)
        joined = rules[0] if len(rules) == 1 else {"combinator": "and", "rules": rules}
        context = {
            "chosen": [(each.label, dict(each.choices(request)).get(value, value)) for each, value in chosen],
            "segment_url": make_segment_url(request, joined) if whole else "",
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("<object_id>/edit/", wrap(self.edit_view), name="members_member_edit"),
            path("<object_id>/tag/", wrap(self.tag_view), name="members_member_tag"),
            path("<object_id>/merge/", wrap(self.merge_view), name="members_member_merge"),
            path("<object_id>/export/", wrap(self.export_view), name="members_member_export"),
            path("<object_id>/erase/", wrap(self.erase_view), name="members_member_erase"),
        ]
        return own + super().get_urls()

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return export_view(request, self.viewable(request, object_id))

    def erase_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return erase_view(self, request, self.viewable(request, object_id))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return MemberList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        return super().get_queryset(request).prefetch_related("consents", "tags")

    def get_paginator(self, request: HttpRequest, queryset: QuerySet[Member], per_page: int, *given: Any) -> KeyedPaginator:
        """Filters of the rooms above work out scores: once a page, not once for the count and once for the rows."""
        asked = request.GET.get(PAGE_VAR, "")
        page = int(asked) if asked.isdecimal() and len(asked) < 6 else 1
        return KeyedPaginator(queryset.prefetch_related(None), per_page, *given, rows=self.get_queryset(request), asked=page)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        contacts = request.user.has_perm(VIEW_CONTACTS)
        return (queryset & members_found(text, contacts=contacts), False) if text else (queryset, False)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return ["who", *(_column(column) for column in member_columns if column.offered()), "reach"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*(_filter(registered) for registered in member_filters), ReachFilter, TagFilter]

    @display(description=_("member"), header=True)
    def who(self, member: Member) -> list[str]:
        return [member.name, member.external_id] if member.name else [member.external_id, ""]

    @display(description=_("reachable by"))
    def reach(self, member: Member) -> SafeString:
        return reach_badges(member)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if (receipt := erasure_of(object_id)) is not None:
            return HttpResponseRedirect(change_url("members_erasure", receipt.pk))
        member = self.viewable(request, object_id)
        return self.page(
            request,
            "members/admin/member.html",
            title=str(member),
            obj=member,
            member=member,
            reach=reach_badges(member),
            tags=[(each.tag, list_url("members_member", tag=each.tag)) for each in member.tags.all()],
            badges=badges_of(request, member),
            actions=actions_of(request, member),
            panels=panels_of(request, member),
            edit_url=reverse("admin:members_member_edit", args=[member.pk]),
        )

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        member = self.changeable(request, object_id)
        if not self.has_change_permission(request, member):
            raise PermissionDenied
        form = ProfileForm(request.POST or None, member=member, contacts=request.user.has_perm(VIEW_CONTACTS))
        back = change_url("members_member", member.pk)
        if request.method == "POST" and form.is_valid() and self._save(request, member, form):
            return HttpResponseRedirect(back)
        return self.page(
            request,
            "rekindle/form.html",
            title=gettext("Edit %(member)s") % {"member": member},
            obj=member,
            form=form,
            verb=gettext("Save profile"),
            back=back,
        )

    def tag_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One word more, without opening the profile."""
        member = self.changeable(request, object_id)
        form = TagForm(request.POST or None)
        back = change_url("members_member", member.pk)
        if request.method == "POST" and form.is_valid():
            result = _take_in(request, form.item(member))
            if not result.rejected:
                self.log_change(request, member, "")
                messages.success(request, gettext("The tag was added."))
                return HttpResponseRedirect(back)
            add_problems(form, InvalidInput("", problems=result.rejected[0].errors), fields={"tags": "tag"})
        title = gettext("Tag %(member)s") % {"member": member}
        return self.page(
            request, "rekindle/form.html", title=title, obj=member, form=form, verb=gettext("Add tag"), back=back
        )

    def merge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Which other member this one is, told by its id; what would move is shown before anything does."""
        member = self.changeable(request, object_id)
        form = MergeForm(request.POST or None, member=member)
        if request.method == "POST" and form.is_valid():
            other = form.cleaned_data["other"]
            return HttpResponseRedirect(reverse("admin:members_mergerecord_merge", args=[member.pk, other]))
        return self.page(
            request,
            "rekindle/form.html",
            title=gettext("Merge another member into %(member)s") % {"member": member},
            obj=member,
            form=form,
            verb=gettext("Show what would move"),
            back=change_url("members_member", member.pk),
        )

    def _save(self, request: HttpRequest, member: Member, form: ProfileForm) -> bool:
        """This function will send what was changed through the ingest, as a file would, and say whether it was taken."""
        if not form.has_changed():
            return True
        result = _take_in(request, form.item(member.external_id))
        if result.rejected:
            refused = InvalidInput(gettext("The profile was not saved."), problems=result.rejected[0].errors)
            consents = {f"consents.{channel}": CONSENT_PREFIX + channel for channel in Channel.values}
            add_problems(form, refused, fields=consents)
            return False
        if result.warnings:
            messages.warning(
                request, gettext("The member unsubscribed, so the consent was not taken. Record it with its date and proof.")
            )
        self.log_change(request, member, gettext("edited: %(fields)s") % {"fields": ", ".join(form.changed_data)})
        messages.success(request, gettext("The profile was saved."))
        return True


def _take_in(request: HttpRequest, item: dict[str, Any]) -> IngestResult:
    proof = gettext("stated by %(user)s in the admin") % {"user": request.user.get_username()}
    return ingest_members([item], now=timezone.now(), proof=proof, source=ConsentSource.STAFF)


def _own(name: str) -> Callable[[Member], str]:
    return lambda member: reverse(f"admin:members_member_{name}", args=[member.pk])


CHANGE = "members.change_member"
for action in (
    MemberAction("tag", _("Add tag"), "label", 10, CHANGE, _own("tag")),
    MemberAction("merge", _("Merge"), "join_inner", 40, CHANGE, _own("merge")),
    MemberAction("history", _("History"), "history", 50, "core.view_auditrecord", history_url),
    MemberAction("export", _("Export"), "download", 60, EXPORT, _own("export")),
    MemberAction("erase", _("Erase"), "person_off", 90, ERASE, _own("erase"), danger=True),
):
    member_actions.register(action)


def reach_badges(member: Member) -> SafeString:
    channels = reachable_channels(member)
    if not channels:
        return badge(UNREACHABLE)
    return format_html("{} " * len(channels), *(badge(CHANNELS[channel]) for channel in channels))
