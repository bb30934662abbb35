"""Points: what a member has, what happened to it, correcting it, the shop's rules, and what all of it is worth."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import date as date_text
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from core.admin.audit import user_actor
from core.admin.base import OneRowAdmin
from core.admin.display import Mark, badge, change_url, day, list_url, money, number, signed
from core.admin.forms import add_problems
from core.admin.panels import MemberAction, Panel, member_actions, member_panels
from core.conf import shop_zone
from core.errors import DomainError
from core.services.audit import audited
from members.admin.entries import EntriesAdmin, rule_link
from members.models import EntryKind, LedgerEntry, Member, PointsAccount, PointsPolicy
from members.services.points.adjusting import adjust_points
from members.services.points.policy import points_policy
from members.services.points.standing import entries_of, points_liability, points_standing

KINDS = {
    EntryKind.AWARD: Mark(_("earned"), "green", "add_circle"),
    EntryKind.RELEASE: Mark(_("became available"), "green", "lock_open"),
    EntryKind.REDEEM: Mark(_("redeemed"), "blue", "redeem"),
    EntryKind.EXPIRE: Mark(_("expired"), "grey", "timer_off"),
    EntryKind.TAKE_BACK: Mark(_("taken back"), "orange", "undo"),
    EntryKind.GIVE_BACK: Mark(_("given back"), "green", "undo"),
    EntryKind.REPAY: Mark(_("set off"), "orange", "balance"),
    EntryKind.TRANSFER: Mark(_("moved with a merge"), "grey", "merge"),
}
SHOWN = 8


def change_of(entry: LedgerEntry) -> str:
    """This function will say what an entry changed, as on a bank statement: +120, −30, 50 pending."""
    words = []
    if entry.available:
        words.append(signed(entry.available))
    if entry.pending:
        words.append(gettext("%(points)s pending") % {"points": signed(entry.pending)})
    if entry.owed:
        words.append(gettext("%(points)s owed") % {"points": signed(entry.owed)})
    if entry.shortfall:
        words.append(gettext("%(points)s could not be taken") % {"points": number(entry.shortfall)})
    return ", ".join(words) or "0"


# --- on the member's page


def points(request: HttpRequest, member: Member) -> dict[str, Any]:
    """This function will say what a member has, when the next of it expires, and what happened last."""
    standing = points_standing(member_id=member.pk, now=timezone.now())
    expiry = standing.next_expiry
    entries = list(entries_of(member.pk).select_related("rule").order_by("-pk")[:SHOWN])
    told = []
    if standing.pending:
        told.append(gettext("%(points)s more are pending.") % {"points": number(standing.pending)})
    if standing.owed:
        told.append(gettext("%(points)s are owed.") % {"points": number(standing.owed)})
    if expiry:
        # The last day on which they can be used, not the midnight after it.
        until = (expiry["at"] - timedelta(microseconds=1)).astimezone(shop_zone()).date()
        words = gettext("%(points)s can be used until %(day)s.")
        told.append(words % {"points": number(expiry["points"]), "day": day(until)})
    have = ngettext("%(points)s point", "%(points)s points", standing.available) % {"points": number(standing.available)}
    may_adjust = request.user.has_perm("members.add_ledgerentry")
    return {
        "have": have,
        "told": told,
        "rows": [(entry, badge(KINDS[EntryKind(entry.kind)]), change_of(entry), rule_link(entry.rule)) for entry in entries],
        "all_url": list_url("members_ledgerentry", member_id=member.pk) if entries else "",
        "adjust_url": reverse("admin:members_ledgerentry_adjust", args=[member.pk]) if may_adjust else "",
    }


member_panels.register(
    Panel("points", _("Points"), 45, "members/admin/panels/points.html", "members.view_ledgerentry", points)
)


# --- the ledger


class AdjustForm(forms.Form):
    """Points to give or, with a minus, to take; and why."""

    points = forms.IntegerField(
        label=_("points"),
        min_value=-(10**9),
        max_value=10**9,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("With a minus they are taken: -50."),
    )
    reason = forms.CharField(
        label=_("why"), max_length=200, widget=UnfoldAdminTextInputWidget, help_text=_("Stands in the ledger for ever.")
    )
    # A form that is sent twice carries the same token twice.
    token = forms.UUIDField(widget=forms.HiddenInput)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(EntriesAdmin):
    empty_says = _(
        "Points are earned through campaigns, the API and corrections on a member's page. Nothing here is ever changed: "
        "what was wrong is undone by another entry."
    )
    list_before_template = "members/admin/points.html"
    list_display = ("happened", "member", "shown_kind", "change", "shown_rule", "shown_reason", "by")
    list_filter = ("kind",)

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("liability/", wrap(self.liability_view), name="members_ledgerentry_liability"),
            path("adjust/<int:member_id>/", wrap(self.adjust_view), name="members_ledgerentry_adjust"),
        ]
        return own + super().get_urls()

    @display(description=_("what"))
    def shown_kind(self, entry: LedgerEntry) -> SafeString:
        return badge(KINDS[EntryKind(entry.kind)])

    @display(description=_("points"))
    def change(self, entry: LedgerEntry) -> str:
        return change_of(entry)

    def adjust_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        if not request.user.has_perm("members.add_ledgerentry"):
            raise PermissionDenied
        member = get_object_or_404(Member, pk=member_id)
        back = change_url("members_member", member.pk)
        form = AdjustForm(request.POST or None, initial={"token": uuid4()})
        if request.method == "POST" and form.is_valid():
            try:
                actor, now = user_actor(request), timezone.now()
                with audited(actor=actor, model=PointsAccount, pk=member.pk, now=now):
                    adjust_points(member_id=member.pk, **form.cleaned_data, now=now, by=actor.name)
            except DomainError as error:
                add_problems(form, error)
            else:
                messages.success(request, gettext("The points were adjusted."))
                return HttpResponseRedirect(f"{back}#panel-points")
        standing = points_standing(member_id=member.pk, now=timezone.now())
        return self.page(
            request,
            "rekindle/form.html",
            title=gettext("Adjust points of %(member)s") % {"member": member},
            form=form,
            facts=[
                (_("member"), member),
                (_("available"), number(standing.available)),
                (_("pending"), number(standing.pending)),
            ],
            verb=gettext("Adjust points"),
            back=back,
        )

    def liability_view(self, request: HttpRequest) -> HttpResponse:
        """What members could still spend, by the month in which it expires."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        worth = points_policy().point_value_minor
        months = points_liability()
        out = sum(row["available"] + row["pending"] for row in months)
        return self.page(
            request,
            "members/admin/points_liability.html",
            title=gettext("What do our points owe to members?"),
            out=number(out),
            worth=_worth(out, worth),
            rows=[_liability_row(row, worth) for row in months],
            back=list_url("members_ledgerentry"),
            policy_url=list_url("members_pointspolicy"),
        )


member_actions.register(
    MemberAction(
        "points",
        _("Adjust points"),
        "stars",
        20,
        "members.add_ledgerentry",
        lambda member: reverse("admin:members_ledgerentry_adjust", args=[member.pk]),
    )
)


def _liability_row(row: dict[str, Any], worth: Decimal) -> dict[str, object]:
    month = row["month"]
    # Points that wait for their order begin to expire when it is completed.
    endless = gettext("never expire, or wait for an order") if row["pending"] else gettext("never expire")
    return {
        "month": date_text(month.date(), "YEAR_MONTH_FORMAT") if month else endless,
        "available": number(row["available"]),
        "pending": number(row["pending"]),
        "worth": _worth(row["available"] + row["pending"], worth),
    }


def _worth(points: int, one: Decimal) -> str:
    return money(round(points * one))


@admin.register(PointsPolicy)
class PointsPolicyAdmin(OneRowAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("expiry", "expiry_number", "refund_policy", "grace_days", "point_value_minor"),
                "description": _(
                    "Points that were given keep the day on which they expire; a change concerns points that come after it."
                ),
            },
        ),
    )
