"""What campaigns did so far, as counters that are followed from day to day."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from campaigns.models import Delivery, DeliveryState, Enrolment, EnrolmentStatus
from campaigns.selectors.screens import coupon_totals
from core.registry import Amount, Figure, FigureSource, FigureUnit

COUNT = FigureUnit.COUNT

FIGURES: tuple[Figure, ...] = (
    Figure(
        "messages_sent",
        _("messages sent"),
        _("handed to a provider in 30 days"),
        COUNT,
        counter=True,
        behind=("campaigns_delivery", {"state__exact": DeliveryState.SENT.value}),
    ),
    Figure(
        "suppressed",
        _("suppressed"),
        _("due in 30 days and kept back, each with its reason"),
        COUNT,
        counter=True,
        behind=("campaigns_enrolment", {"status__exact": EnrolmentStatus.SUPPRESSED.value}),
    ),
    Figure(
        "coupons_issued",
        _("coupons issued"),
        _("in 30 days, all templates together"),
        COUNT,
        counter=True,
        behind=("campaigns_coupon", {}),
    ),
    Figure(
        "coupons_redeemed",
        _("coupons redeemed"),
        _("in 30 days, all templates together"),
        COUNT,
        True,
        counter=True,
        behind=("campaigns_redemption", {}),
    ),
)


def measure() -> Mapping[str, Amount]:
    """This function will count messages and kept-back enrolments ever, and read the templates' own counters."""
    coupons = coupon_totals()
    sent = Delivery.objects.filter(state=DeliveryState.SENT).aggregate(count=Count("pk"))["count"]
    kept_back = Enrolment.objects.filter(status=EnrolmentStatus.SUPPRESSED).aggregate(count=Count("pk"))["count"]
    return {
        "messages_sent": Amount(sent),
        "suppressed": Amount(kept_back),
        "coupons_issued": Amount(coupons["issued"]),
        "coupons_redeemed": Amount(coupons["redeemed"]),
    }


SOURCE = FigureSource("campaigns", measure)
