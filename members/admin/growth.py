"""Growth: what a member has, what made it, and correcting it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from core.admin.audit import note
from core.admin.display import Mark, badge, change_url, list_url, number, signed
from core.admin.forms import add_problems
from core.admin.panels import Panel, member_panels
from core.errors import DomainError
from members.admin.entries import EntriesAdmin, rule_link
from members.models import GrowthEntry, Member
from members.services.earning.todo import rules_to_do, tasks_of
from members.services.earning.words import rule_sentence
from members.services.growth.entries import adjust_growth, growth_of
from members.services.growth.standing import growth_entries_of

SHOWN = 5
TASKS_SHOWN = 20


def growth(request: HttpRequest, member: Member) -> dict[str, Any]:
    """This function will say how much growth a member has, and what made it last."""
    entries = list(growth_entries_of(member.pk).select_related("rule").order_by("-pk")[:SHOWN])
    may_adjust = request.user.has_perm("members.add_growthentry")
    return {
        "have": number(growth_of(member.pk)) if entries else "0",
        "rows": [(entry, signed(entry.value), rule_link(entry.rule)) for entry in entries],
        "all_url": list_url("members_growthentry", member_id=member.pk) if entries else "",
        "adjust_url": reverse("admin:members_growthentry_adjust", args=[member.pk]) if may_adjust else "",
    }


member_panels.register(
    Panel("growth", _("Growth"), 46, "members/admin/panels/growth.html", "members.view_growthentry", growth)
)


STATES = {
    "open": Mark(_("can be done"), "green", "radio_button_unchecked"),
    "later": Mark(_("again tomorrow"), "blue", "schedule"),
    "done": Mark(_("done"), "grey", "check_circle"),
}


def tasks(request: HttpRequest, member: Member) -> dict[str, Any] | None:
    """This function will list what the member can still earn by doing something; nothing where no rule offers it."""
    now = timezone.now()
    rules = rules_to_do(member_id=member.pk, now=now).order_by("pk")[:TASKS_SHOWN]
    found = tasks_of(rules, member_id=member.pk, now=now)
    rows = [
        {
            "badge": badge(STATES[task.state]),
            "says": rule_sentence(task.rule),
            "count": _times(task.done) if task.done else "",
        }
        for task in sorted(found, key=lambda task: [*STATES].index(task.state))
    ]
    return {"rows": rows} if rows else None


def _times(count: int) -> str:
    return ngettext("earned %(count)s time", "earned %(count)s times", count) % {"count": number(count)}


member_panels.register(
    Panel("tasks", _("What can still be earned"), 47, "members/admin/panels/tasks.html", "members.view_growthentry", tasks)
)


class AdjustGrowthForm(forms.Form):
    """Growth to give or, with a minus, to take; and why."""

    value = forms.IntegerField(
        label=_("growth"),
        min_value=-(10**9),
        max_value=10**9,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("With a minus it is taken back: -50."),
    )
    reason = forms.CharField(
        label=_("why"), max_length=200, widget=UnfoldAdminTextInputWidget, help_text=_("Stands in the list for ever.")
    )
    # A form that is sent twice carries the same token twice.
    token = forms.UUIDField(widget=forms.HiddenInput)


@admin.register(GrowthEntry)
class GrowthEntryAdmin(EntriesAdmin):
    empty_says = _(
        "Growth is earned by rules, through the API and corrections on a member's page. Nothing here is ever changed: what "
        "was wrong is taken back by another entry."
    )
    list_display = ("happened", "member", "change", "shown_rule", "shown_reason", "by")

    def get_urls(self) -> list[Any]:
        adjust = self.admin_site.admin_view(self.adjust_view)
        return [path("adjust/<int:member_id>/", adjust, name="members_growthentry_adjust"), *super().get_urls()]

    @display(description=_("growth"))
    def change(self, entry: GrowthEntry) -> str:
        return signed(entry.value)

    def adjust_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        if not request.user.has_perm("members.add_growthentry"):
            raise PermissionDenied
        member = get_object_or_404(Member, pk=member_id)
        back = change_url("members_member", member.pk)
        form = AdjustGrowthForm(request.POST or None, initial={"token": uuid4()})
        if request.method == "POST" and form.is_valid():
            try:
                by = request.user.get_username()
                entry = adjust_growth(member_id=member.pk, **form.cleaned_data, now=timezone.now(), by=by)
            except DomainError as error:
                add_problems(form, error)
            else:
                note(request, entry, added=True)
                messages.success(request, gettext("The growth was adjusted."))
                return HttpResponseRedirect(f"{back}#panel-growth")
        return self.page(
            request,
            "rekindle/form.html",
            title=gettext("Adjust growth of %(member)s") % {"member": member},
            form=form,
            facts=[(_("member"), member), (_("growth"), number(growth_of(member.pk)))],
            verb=gettext("Adjust growth"),
            back=back,
        )
