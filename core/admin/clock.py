"""When each periodic work runs: hours and cadence in words, editable; the last run and its error beside them."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from core.admin.base import RekindleAdmin
from core.admin.counts import counts_in_words
from core.admin.display import Mark, badge, chips, list_url, unknown, when
from core.models import ClockEntry
from core.registry import periodic_work

LATE_SECONDS = 180
"""Seconds past its hour at which a due work counts as late: the clock looks every few seconds."""


def cadence(*, every_seconds: int | None, daily_at: time | None, weekday: int | None) -> str:
    """This function will say how often something runs: every minute, daily at 03:00, on Monday at 04:00."""
    if every_seconds is not None:
        return _every(every_seconds)
    if daily_at is None:
        return ""
    hour = f"{daily_at:%H:%M}"
    if weekday is None:
        return gettext("daily at %(hour)s") % {"hour": hour}
    return gettext("on %(weekday)s at %(hour)s") % {"weekday": WEEKDAYS[weekday], "hour": hour}


def _every(seconds: int) -> str:
    if seconds % 3600 == 0:
        count = seconds // 3600
        return ngettext("every hour", "every %(count)d hours", count) % {"count": count}
    if seconds % 60 == 0:
        count = seconds // 60
        return ngettext("every minute", "every %(count)d minutes", count) % {"count": count}
    return ngettext("every second", "every %(count)d seconds", seconds) % {"count": seconds}


def is_late(entry: ClockEntry, *, now: datetime) -> bool:
    return entry.enabled and (now - entry.next_at).total_seconds() > LATE_SECONDS


class ClockEntryForm(ModelForm):
    class Meta:
        model = ClockEntry
        fields = ("enabled", "every_seconds", "daily_at", "weekday")
        widgets = {
            "enabled": UnfoldBooleanSwitchWidget,
            "every_seconds": UnfoldAdminIntegerFieldWidget,
            "daily_at": UnfoldAdminTextInputWidget({"type": "time"}),
            "weekday": UnfoldAdminSelectWidget(choices=[("", _("every day")), *WEEKDAYS.items()]),
        }
        help_texts = {"weekday": ""}


@admin.register(ClockEntry)
class ClockEntryAdmin(RekindleAdmin):
    list_display = ("work", "runs", "state", "next", "started", "result")
    ordering = ("code",)
    sortable_by = ()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page is headed by what the work does: its code is our word, not theirs."""
        entry = self.viewable(request, object_id)
        may = self.has_change_permission(request, entry)
        form = ClockEntryForm(request.POST or None if may else None, instance=entry)
        if request.method == "POST" and may and form.is_valid():
            form.save()
            self.log_change(request, entry, gettext("edited: %(fields)s") % {"fields": ", ".join(form.changed_data)})
            messages.success(request, gettext("The schedule was saved."))
            return HttpResponseRedirect(list_url("core_clockentry"))
        return self.page(
            request,
            "rekindle/form.html",
            title=capfirst(work_label(entry)),
            heading=work_label(entry),
            form=form,
            verb=gettext("Save schedule") if may else "",
            back=list_url("core_clockentry"),
            facts=[
                (_("runs"), self.runs(entry)),
                (_("next at"), self.next(entry)),
                (_("last started"), self.started(entry)),
                (_("last finished"), self.finished(entry)),
                (_("last result"), self.result(entry)),
                (_("last error"), entry.error or gettext("none")),
            ],
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ClockEntry | None = None) -> bool:
        return False

    @display(description=_("work"))
    def work(self, entry: ClockEntry) -> str:
        return capfirst(work_label(entry))

    @display(description=_("runs"))
    def runs(self, entry: ClockEntry) -> str:
        return cadence(every_seconds=entry.every_seconds, daily_at=entry.daily_at, weekday=entry.weekday)

    @display(description=_("state"))
    def state(self, entry: ClockEntry) -> SafeString:
        if not entry.enabled:
            return badge(Mark(_("switched off"), "grey", "block"))
        if entry.error:
            return badge(Mark(_("failed"), "red", "error"))
        if is_late(entry, now=timezone.now()):
            return badge(Mark(_("late"), "amber", "schedule"))
        return badge(Mark(_("on time"), "green", "check_circle"))

    @display(description=_("next at"))
    def next(self, entry: ClockEntry) -> SafeString:
        return when(entry.next_at)

    @display(description=_("last started"))
    def started(self, entry: ClockEntry) -> SafeString | str:
        return when(entry.started_at) if entry.started_at else gettext("never")

    @display(description=_("last finished"))
    def finished(self, entry: ClockEntry) -> SafeString | str:
        return when(entry.finished_at) if entry.finished_at else gettext("never")

    @display(description=_("last result"))
    def result(self, entry: ClockEntry) -> SafeString:
        if entry.finished_at is None:
            return unknown()
        return chips(counts_in_words(entry.counts) or [gettext("nothing to do")])


def failing_works() -> list[tuple[int, str]]:
    """This function will name the scheduled works whose last run failed."""
    rows = ClockEntry.objects.filter(enabled=True).exclude(error="").order_by("code")
    return [(entry.pk, work_label(entry)) for entry in rows]


def work_label(entry: ClockEntry) -> str:
    registered = periodic_work.get(entry.code)
    return str(registered.label) if registered else gettext("removed: %(code)s") % {"code": entry.code}
