"""Where one lifecycle stage ends and the next begins: one row, tuned here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from core.admin.base import RekindleAdmin
from core.admin.display import change_url
from retention.models import LifecycleBands


@admin.register(LifecycleBands)
class LifecycleBandsAdmin(RekindleAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("new_days", "at_risk_ratio", "dormant_ratio", "lost_ratio", "reactivated_days"),
                "description": _(
                    "A member's own rhythm is the usual time between their orders. The first stage that holds counts: "
                    "never ordered, new, lost, dormant, at risk, reactivated, active. A change takes effect with the next "
                    "refresh, within a minute."
                ),
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LifecycleBands | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one row: its list would ask for a click and tell nothing."""
        bands, _made = LifecycleBands.objects.get_or_create(pk=1)
        return HttpResponseRedirect(change_url("retention_lifecyclebands", bands.pk))
