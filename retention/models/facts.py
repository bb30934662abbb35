"""What orders and events add up to, one row a member."""
# ruff: noqa: DJ001 - missing is NULL here, so that comparisons with it are unknown

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import Member

WINDOWS = (30, 90, 180, 365)


class MemberFacts(models.Model):
    """Only what changes when something happens; whatever changes because time passes is an expression over this.

    Days are shop day numbers. Cancelled orders do not count. The windowed columns are the one kind that time changes: they
    hold the N days that end with `windows_day`; they are exact for any later day until an order or event crosses a window's
    edge.

    `changed_at` is when a refresh last took in something about the member: orders, events, points, the profile, what they
    said. What time alone moves, scores and the counts of windows, is no change, but another tier is. Every refresh gives
    another instant, later than all before it, so that who asks for what came after one misses nothing. Missing where
    nothing came in since changes are noted.
    """

    member = models.OneToOneField(Member, on_delete=models.CASCADE, primary_key=True, related_name="facts")
    order_count = models.IntegerField(_("orders"), default=0)
    order_days = models.IntegerField(_("days with an order"), default=0)
    revenue_minor = models.BigIntegerField(_("revenue"), default=0)
    total_minor = models.BigIntegerField(_("order totals"), default=0)
    discount_minor = models.BigIntegerField(_("discounts"), default=0)
    coupon_order_count = models.IntegerField(_("orders with a coupon"), default=0)
    refund_count = models.IntegerField(_("refunds"), default=0)
    refunded_order_count = models.IntegerField(_("refunded orders"), default=0)
    first_order_day = models.IntegerField(_("first order"), null=True)
    last_order_day = models.IntegerField(_("last order"), null=True)
    previous_order_day = models.IntegerField(_("order day before the last"), null=True)
    order_count_30d = models.IntegerField(_("orders in 30 days"), default=0)
    order_count_90d = models.IntegerField(_("orders in 90 days"), default=0)
    order_count_180d = models.IntegerField(_("orders in 180 days"), default=0)
    order_count_365d = models.IntegerField(_("orders in 365 days"), default=0)
    revenue_minor_30d = models.BigIntegerField(_("revenue in 30 days"), default=0)
    revenue_minor_90d = models.BigIntegerField(_("revenue in 90 days"), default=0)
    revenue_minor_180d = models.BigIntegerField(_("revenue in 180 days"), default=0)
    revenue_minor_365d = models.BigIntegerField(_("revenue in 365 days"), default=0)
    preferred_hour = models.PositiveSmallIntegerField(_("preferred hour"), null=True)
    preferred_channel = models.CharField(_("preferred channel"), max_length=60, null=True)
    favourite_category = models.CharField(_("favourite category"), max_length=200, null=True)
    last_visit_day = models.IntegerField(_("last visit"), null=True)
    carts_left_30d = models.IntegerField(_("carts left in 30 days"), default=0)
    complaint_count_90d = models.IntegerField(_("complaints in 90 days"), default=0)
    rating_count = models.IntegerField(_("ratings"), default=0)
    rating_sum = models.IntegerField(_("ratings added up"), default=0)
    points_balance = models.BigIntegerField(_("points"), default=0)
    growth_value = models.BigIntegerField(_("growth"), default=0)
    last_contacted_day = models.IntegerField(_("last message"), null=True)
    messages_30d = models.IntegerField(_("messages in 30 days"), default=0)
    coupons_redeemed_90d = models.IntegerField(_("coupons redeemed in 90 days"), default=0)
    windows_day = models.IntegerField()
    changed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("facts")
        verbose_name_plural = _("facts")
        constraints = [
            models.CheckConstraint(
                condition=Q(order_count=0, first_order_day__isnull=True, last_order_day__isnull=True)
                | Q(order_count__gt=0, first_order_day__isnull=False, last_order_day__isnull=False),
                name="facts_days_stand_with_orders",
            ),
        ]
        indexes = [
            # Who changed since: the list of members over REST, in the order of the changes.
            models.Index(fields=["changed_at", "member"], name="facts_changed", condition=Q(changed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.member_id)


FACT_COLUMNS = tuple(
    field.name for field in MemberFacts._meta.concrete_fields if field.name not in {"member", "windows_day", "changed_at"}
)
"""What is counted of a member."""
