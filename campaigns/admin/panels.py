"""What a member's page shows of campaigns: coupons, messages, and why a campaign did or did not reach the member."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from campaigns.admin.enrolments import explanation
from campaigns.admin.marks import COUPON, DELIVERY, OUTCOME, reason_words
from campaigns.models import CouponState, DeliveryState, EnrolmentStatus
from campaigns.selectors.screens import campaign_choices, coupons_of_member, enrolments_of_member, messages_of_member
from core.admin.display import badge
from core.admin.panels import Panel, member_panels
from members.models import Member


def coupons(request: HttpRequest, member: Member) -> dict[str, Any]:
    return {"rows": [(each, badge(COUPON[CouponState(each.state)])) for each in coupons_of_member(member.pk)]}


def messages(request: HttpRequest, member: Member) -> dict[str, Any]:
    rows = messages_of_member(member.pk)
    return {"rows": [(each, badge(DELIVERY[DeliveryState(each.state)]), reason_words(each.reason)) for each in rows]}


def enrolments(request: HttpRequest, member: Member) -> dict[str, Any]:
    rows = enrolments_of_member(member.pk)
    return {"rows": [(each, badge(OUTCOME[EnrolmentStatus(each.status)]), explanation(each)) for each in rows]}


def why(request: HttpRequest, member: Member) -> dict[str, Any]:
    """Which campaign, is chosen on the page; the answer is fetched beside it."""
    return {"member": member, "campaigns": campaign_choices(), "url": reverse("admin:campaigns_why")}


TEMPLATES = "campaigns/admin/panels"
for panel in (
    Panel("coupons", _("Coupons"), 50, f"{TEMPLATES}/coupons.html", "campaigns.view_coupon", coupons),
    Panel("messages", _("Messages"), 55, f"{TEMPLATES}/messages.html", "campaigns.view_delivery", messages),
    Panel("why_campaign", _("Why (not) this campaign?"), 59, f"{TEMPLATES}/why.html", "campaigns.view_campaign", why),
    Panel("enrolments", _("Campaigns, and why"), 58, f"{TEMPLATES}/enrolments.html", "campaigns.view_enrolment", enrolments),
):
    member_panels.register(panel)
