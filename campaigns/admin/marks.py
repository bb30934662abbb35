"""The states of this room in words, colours and icons, and its reasons in words."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from campaigns.models import Arm, CampaignStatus, CouponState, DeliveryState, EnrolmentStatus, Reason
from core.admin.display import Mark

CAMPAIGN = {
    CampaignStatus.DRAFT: Mark(CampaignStatus.DRAFT.label, "grey", "edit_note"),
    CampaignStatus.RUNNING: Mark(CampaignStatus.RUNNING.label, "green", "play_circle"),
    CampaignStatus.PAUSED: Mark(CampaignStatus.PAUSED.label, "amber", "pause_circle"),
    CampaignStatus.FINISHED: Mark(CampaignStatus.FINISHED.label, "blue", "flag"),
}
OUTCOME = {
    EnrolmentStatus.WAITING: Mark(EnrolmentStatus.WAITING.label, "grey", "hourglass_empty"),
    EnrolmentStatus.FIRED: Mark(EnrolmentStatus.FIRED.label, "green", "bolt"),
    EnrolmentStatus.HELD_OUT: Mark(EnrolmentStatus.HELD_OUT.label, "violet", "science"),
    EnrolmentStatus.SUPPRESSED: Mark(EnrolmentStatus.SUPPRESSED.label, "amber", "do_not_disturb_on"),
    EnrolmentStatus.FAILED: Mark(EnrolmentStatus.FAILED.label, "red", "error"),
}
ARM = {
    Arm.TREATED: Mark(Arm.TREATED.label, "blue", "campaign"),
    Arm.CONTROL: Mark(Arm.CONTROL.label, "violet", "science"),
}
DELIVERY = {
    DeliveryState.QUEUED: Mark(DeliveryState.QUEUED.label, "grey", "hourglass_empty"),
    DeliveryState.SENDING: Mark(DeliveryState.SENDING.label, "blue", "outbox"),
    DeliveryState.SENT: Mark(DeliveryState.SENT.label, "green", "check_circle"),
    DeliveryState.FAILED: Mark(DeliveryState.FAILED.label, "red", "error"),
    DeliveryState.UNKNOWN: Mark(DeliveryState.UNKNOWN.label, "amber", "help"),
    DeliveryState.SUPPRESSED: Mark(DeliveryState.SUPPRESSED.label, "amber", "do_not_disturb_on"),
}
COUPON = {
    CouponState.ISSUED: Mark(CouponState.ISSUED.label, "blue", "confirmation_number"),
    CouponState.REDEEMED: Mark(CouponState.REDEEMED.label, "green", "redeem"),
    CouponState.EXPIRED: Mark(CouponState.EXPIRED.label, "grey", "event_busy"),
    CouponState.VOIDED: Mark(CouponState.VOIDED.label, "red", "block"),
}
HOLDS = Mark(_("holds"), "green", "check_circle")
ROLLED_BACK = Mark(_("rolled back"), "grey", "undo")


def reason_words(reason: str) -> str:
    """This function will say a stored reason in words; one this version does not know is shown as it is."""
    return str(Reason(reason).label) if reason in Reason.values else reason
