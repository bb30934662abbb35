"""Where one lifecycle stage ends and the next begins: one row, tuned here, with who would move before it is saved."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import OneRowAdmin
from core.admin.display import badge, list_url, number, share
from retention.admin.marks import STAGES
from retention.models import LifecycleBands
from retention.scoring.parameters import Bands
from retention.selectors.bands import StageMoves, moves_by

FIELDS = ("new_days", "at_risk_ratio", "dormant_ratio", "lost_ratio", "reactivated_days")
MOVES_SHOWN = 12


class BandsForm(forms.ModelForm):
    class Meta:
        model = LifecycleBands
        fields = FIELDS


@admin.register(LifecycleBands)
class LifecycleBandsAdmin(OneRowAdmin):
    change_form_after_template = "retention/admin/bands_after.html"
    fieldsets = (
        (
            None,
            {
                "fields": FIELDS,
                "description": _(
                    "A member's own rhythm is the usual time between their orders. The first stage that holds counts: "
                    "never ordered, new, lost, dormant, at risk, reactivated, active. A change takes effect with the next "
                    "refresh, within a minute."
                ),
            },
        ),
    )

    def get_urls(self) -> list[Any]:
        moves = path("moves/", self.admin_site.admin_view(self.moves_view), name="retention_lifecyclebands_moves")
        return [moves, *super().get_urls()]

    def moves_view(self, request: HttpRequest) -> HttpResponse:
        """This function will say who would move by the bands in the form; asked by the page while somebody tunes them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = BandsForm(request.GET, instance=LifecycleBands(pk=1))
        context: dict[str, Any] = {"problems": [], "moves": None}
        if form.is_valid():
            found = moves_by(Bands(**{name: form.cleaned_data[name] for name in FIELDS}))
            context |= {"headline": _headline(found), "moves": _moves(found), "stages": _stages(found)}
        else:
            context["problems"] = [error for errors in form.errors.values() for error in errors]
        return TemplateResponse(request, "retention/admin/parts/bands.html", context)


def _headline(found: StageMoves) -> str:
    moved = sum(found.moved.values())
    if not found.members:
        return gettext("Nothing has been counted yet: the first refresh does it.")
    if not moved:
        return gettext("Nobody would change their stage.")
    words = ngettext(
        "%(count)s member would change their stage (%(share)s).",
        "%(count)s members would change their stage (%(share)s).",
        moved,
    )
    return words % {"count": number(moved), "share": share(moved / found.members)}


def _moves(found: StageMoves) -> list[dict[str, Any]]:
    shown = list(found.moved.items())[:MOVES_SHOWN]
    return [{"old": badge(STAGES[old]), "new": badge(STAGES[new]), "count": number(count)} for (old, new), count in shown]


def _stages(found: StageMoves) -> list[dict[str, Any]]:
    rows = []
    for stage, mark in STAGES.items():
        now, then = found.at_stage(stage)
        if now or then:
            difference = f"{then - now:+,}" if then != now else ""
            url = list_url("members_member", stage=stage)
            rows.append({"stage": badge(mark, href=url), "now": number(now), "then": number(then), "difference": difference})
    return rows
