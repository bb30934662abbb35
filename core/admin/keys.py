"""Keys of integrating systems: made here, shown once, revoked here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from core.admin.base import RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import Mark, badge, change_url, chips, link, list_url, when
from core.admin.forms import add_problems
from core.errors import InvalidInput
from core.models import ApiKey, Scope
from core.services.keys import create_api_key, revoke_api_key


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        label=_("name"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Which system will hold the key: «till», «warehouse»."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )


@admin.register(ApiKey)
class ApiKeyAdmin(RekindleAdmin):
    empty_says = _("A key lets another system, such as the till, call the API with the rights it needs and no more.")
    list_display = ("name", "starts", "may", "state", "used", "made", "revoke")
    ordering = ("-id",)
    sortable_by = ()
    fields = ("name", "starts", "may", "requests_per_minute", "state", "used", "made")
    readonly_fields = ("name", "starts", "may", "state", "used", "made")

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A key is revoked, not deleted: what it made names it."""
        return False

    def get_urls(self) -> list[Any]:
        own = [path("<object_id>/revoke/", self.admin_site.admin_view(self.revoke_view), name="core_apikey_revoke")]
        return own + super().get_urls()

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ApiKeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                key, text = create_api_key(**form.cleaned_data, now=timezone.now())
            except InvalidInput as error:
                add_problems(form, error)
            else:
                self.log_addition(request, key, gettext("made"))
                shown = self.page(request, "rekindle/key.html", title=gettext("A new API key"), obj=key, text=text)
                # The only page that ever shows the key must not be found again by going back.
                shown["Cache-Control"] = "no-store"
                return shown
        return self.page(
            request,
            "rekindle/form.html",
            title=gettext("Make an API key"),
            form=form,
            verb=gettext("Make the key"),
            back=list_url("core_apikey"),
        )

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.changeable(request, object_id)

        def do() -> str:
            revoke_api_key(api_key_id=key.pk, now=timezone.now())
            self.log_change(request, key, gettext("revoked"))
            return gettext("%(key)s no longer opens anything.") % {"key": key}

        return confirmed(
            self,
            request,
            obj=key,
            title=gettext("Revoke %(key)s?") % {"key": key},
            sentences=lambda: [gettext("Every call with this key is refused from now on. A revoked key stays revoked.")],
            verb=gettext("Revoke the key"),
            do=do,
            back=list_url("core_apikey"),
            danger=True,
        )

    @display(description=_("starts with"))
    def starts(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description=_("scopes"))
    def may(self, key: ApiKey) -> SafeString:
        return chips(Scope(scope).label for scope in key.scopes)

    @display(description=_("state"))
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at is not None:
            return badge(Mark(_("revoked"), "red", "block"))
        return badge(Mark(_("in use"), "green", "check_circle"))

    @display(description=_("last used at"))
    def used(self, key: ApiKey) -> SafeString | str:
        return when(key.last_used_at) if key.last_used_at else gettext("never")

    @display(description=_("made at"))
    def made(self, key: ApiKey) -> SafeString:
        return when(key.created_at)

    @display(description="")
    def revoke(self, key: ApiKey) -> SafeString | str:
        if key.revoked_at is not None:
            return ""
        return link(gettext("Revoke…"), change_url("core_apikey", key.pk).replace("/change/", "/revoke/"))
