"""What campaigns keep of a member: handed out as it stands; of one who is forgotten only the counts remain.

An occasion stays where it was counted, so due is still the sum of the outcomes and a report still compares everyone who was
assigned. What has not happened yet does not happen any more.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from campaigns.models import (
    Coupon,
    CouponState,
    Delivery,
    DeliveryState,
    Enrolment,
    EnrolmentStatus,
    Reason,
    Redemption,
)
from core.registry import Called, Holding, Kept
from members.services.holdings import own_columns, pseudonym, rows_of

COUNTS = _("Results of campaigns: who was due and what came of it is counted on, under a number that stands for nobody.")
BOOKS = _("Books and limits: what a coupon took off an order, and how many were given out.")

HOLDS = (
    Holding("enrolments", _("campaign occasions"), ("campaigns.Enrolment", "campaigns.StepOutcome"), COUNTS),
    Holding("messages", _("messages"), ("campaigns.Delivery",), _("That one was sent is counted; its text and address go.")),
    Holding("coupons", _("coupons"), ("campaigns.Coupon",), BOOKS),
    Holding("redemptions", _("uses of coupons"), ("campaigns.Redemption", "campaigns.MemberRedemptions"), BOOKS),
)
OURS = frozenset({
    "id", "member_id", "campaign_id", "enrolment_id", "version_id", "template_id", "coupon_id", "once", "next_at",
    "sending_at", "idempotency_key", "attempts", "error",
})  # fmt: skip
UNSENT = (DeliveryState.QUEUED, DeliveryState.UNKNOWN)


def export(*, member_id: int) -> Kept:
    """This function will hand out occasions with their outcome, messages as they were written, coupons and their uses."""
    enrolments = Enrolment.objects.filter(member_id=member_id).order_by("pk")
    coupons = Coupon.objects.filter(member_id=member_id).order_by("pk")
    redemptions = Redemption.objects.filter(member_id=member_id).order_by("pk")
    return {
        "enrolments": rows_of(
            enrolments.values(
                "campaign__slug", "campaign__name", "occurrence", "arm", "status", "reason", "due_at", "decided_at"
            )
        ),
        "messages": own_columns(Delivery.objects.filter(member_id=member_id).order_by("pk"), without=OURS),
        "coupons": rows_of(coupons.values("template__name", "code", "state", "issued_at", "valid_from", "valid_until")),
        "redemptions": rows_of(
            redemptions.values(
                "template__name", "code", "order", "amount_minor", "discount_minor", "redeemed_at", "rolled_back_at"
            )
        ),
    }


def erase(*, called: Called, now: datetime) -> None:
    """This function will end what waits, void what was not used, and take texts and addresses away.

    Enrolments first: their locks wait for who is stepping them, so that what a stepper gave is there to be ended.
    """
    member_id = called.member_id
    enrolments = Enrolment.objects.filter(member_id=member_id)
    list(enrolments.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk"))
    enrolments.filter(status=EnrolmentStatus.WAITING).update(
        status=EnrolmentStatus.SUPPRESSED, reason=Reason.MEMBER_GONE, next_at=None, decided_at=now
    )
    enrolments.update(occurrence=pseudonym(F("pk")))  # a birthday's occasion tells of the birthday
    messages = Delivery.objects.filter(member_id=member_id)
    list(messages.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    messages.filter(state__in=UNSENT).update(
        state=DeliveryState.SUPPRESSED, reason=Reason.MEMBER_GONE, next_at=None, done_at=now
    )
    messages.update(address="", subject="", body="", error="", provider_id="")
    coupons = Coupon.objects.filter(member_id=member_id)
    list(coupons.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    coupons.filter(state=CouponState.ISSUED).update(state=CouponState.VOIDED)
