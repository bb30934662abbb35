"""Custom attributes: what members carry under a shop's own names, and how rules read it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.admin.base import BoundedChangeList, RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import change_url, list_url, number
from core.admin.forms import add_problems
from core.errors import DomainError, InvalidInput
from members.models import AttributeDefinition, AttributeType
from members.services.attributes import (
    Carried,
    carried,
    change_attribute,
    declare_attribute,
    delete_attribute,
    uses_of_attribute,
)


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
            except DomainError as refused:
                self.add_error("label" if isinstance(refused, InvalidInput) else "type", str(refused))
        return cleaned


class DeclareForm(forms.Form):
    """An attribute that no member carries yet."""

    name = forms.CharField(
        label=_("name"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("As files and other systems write it, without “attributes.” before it; it cannot be changed later."),
    )
    label = forms.CharField(
        label=_("label"),
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("How screens call it."),
    )
    type = forms.ChoiceField(label=_("type"), choices=AttributeType.choices, widget=UnfoldAdminSelectWidget)


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
    empty_says = _(
        "Attributes come in with members, in files and over the interface: whatever your shop knows of them. "
        "Declare one here to use it in rules before."
    )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Rules can name it from then on, before the first value comes in."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DeclareForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            told = form.cleaned_data
            try:
                made = declare_attribute(name=told["name"], label=told["label"], type_=told["type"], now=timezone.now())
            except DomainError as refused:
                add_problems(form, refused)
            else:
                self.log_addition(request, made, gettext("declared"))
                messages.success(request, gettext("“%(attribute)s” can now be used in rules.") % {"attribute": made})
                return HttpResponseRedirect(change_url("members_attributedefinition", made.pk))
        return self.page(
            request,
            "rekindle/form.html",
            title=gettext("Declare an attribute"),
            form=form,
            verb=gettext("Declare"),
            back=list_url("members_attributedefinition"),
        )

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
        attribute = self.viewable(request, object_id)
        if not self.has_delete_permission(request, attribute):
            raise PermissionDenied

        def do() -> str:
            with transaction.atomic():
                self.log_deletions(request, AttributeDefinition.objects.filter(pk=attribute.pk))
                delete_attribute(attribute=attribute)
            return gettext("“%(attribute)s” is forgotten.") % {"attribute": attribute}

        own = change_url("members_attributedefinition", attribute.pk)
        return confirmed(
            self,
            request,
            obj=attribute,
            title=gettext("Forget “%(attribute)s”?") % {"attribute": attribute},
            sentences=lambda: _what_goes(attribute),
            verb=gettext("Forget the attribute"),
            do=do,
            back=list_url("members_attributedefinition") if request.method == "POST" else own,
            danger=True,
        )


def _what_goes(attribute: AttributeDefinition) -> list[str]:
    users = uses_of_attribute(attribute.name)
    if users:
        names = ", ".join(use.name for _kind, use in users)
        return [
            gettext("It cannot be forgotten while these read it: %(names)s. Change those rules first.") % {"names": names}
        ]
    counted = carried([attribute.name])[attribute.name]
    return [
        gettext("Rules can no longer name it."),
        gettext("%(count)s members keep their values. The next value that comes in under this name declares it anew.")
        % {"count": _about(counted.members, counted)},
    ]


def _about(count: int, counted: Carried) -> str:
    return number(count) if counted.exact else gettext("about %(count)s") % {"count": number(count)}
