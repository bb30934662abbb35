"""Published scoring models: what they know, until when, and whether they are in use. Read only."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import ReadOnlyAdmin
from core.admin.display import Mark, badge, number, unknown, when
from retention.models import ScoringModel

IN_USE = Mark(_("in use"), "green", "check_circle")
REPLACED = Mark(_("replaced"), "grey", "history")


@admin.register(ScoringModel)
class ScoringModelAdmin(ReadOnlyAdmin):
    empty_says = _("What scores are computed with is fitted to the orders once a week.")
    list_display = ("shown_kind", "state", "known_until", "fitted", "shown_members")
    list_filter = ("kind", "current")
    ordering = ("-id",)
    sortable_by = ()
    fields = ("shown_kind", "state", "known_until", "fitted", "shown_members", "shown_parameters", "shown_metrics")
    readonly_fields = fields

    @display(description=_("kind"))
    def shown_kind(self, model: ScoringModel) -> str:
        return model.get_kind_display()

    @display(description=_("state"))
    def state(self, model: ScoringModel) -> SafeString:
        return badge(IN_USE if model.current else REPLACED)

    @display(description=_("known until"))
    def known_until(self, model: ScoringModel) -> SafeString:
        return when(model.as_of)

    @display(description=_("fitted at"))
    def fitted(self, model: ScoringModel) -> SafeString:
        return when(model.fitted_at)

    @display(description=_("members"))
    def shown_members(self, model: ScoringModel) -> str:
        return number(model.members)

    @display(description=_("parameters"))
    def shown_parameters(self, model: ScoringModel) -> SafeString:
        return _shown(model.parameters)

    @display(description=_("backtest"))
    def shown_metrics(self, model: ScoringModel) -> SafeString:
        return _shown(model.metrics) if model.metrics else unknown()


def _shown(document: object) -> SafeString:
    return format_html('<pre class="rk-code">{}</pre>', json.dumps(document, ensure_ascii=False, indent=1))
