"""The shop's own rules for its members: how it keeps birthdays."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core.admin.base import OneRowAdmin
from members.models import BirthdayPolicy


@admin.register(BirthdayPolicy)
class BirthdayPolicyAdmin(OneRowAdmin):
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
