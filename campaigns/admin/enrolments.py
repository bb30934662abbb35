"""Who was due, and what became of each: read from a campaign's balance line or a member's page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from campaigns.admin.lists import OfMembersAdmin, member_link
from campaigns.admin.marks import ARM, COUPON, DELIVERY, OUTCOME, reason_words
from campaigns.models import Arm, CouponState, DeliveryState, Enrolment, EnrolmentStatus, StepResult
from campaigns.selectors.screens import coupons_of, messages_of, outcomes_of
from core.admin.display import badge, change_url, link, when
from members.selectors import members_by_id


class ReasonFilter(SimpleListFilter):
    """Offered only while a reason is chosen: one comes here from a campaign's list of reasons."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        chosen = request.GET.get("reason", "")
        return [(chosen, reason_words(chosen))] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> QuerySet[Enrolment]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Enrolment)
class EnrolmentAdmin(OfMembersAdmin):
    empty_says = _("Once a campaign runs, everybody who is due stands here with what was decided, and why.")
    list_display = ("shown_member", "shown_campaign", "shown_status", "why", "shown_arm", "due", "decided")
    list_display_links = ("shown_status",)
    list_filter = ("status", "arm", "campaign", ReasonFilter)
    list_select_related = ("campaign",)
    ordering = ("-id",)

    @display(description=_("campaign"))
    def shown_campaign(self, enrolment: Enrolment) -> SafeString:
        return link(enrolment.campaign, change_url("campaigns_campaign", enrolment.campaign_id))

    @display(description=_("outcome"))
    def shown_status(self, enrolment: Enrolment) -> SafeString:
        return badge(OUTCOME[EnrolmentStatus(enrolment.status)])

    @display(description=_("reason"))
    def why(self, enrolment: Enrolment) -> str:
        return reason_words(enrolment.reason)

    @display(description=_("group"))
    def shown_arm(self, enrolment: Enrolment) -> SafeString:
        return badge(ARM[Arm(enrolment.arm)])

    @display(description=_("due"))
    def due(self, enrolment: Enrolment) -> SafeString:
        return when(enrolment.due_at)

    @display(description=_("decided"))
    def decided(self, enrolment: Enrolment) -> SafeString | str:
        return when(enrolment.decided_at) if enrolment.decided_at else gettext("not yet")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        enrolment = self.viewable(request, object_id)
        member = members_by_id([enrolment.member_id]).get(enrolment.member_id)
        return self.page(
            request,
            "campaigns/admin/enrolment.html",
            title=f"{enrolment.campaign}: {member or gettext('erased')}",
            enrolment=enrolment,
            member=member_link(member, enrolment.member_id),
            outcome=badge(OUTCOME[EnrolmentStatus(enrolment.status)]),
            arm=badge(ARM[Arm(enrolment.arm)]),
            why=explanation(enrolment),
            steps=[(each, each.result == StepResult.DONE, reason_words(each.reason)) for each in outcomes_of(enrolment)],
            messages_sent=[(each, badge(DELIVERY[DeliveryState(each.state)])) for each in messages_of(enrolment)],
            coupons=[(each, badge(COUPON[CouponState(each.state)])) for each in coupons_of(enrolment)],
        )


def explanation(enrolment: Enrolment) -> str:
    """This function will say in a sentence why a member did or did not get a campaign."""
    match enrolment.status:
        case EnrolmentStatus.HELD_OUT:
            return gettext("Was due, and belongs to the control group: got nothing, so that we see what the campaign does.")
        case EnrolmentStatus.FIRED:
            return gettext("Was due, and got what the campaign does.")
        case EnrolmentStatus.SUPPRESSED:
            return gettext("Was due, and got nothing: %(reason)s.") % {"reason": reason_words(enrolment.reason)}
        case EnrolmentStatus.FAILED:
            return gettext("Was due, and our attempt failed: %(reason)s.") % {"reason": reason_words(enrolment.reason)}
        case _:
            return gettext("Is due, and waits to be decided.")
