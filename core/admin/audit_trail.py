"""The audit trail as people read it: who changed what, when, from what to what. Nobody writes it here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import ReadOnlyAdmin
from core.admin.display import Mark, badge, when
from core.models import ApiKey, AuditRecord
from core.services.audit import MASK

VERBS = {
    AuditRecord.Verb.ADDED: Mark(_("added"), "green", "add_circle"),
    AuditRecord.Verb.CHANGED: Mark(_("changed"), "blue", "edit"),
    AuditRecord.Verb.REMOVED: Mark(_("removed"), "red", "delete"),
    AuditRecord.Verb.DID: Mark(_("did"), "grey", "touch_app"),
}
MOST_SHOWN = 4
"""Changes that stand in the list; the entry's own page shows all."""
LONGEST_SHOWN = 60
PERIODS = {"1": _("today"), "7": _("the last 7 days"), "30": _("the last 30 days")}
COUNTS = {
    "accepted": _("accepted"),
    "rejected": _("refused"),
    "given": _("ids given"),
    "known": _("members found"),
    "unknown": _("unknown ids"),
    "added": _("added"),
    "removed": _("removed"),
}


class ActorFilter(SimpleListFilter):
    title = _("who")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        people = get_user_model().objects.order_by("username").values_list("username", flat=True)
        keys = ApiKey.objects.order_by("name").values_list("name", flat=True)
        return [(name, name) for name in dict.fromkeys([*people, *keys])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        return queryset.filter(actor=self.value()) if self.value() else queryset


class KindFilter(SimpleListFilter):
    title = _("to what")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        shown = [(model._meta.label_lower, capfirst(model._meta.verbose_name)) for model in admin.site._registry]
        return sorted(shown, key=lambda each: str(each[1]))

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class ObjectFilter(SimpleListFilter):
    """Offered only on the way from an object's page: its history."""

    title = _("one object")
    parameter_name = "object"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        chosen = request.GET.get("object", "")
        kind = kind_label(request.GET.get("kind", ""))
        return [(chosen, kind)] if chosen.isdecimal() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        value = self.value() or ""
        return queryset.filter(object_id=int(value)) if value.isdecimal() and len(value) < 19 else queryset


class PeriodFilter(SimpleListFilter):
    title = _("when")
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(PERIODS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        value = self.value()
        if value not in PERIODS:
            return queryset
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        return queryset.filter(at__gte=midnight - timedelta(days=int(value) - 1))


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    empty_says = _("Whatever somebody changes through a screen or the API is told here, from what to what.")
    list_display = ("moment", "actor", "verb_shown", "what", "changed")
    list_filter = (PeriodFilter, ActorFilter, KindFilter, ObjectFilter)
    ordering = ("-id",)
    sortable_by = ()
    fields = ("moment", "actor", "verb_shown", "what", "everything")
    readonly_fields = fields

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": gettext("Audit"), **(extra_context or {})})

    @display(description=_("when"))
    def moment(self, record: AuditRecord) -> SafeString:
        return when(record.at)

    @display(description=_("did what"))
    def verb_shown(self, record: AuditRecord) -> SafeString:
        return badge(VERBS[AuditRecord.Verb(record.verb)])

    @display(description=_("to what"))
    def what(self, record: AuditRecord) -> SafeString | str:
        label = capfirst(kind_label(record.kind))
        said = format_html("{} “{}”", label, record.about) if record.about else str(label)
        url = object_url(record)
        return format_html('<a class="rk-link" href="{}">{}</a>', url, said) if url else said

    @display(description=_("from what to what"))
    def changed(self, record: AuditRecord) -> SafeString | str:
        return told(record, most=MOST_SHOWN)

    @display(description=_("from what to what"))
    def everything(self, record: AuditRecord) -> SafeString | str:
        return told(record, most=len(record.changes))


def told(record: AuditRecord, *, most: int) -> SafeString | str:
    """This function will say what an entry tells, a line each: at most `most` changes, then how many more there are."""
    model = model_of(record.kind)
    lines: list[object] = [record.said] if record.said else []
    lines += [change_words(model, name, *values) for name, values in list(record.changes.items())[:most]]
    lines += [f"{COUNTS.get(name, name)}: {count:,}" for name, count in record.counts.items()]
    more = len(record.changes) - most
    if more > 0:
        lines.append(ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more})
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines))


def change_words(model: type[Model] | None, name: str, before: Any, after: Any) -> str:
    """This function will say one change: a value from and to; of what is personal, and of what is no plain value, only that
    it was given, changed or taken away."""
    label = column_label(model, name)
    if any(value == MASK or isinstance(value, dict | list) for value in (before, after)) or name.endswith("_id"):
        if before is None:
            return gettext("%(what)s: given") % {"what": label}
        said = gettext("%(what)s: taken away") if after is None else gettext("%(what)s: changed")
        return said % {"what": label}
    return f"{label}: {_value(before)} → {_value(after)}"


def _value(value: Any) -> str:
    if value is None:
        return gettext("nothing")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    text = str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def column_label(model: type[Model] | None, name: str) -> str:
    """This function will name a column as people do; a part (consents.sms.marketing) by its words."""
    if model is not None:
        for field in model._meta.concrete_fields:
            if name in (field.name, field.attname):
                return str(field.verbose_name)
    return str(PARTS.get(name.partition(".")[0], name.partition(".")[0].replace("_", " "))) + _behind(name)


def _behind(name: str) -> str:
    rest = name.split(".")[1:]
    return f" ({', '.join(rest)})" if rest else ""


PARTS: dict[str, str | Promise] = {
    "tags": _("tags"),
    "identifiers": _("names elsewhere"),
    "consents": _("consent"),
    "groups": _("groups"),
    "permissions": _("permissions"),
}


def model_of(kind: str) -> type[Model] | None:
    try:
        return apps.get_model(kind)
    except (LookupError, ValueError):
        return None


def kind_label(kind: str) -> str:
    """This function will say what kind of object it is; one that a later release does not know keeps its code."""
    model = model_of(kind) if kind else None
    return str(model._meta.verbose_name) if model else kind


def object_url(record: AuditRecord) -> str:
    """This function will return the page of an object that is still there to look at."""
    if record.object_id is None or record.verb == AuditRecord.Verb.REMOVED:
        return ""
    try:
        return reverse(f"admin:{record.kind.replace('.', '_')}_change", args=[record.object_id])
    except NoReverseMatch:
        return ""
