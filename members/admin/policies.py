"""The shop's own rules for its members: how it keeps birthdays."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from core.admin.base import RekindleAdmin
from core.admin.display import change_url
from members.models import BirthdayPolicy


@admin.register(BirthdayPolicy)
class BirthdayPolicyAdmin(RekindleAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("leap_day",),
                "description": _(
                    "Birthday campaigns follow it unless they say otherwise. Lunar birthdays are kept on their lunar day:"
                    " who was born in a leap month has it in the month itself where the year has no leap month,"
                    " and who was born on the 30th on the last day of a shorter month."
                ),
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BirthdayPolicy | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one row: its list would ask for a click and tell nothing."""
        policy, _made = BirthdayPolicy.objects.get_or_create(pk=1)
        return HttpResponseRedirect(change_url("members_birthdaypolicy", policy.pk))
