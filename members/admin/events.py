"""Behaviour events: what members did besides ordering. Read only; shops report them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import ReadOnlyAdmin
from core.admin.display import change_url, link, number, when
from core.periods import day_of, within_calendar
from members.admin.marks import EVENT_KINDS
from members.admin.quality_lists import PARAMETER, found_by_look
from members.models import OWN_KINDS, BehaviourEvent, EventKind
from members.selectors import VIEW_CONTACTS, member_ids_called, members_found, products_found
from members.selectors.happenings import EventPage, Place, event_page, newest_event_at
from members.services.quality import latest_look

EVENTS_A_PAGE = 50
MOST_MEANT = 20
"""Members or products that a text may mean; of more the first are taken."""
LARGEST_ID = 2**63 - 1
LONGEST_ID = len(str(LARGEST_ID))


class EventsAsked(forms.Form):
    """What the list is narrowed to; whatever cannot be read is left out."""

    kind = forms.ChoiceField(label=_("what"), required=False, choices=[("", _("everything")), *EventKind.choices])
    day = forms.DateField(label=_("day"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    member = forms.CharField(label=_("member"), required=False, max_length=200, help_text=_("id, name, phone or e-mail"))
    product = forms.CharField(label=_("product"), required=False, max_length=300, help_text=_("code or name"))
    keyword = forms.CharField(label=_("keyword"), required=False, max_length=200, help_text=_("as it was searched for"))

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        for field in self.fields.values():
            field.widget.attrs["class"] = "rk-input"

    def asked(self) -> dict[str, Any]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


@dataclass(frozen=True, slots=True)
class EventRow:
    event: BehaviourEvent
    mark: Any
    about: str
    url: str
    member_url: str


NAMED = ("campaign", "template")
"""What events of the product's own are about, by their short names."""


def about(event: BehaviourEvent) -> str:
    """This function will say what an event was about: the product, the keyword, the stars, the campaign."""
    told = [
        str(event.product) if event.product_id else "",
        gettext("“%(keyword)s”") % {"keyword": event.keyword} if event.keyword else "",
        gettext("%(rating)s of 5") % {"rating": event.rating} if event.rating is not None else "",
        event.topic,
        event.category if not event.product_id else "",
        event.page if not (event.product_id or event.keyword or event.topic) else "",
        *(str(event.properties.get(name) or "") for name in NAMED if event.kind in OWN_KINDS),
    ]
    return " · ".join(part for part in told if part)


@admin.register(BehaviourEvent)
class EventAdmin(ReadOnlyAdmin):
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = EventsAsked(request.GET)
        asked = form.asked()
        quality = request.GET.get(PARAMETER, "")
        chosen, before = found_by_look(quality) if quality else None, _place(request.GET.get("before", ""))
        page = _page(asked, chosen, before, contacts=request.user.has_perm(VIEW_CONTACTS))
        kept = {name: value for name, value in request.GET.items() if name != "before" and value}
        return self.page(
            request,
            "members/admin/events.html",
            title=gettext("What did members do?"),
            sentence=_sentence(),
            form=form,
            narrowed=bool(asked or quality),
            first=not request.GET.get("before"),
            first_url=f"?{urlencode(kept)}",
            rows=[_row(event) for event in page.events],
            import_url=reverse("admin:members_import_add") if request.user.has_perm("members.add_import") else "",
            until=when(page.until) if page.until else "",
            older_url=f"?{urlencode({**kept, 'before': _written(page.following)})}" if page.following else "",
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        event = self.viewable(request, object_id)
        return self.page(
            request,
            "members/admin/event.html",
            title=event.get_kind_display().capitalize(),
            obj=event,
            event=event,
            mark=EVENT_KINDS[EventKind(event.kind)],
            facts=[(label, value) for label, value in _facts(event) if value not in (None, "")],
            properties=sorted((name, _plain(value)) for name, value in event.properties.items()),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[BehaviourEvent]:
        return super().get_queryset(request).select_related("member", "product")


def _facts(event: BehaviourEvent) -> list[tuple[Any, Any]]:
    product = link(event.product, change_url("members_product", event.product_id)) if event.product_id else ""
    return [
        (_("member"), link(event.member, change_url("members_member", event.member_id))),
        (_("at"), when(event.occurred_at)),
        (_("product"), product),
        (_("category"), event.category),
        (_("keyword"), event.keyword),
        (_("rating"), gettext("%(rating)s of 5") % {"rating": event.rating} if event.rating is not None else ""),
        (_("topic"), event.topic),
        (_("page"), event.page),
        (_("seconds on the page"), _number(event.dwell_seconds)),
        (_("seconds until answered"), _number(event.response_seconds)),
        (_("value"), _number(event.value)),
        (_("session"), event.session_id),
        (_("event id"), event.external_id),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return number(value) if isinstance(value, int | float) else str(value)


def _row(event: BehaviourEvent) -> EventRow:
    return EventRow(
        event,
        EVENT_KINDS[EventKind(event.kind)],
        about(event),
        change_url("members_behaviourevent", event.pk),
        change_url("members_member", event.member_id),
    )


def _sentence() -> str:
    """How many there are is known from the last look at the data: counting them here would read them all."""
    newest = newest_event_at()
    if newest is None:
        return ""
    look = latest_look()
    total = look.counts.get("events.total", 0) if look else 0
    if not total:
        return ""
    return ngettext("%(count)s event has come in.", "%(count)s events have come in.", total) % {"count": number(total)}


# --- What was asked for


def _page(asked: Mapping[str, Any], chosen: QuerySet[Any, Any] | None, before: Place | None, *, contacts: bool) -> EventPage:
    on = asked.get("day")
    day = day_of(on) if isinstance(on, date) and 1900 <= on.year <= 2200 else None
    return event_page(
        most=EVENTS_A_PAGE,
        kind=asked.get("kind", ""),
        keyword=asked.get("keyword", ""),
        day=day,
        members=_members(asked["member"], contacts=contacts) if "member" in asked else None,
        products=_products(asked["product"]) if "product" in asked else None,
        chosen=chosen,
        before=before,
    )


def _members(text: str, *, contacts: bool) -> list[int]:
    """An id that is exactly so called means that member alone."""
    named = [*member_ids_called([text]).values()]
    return named or list(members_found(text, contacts=contacts).values_list("pk", flat=True)[:MOST_MEANT])


def _products(text: str) -> list[int]:
    return list(products_found(text).values_list("pk", flat=True)[:MOST_MEANT])


def _written(place: Place) -> str:
    return f"{place.at.isoformat()}~{place.pk}"


def _place(text: str) -> Place | None:
    """Whatever is not one of ours is the beginning."""
    instant, _tilde, pk = text.partition("~")
    try:
        at, place = datetime.fromisoformat(instant), int(pk[:LONGEST_ID])
    except ValueError:
        return None
    fits = at.tzinfo is not None and within_calendar(at) and len(pk) <= LONGEST_ID and 0 <= place <= LARGEST_ID
    return Place(at, place) if fits else None
