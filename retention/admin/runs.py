"""Refreshes: what each did, how long it took, and what failed. Read only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import ReadOnlyAdmin
from core.admin.display import Mark, badge, chips, unknown, when
from retention.models import RefreshRun

DONE = Mark(_("done"), "green", "check_circle")
FAILED = Mark(_("failed"), "red", "error")


@admin.register(RefreshRun)
class RefreshRunAdmin(ReadOnlyAdmin):
    empty_says = _("Members and segments are counted anew every night, and every minute where something changed.")
    list_display = ("started", "shown_kind", "state", "known_as_of", "took")
    list_filter = ("kind",)
    ordering = ("-id",)
    sortable_by = ()
    fields = ("shown_kind", "state", "known_as_of", "started", "took", "shown_stages", "error")
    readonly_fields = fields

    @display(description=_("what"))
    def shown_kind(self, run: RefreshRun) -> str:
        return run.get_kind_display()

    @display(description=_("state"))
    def state(self, run: RefreshRun) -> SafeString:
        return badge(FAILED if run.error else DONE)

    @display(description=_("as of"))
    def known_as_of(self, run: RefreshRun) -> SafeString:
        return when(run.as_of)

    @display(description=_("started at"))
    def started(self, run: RefreshRun) -> SafeString:
        return when(run.started_at)

    @display(description=_("took"))
    def took(self, run: RefreshRun) -> str:
        return gettext("%(seconds)s s") % {"seconds": f"{run.seconds:.2f}"}

    @display(description=_("stages"))
    def shown_stages(self, run: RefreshRun) -> SafeString:
        return chips(_told(run.stages)) if run.stages else unknown()


def _told(stages: Mapping[str, Any]) -> Iterator[str]:
    """This function will list counts and seconds one by one, however they are grouped."""
    for name, value in stages.items():
        if isinstance(value, dict):
            yield from _told(value)
        else:
            yield f"{name}: {value:g} s" if isinstance(value, float) else f"{name}: {value}"
