"""What each arm did: counted in the database, over everyone who was assigned, whatever became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce

from campaigns.models import Arm, Campaign, Coupon, Enrolment, Redemption
from core.conf import shop_zone
from core.periods import day_number
from members.models import Order, OrderStatus


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """`members` were assigned, some of them several times (`enrolments`); `orders` and `revenue_minor` are of all their
    windows. What the arms are compared by is each member's first window alone: `converted` ordered in it and spent
    `compared_revenue_minor`. Whether a member becomes due again is itself an outcome of the treatment.
    """

    members: int = 0
    enrolments: int = 0
    converted: int = 0
    compared_revenue_minor: int = 0
    orders: int = 0
    revenue_minor: int = 0

    @property
    def rate(self) -> float | None:
        return self.converted / self.members if self.members else None

    @property
    def revenue_per_member_minor(self) -> float | None:
        """Over the first windows, so that it may be compared."""
        return self.compared_revenue_minor / self.members if self.members else None


def outcomes_by_arm(*, campaign: Campaign, attribution_days: int) -> Mapping[str, ArmOutcome]:
    """This function will count, for each arm, members, those who ordered in (due, due + attribution_days], and revenue.

    An order counts once, however many windows of its member it falls into. Cancelled orders do not count; refunds are off.
    """
    assigned = {
        row["arm"]: row
        for row in Enrolment.objects.filter(campaign=campaign)
        .values("arm")
        .annotate(members=Count("member_id", distinct=True), enrolments=Count("pk"))
    }
    ordered = {row["arm"]: row for row in _orders(campaign, attribution_days)}
    return {arm: _outcome(assigned.get(arm), ordered.get(arm)) for arm in Arm.values}


def _orders(campaign: Campaign, attribution_days: int) -> list[dict[str, Any]]:
    mine = Enrolment.objects.filter(campaign=campaign)
    span = mine.aggregate(first=Min("due_at"), last=Max("due_at"))
    if span["first"] is None:
        return []
    window = timedelta(days=attribution_days)
    zone = shop_zone()
    # The days bound the scan by an index; the instants decide.
    days = (day_number(span["first"], zone), day_number(span["last"] + window, zone))
    own = mine.filter(member_id=OuterRef("member_id"))
    start = ExpressionWrapper(F("placed_at") - Value(window, output_field=DurationField()), output_field=DateTimeField())
    covering = own.filter(due_at__lt=OuterRef("placed_at"), due_at__gte=OuterRef("window_start"))
    rows = (
        Order.objects.filter(placed_day__range=days, member_id__in=mine.values("member_id"))
        .exclude(status=OrderStatus.CANCELLED)
        .annotate(window_start=start)
        .filter(Exists(covering))
        # By the keyed hash a member has one arm in a campaign; who was merged of two may have been in both, one at a time.
        .annotate(arm=Subquery(covering.order_by("due_at", "pk").values("arm")[:1]))
        .annotate(first_due=Subquery(own.order_by("due_at", "pk").values("due_at")[:1]))
        .values("arm")
    )
    in_first = Q(first_due__lt=F("placed_at"), first_due__gte=F("window_start"))
    counted = rows.annotate(
        converted=Count("member_id", distinct=True, filter=in_first),
        compared_revenue_minor=Coalesce(Sum("revenue_minor", filter=in_first), 0),
        orders=Count("pk"),
        revenue_total=Sum("revenue_minor"),
    )
    return [dict(row) for row in counted.values("arm", "converted", "compared_revenue_minor", "orders", "revenue_total")]


def _outcome(assigned: Mapping[str, Any] | None, ordered: Mapping[str, Any] | None) -> ArmOutcome:
    if assigned is None:
        return ArmOutcome()
    done = ordered or {"converted": 0, "compared_revenue_minor": 0, "orders": 0, "revenue_total": 0}
    return ArmOutcome(
        members=assigned["members"],
        enrolments=assigned["enrolments"],
        converted=done["converted"],
        compared_revenue_minor=int(done["compared_revenue_minor"]),
        orders=done["orders"],
        revenue_minor=int(done["revenue_total"]),
    )


def discounts_given(*, campaign: Campaign) -> int:
    """This function will sum what orders took off with this campaign's coupons, redemptions that were rolled back aside.

    A public code knows no coupon: its redemption is this campaign's when the member had the code from it.
    """
    mine = Enrolment.objects.filter(campaign=campaign).values("pk")
    from_here = Coupon.objects.filter(
        public=True,
        template=OuterRef("template"),
        member_id=OuterRef("member_id"),
        enrolment_id__in=mine,
        issued_at__lte=OuterRef("redeemed_at"),
    )
    held = Redemption.objects.filter(rolled_back_at__isnull=True)
    used = held.filter(Q(coupon__enrolment_id__in=mine) | Q(Exists(from_here), coupon__isnull=True))
    return int(used.aggregate(total=Sum("discount_minor"))["total"] or 0)
