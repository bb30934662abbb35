"""What the screens read of campaigns, each in a fixed number of statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, QuerySet, Sum

from campaigns.models import (
    Campaign,
    CampaignStatus,
    Coupon,
    CouponTemplate,
    Delivery,
    DeliveryState,
    Enrolment,
    StepOutcome,
)
from members.models import Tier

SHOWN_OF_A_MEMBER = 20


def unknown_messages() -> int:
    """This function will count the messages of which a person must say whether they arrived: few, with their own index."""
    return Delivery.objects.filter(state=DeliveryState.UNKNOWN).count()


def enrolment_of(message: Delivery) -> Enrolment | None:
    return Enrolment.objects.select_related("campaign").filter(pk=message.enrolment_id).first()


def enrolments_of_member(member_id: int) -> QuerySet[Enrolment]:
    return Enrolment.objects.filter(member_id=member_id).select_related("campaign").order_by("-pk")[:SHOWN_OF_A_MEMBER]


def messages_of_member(member_id: int) -> QuerySet[Delivery]:
    return Delivery.objects.filter(member_id=member_id).order_by("-queued_at", "-pk")[:SHOWN_OF_A_MEMBER]


def coupons_of_member(member_id: int) -> QuerySet[Coupon]:
    return Coupon.objects.filter(member_id=member_id).select_related("template").order_by("-pk")[:SHOWN_OF_A_MEMBER]


def outcomes_of(enrolment: Enrolment) -> list[StepOutcome]:
    return list(StepOutcome.objects.filter(enrolment_id=enrolment.pk).order_by("step"))


def messages_of(enrolment: Enrolment) -> list[Delivery]:
    return list(Delivery.objects.filter(enrolment_id=enrolment.pk).order_by("step"))


def coupons_of(enrolment: Enrolment) -> list[Coupon]:
    return list(Coupon.objects.filter(enrolment_id=enrolment.pk).select_related("template").order_by("step"))


def outcome_counts(campaign_ids: Sequence[int]) -> dict[int, Counter[str]]:
    """This function will count the enrolments of campaigns by outcome, in one statement for all of them."""
    counts: dict[int, Counter[str]] = {pk: Counter() for pk in campaign_ids}
    rows = Enrolment.objects.filter(campaign_id__in=campaign_ids).values_list("campaign_id", "status")
    for campaign_id, status, count in rows.annotate(count=Count("pk")):
        counts[campaign_id][status] = count
    return counts


def live_campaigns() -> list[Campaign]:
    """This function will return the campaigns under way, running ones first, newest first."""
    live = Campaign.objects.filter(status__in=[CampaignStatus.RUNNING, CampaignStatus.PAUSED])
    return list(live.order_by("-status", "-activated_at", "-pk"))


def campaign_name(campaign_id: int) -> str:
    """This function will give the name of a campaign; empty for none."""
    return Campaign.objects.filter(pk=campaign_id).values_list("name", flat=True).first() or ""


def campaign_choices() -> list[tuple[str, str]]:
    return list(Campaign.objects.order_by("name", "pk").values_list("slug", "name"))


def template_choices() -> list[tuple[str, str]]:
    return list(CouponTemplate.objects.order_by("name", "pk").values_list("slug", "name"))


def templates_called(slugs: Sequence[str]) -> dict[str, Any]:
    return {each.slug: each for each in CouponTemplate.objects.filter(slug__in=slugs)}


def coupon_totals() -> dict[str, int]:
    """This function will sum what all templates together issued and saw redeemed: counters, so no coupon is read."""
    totals = CouponTemplate.objects.aggregate(issued=Sum("issued"), redeemed=Sum("redeemed"))
    return {name: total or 0 for name, total in totals.items()}


def tier_called(slug: str) -> str:
    """This function will give the name of a tier, or the short name where there is none of it; empty for none."""
    return Tier.objects.filter(slug=slug).values_list("name", flat=True).first() or slug
