"""Custom attributes: what members carry under a shop's own names, and how rules read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import BoundedChangeList, RekindleAdmin
from core.admin.display import change_url, list_url, number
from core.admin.forms import add_problems
from core.errors import DomainError, InvalidInput
from members.models import AttributeDefinition, AttributeType
from members.services.attributes import Carried, carried, change_attribute, delete_attribute, uses_of_attribute


class AttributeList(BoundedChangeList):
    """Counts who carries the attributes on the page, in one look for all of them."""

    def complete(self, rows: list[Any]) -> None:
        counts = carried([row.name for row in rows])
        for row in rows:
            vars(row)["carried"] = counts[row.name]


class AttributeForm(forms.ModelForm):
    """Saving goes through the service, which may refuse: rules rely on the type."""

    class Meta:
        model = AttributeDefinition
        fields = ("label", "type")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                change_attribute(attribute=self.instance, label=cleaned["label"], type_=cleaned["type"])
            except InvalidInput as refused:
                add_problems(self, refused)
            except DomainError as refused:
                self.add_error("type", str(refused))
        return cleaned


@admin.register(AttributeDefinition)
class AttributeAdmin(RekindleAdmin):
    form = AttributeForm
    list_display = ("shown_name", "name", "shown_type", "shown_members", "shown_unfitting")
    search_fields = ("name", "label")
    search_help_text = _("name or label")
    list_filter = ("type",)
    ordering = ("name",)
    sortable_by = ()
    readonly_fields = ("name", "shown_fitting", "shown_uses")
    fieldsets = (
        (None, {"fields": ("name", "label", "type")}),
        (_("What members carry"), {"fields": ("shown_fitting", "shown_uses")}),
    )
    empty_says = _("Attributes come in with members, in files and over the interface: whatever your shop knows of them.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return AttributeList

    # the list

    @display(description=_("attribute"))
    def shown_name(self, attribute: AttributeDefinition) -> str:
        return str(attribute)

    @display(description=_("type"))
    def shown_type(self, attribute: AttributeDefinition) -> str:
        return str(AttributeType(attribute.type).label)

    @display(description=_("members who have it"))
    def shown_members(self, attribute: AttributeDefinition) -> str:
        counted: Carried = vars(attribute)["carried"]
        return _about(counted.members, counted)

    @display(description=_("values that do not fit"))
    def shown_unfitting(self, attribute: AttributeDefinition) -> str:
        counted: Carried = vars(attribute)["carried"]
        unfitting = counted.unfitting(attribute.type)
        return _about(unfitting, counted) if unfitting else gettext("none")

    # the page of one

    @display(description=_("values that fit"))
    def shown_fitting(self, attribute: AttributeDefinition) -> SafeString:
        counted = carried([attribute.name])[attribute.name]
        said = gettext("%(count)s members have it.") % {"count": _about(counted.members, counted)}
        types = (
            (label, _about(counted.fitting[type_], counted), gettext("now") if type_ == attribute.type else "")
            for type_, label in AttributeType.choices
        )
        rows = format_html_join(
            "", '<tr><th scope="row" class="pr-6 text-left">{}</th><td class="pr-6">{}</td><td>{}</td></tr>', types
        )
        hint = gettext("A value that does not fit the type is missing to rules. It is not lost: another type reads it.")
        return format_html('<p>{}</p><table class="my-2">{}</table><p>{}</p>', said, rows, hint)

    @display(description=_("read by"))
    def shown_uses(self, attribute: AttributeDefinition) -> SafeString | str:
        users = uses_of_attribute(attribute.name)
        if not users:
            return gettext("no rule yet")
        linked = ((change_url(use.label, use.pk), use.name) for _kind, use in users)
        return format_html_join(", ", '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', linked)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form has saved it by the service."""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Asks, unless rules read the attribute: then it says which."""
        attribute = self._existing(request, object_id) if self.has_delete_permission(request) else None
        users = uses_of_attribute(attribute.name) if attribute else []
        if attribute and users:
            names = ", ".join(use.name for _kind, use in users)
            said = gettext("“%(attribute)s” is read by %(names)s. Change those rules first.")
            messages.error(request, said % {"attribute": attribute, "names": names})
            return HttpResponseRedirect(change_url("members_attributedefinition", attribute.pk))
        kept = gettext("Members keep their values. The next value that comes in under this name declares it anew.")
        return super().delete_view(request, object_id, {"subtitle": kept, **(extra_context or {})})

    def delete_model(self, request: HttpRequest, obj: AttributeDefinition) -> None:
        delete_attribute(attribute=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AttributeDefinition]) -> None:
        for attribute in _each(queryset):  # few, and each may be refused
            delete_attribute(attribute=attribute)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        messages.success(request, gettext("“%(attribute)s” is forgotten.") % {"attribute": obj_display})
        return HttpResponseRedirect(list_url("members_attributedefinition"))


def _each(queryset: QuerySet[AttributeDefinition]) -> Iterable[AttributeDefinition]:
    return queryset.order_by("name")


def _about(count: int, counted: Carried) -> str:
    return number(count) if counted.exact else gettext("about %(count)s") % {"count": number(count)}
