"""Whom we may write to: how many by channel and purpose, and recording what a member told us."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from core.admin.audit import user_actor
from core.admin.base import ReadOnlyAdmin
from core.admin.display import badge, bar, change_url, list_url, number, share
from core.admin.forms import ShopInstantField, add_problems
from core.admin.panels import Panel
from core.errors import DomainError
from core.services.audit import audited
from members.admin.marks import SAID
from members.models import Channel, Consent, ConsentSource, Member, Purpose, Said
from members.services.consent_standing import ReachLine, consent_history, consent_reach, consent_requests
from members.services.consents import Origin, Outcome, Stated, state_consent
from members.services.kept_counts import is_large, reach_kept

HISTORY_SHOWN = 10
NOW = "now"
"""The parameter that has a page count anew what the nightly look kept."""


def consents(request: HttpRequest, member: Member) -> dict[str, Any]:
    """The panel of a member's page: the last words, what waits to be confirmed, and how each came about."""
    said = {(each.channel, each.purpose): each for each in member.consents.all()}
    rows = []
    for channel in Channel:
        for purpose in Purpose:
            consent = said.get((channel.value, purpose.value))
            mark = None if consent is None else badge(SAID[consent.said])
            rows.append((channel.label, purpose.label, mark, consent))
    records = list(consent_history(member.pk).order_by("-pk")[: HISTORY_SHOWN + 1])
    may_say = request.user.has_perm("members.add_consent")
    return {
        "rows": rows,
        "pending": list(consent_requests(member.pk)),
        "history": [(record, badge(SAID[Said(record.said)])) for record in records[:HISTORY_SHOWN]],
        "more": len(records) > HISTORY_SHOWN,
        "made_up": "consents" in member.made_up_fields,
        "say_url": reverse("admin:members_consent_say", args=[member.pk]) if may_say else "",
    }


PANEL = Panel("consents", _("May we write?"), 30, "members/admin/panels/consents.html", "members.view_consent", consents)


class SayForm(forms.Form):
    """What a member told a colleague."""

    channel = forms.ChoiceField(label=_("channel"), choices=Channel.choices, widget=UnfoldAdminSelectWidget)
    purpose = forms.ChoiceField(label=_("purpose"), choices=Purpose.choices, widget=UnfoldAdminSelectWidget)
    granted = forms.ChoiceField(
        label=_("what the member said"),
        choices=[("no", _("no more messages, please")), ("yes", _("yes, write to me"))],
        widget=UnfoldAdminSelectWidget,
    )
    said_at = ShopInstantField(label=_("when"), help_text=_("When the member said so, in the shop's time."))
    proof = forms.CharField(
        label=_("how we know"),
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("For example: on the phone, the form of 2 March, a letter."),
    )
    note = forms.CharField(label=_("note"), max_length=500, required=False, widget=UnfoldAdminTextareaWidget({"rows": 2}))


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[Any]:
        own = path("say/<int:member_id>/", self.admin_site.admin_view(self.say_view), name="members_consent_say")
        return [own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Not a list of rows but what they come to; each number opens the members behind it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        kept = reach_kept() if NOW not in request.GET and is_large() else None
        lines = kept.lines if kept else consent_reach()
        return self.page(
            request,
            "members/admin/consents.html",
            title=gettext("Whom may we write to?"),
            headline=_headline(lines),
            rows=[_row(line) for line in lines],
            empty=not lines[0].members,
            counted_at=kept.counted_at if kept else None,
            now_url=list_url("members_consent", **{NOW: 1}),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A word's place is on its member's page."""
        consent = self.viewable(request, object_id)
        return HttpResponseRedirect(change_url("members_member", consent.member_id))

    def say_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        if not request.user.has_perm("members.add_consent"):
            raise PermissionDenied
        member = get_object_or_404(Member, pk=member_id)
        back = f"{change_url('members_member', member.pk)}#panel-consents"
        now = timezone.now()
        form = SayForm(request.POST or None, initial={"said_at": now})
        if request.method == "POST" and form.is_valid() and self._say(request, member, form):
            return HttpResponseRedirect(back)
        return self.page(
            request,
            "rekindle/form.html",
            title=gettext("What did %(member)s say?") % {"member": member},
            obj=member,
            form=form,
            verb=gettext("Record"),
            back=back,
        )

    def _say(self, request: HttpRequest, member: Member, form: SayForm) -> bool:
        told = form.cleaned_data
        actor, now = user_actor(request), timezone.now()
        stated = Stated(told["channel"], told["purpose"], told["granted"] == "yes", told["said_at"], told["proof"])
        origin = Origin(ConsentSource.STAFF, told["proof"], stated_by=actor.name, note=told["note"])
        try:
            with audited(actor=actor, model=Member, pk=member.pk, now=now):
                outcome = state_consent(member_id=member.pk, stated=stated, origin=origin, now=now)
        except DomainError as refused:
            add_problems(form, refused)
            return False
        if outcome is Outcome.TAKEN:
            messages.success(request, gettext("This is recorded."))
        else:
            messages.info(request, gettext("This changes nothing: it was so already, or a later word stands."))
        return True


def _headline(lines: tuple[ReachLine, ...]) -> str:
    """The number that campaigns ask for most: advertising, by the channel that reaches more."""
    of_marketing = [line for line in lines if line.purpose == Purpose.MARKETING]
    best = max(of_marketing, key=lambda line: line.reachable)
    values = {
        "count": number(best.reachable),
        "channel": Channel(best.channel).label,
        "share": share(best.reachable / best.members if best.members else None),
    }
    return (
        ngettext(
            "%(count)s member can be sent advertising by %(channel)s (%(share)s).",
            "%(count)s members can be sent advertising by %(channel)s (%(share)s).",
            best.reachable,
        )
        % values
    )


def _bar(line: ReachLine) -> SafeString:
    whole = line.members or 1
    parts = (("green", line.reachable), ("amber", line.granted - line.reachable), ("red", line.suppressed + line.refused))
    return bar(((colour, count / whole) for colour, count in parts), title="")


def _row(line: ReachLine) -> dict[str, Any]:
    return {
        "channel": Channel(line.channel).label,
        "purpose": Purpose(line.purpose).label,
        "reachable": number(line.reachable),
        "url": list_url("members_member", reach=f"{line.channel}-{line.purpose}"),
        "bar": _bar(line),
        "share": share(line.reachable / line.members if line.members else None),
        "granted": number(line.granted),
        "address": number(line.with_address),
        "pending": number(line.pending),
        "suppressed": number(line.suppressed),
        "refused": number(line.refused),
        "silent": number(line.silent),
    }
