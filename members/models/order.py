"""Orders with their lines and refunds: the facts everything else is computed from."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models.member import Member
from members.models.product import Product
from members.models.shop import Shop


class OrderStatus(models.TextChoices):
    """In the order an order goes through them; STATUS_RANK says what goes forward. Cancelled is final."""

    PLACED = "placed", _("placed")
    PAID = "paid", _("paid")
    SHIPPED = "shipped", _("shipped")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")


STATUS_RANK = {status: rank for rank, status in enumerate(OrderStatus.values)}


class RefundReason(models.TextChoices):
    QUALITY = "quality", _("quality")
    DESCRIPTION = "description", _("not as described")
    LOGISTICS = "logistics", _("logistics")
    PRICE = "price", _("price")
    UNWANTED = "unwanted", _("unwanted")
    OTHER = "other", _("other")


class Order(models.Model):
    """One order of one member, in the shop's currency.

    `total_minor` is list price less discounts; `revenue_minor` = total less refunds, and belongs to the order's own day.
    `placed_day` is the shop day number of `placed_at`, `placed_hour` the hour on the shop's clock: NULL where `placed_at` is
    a day's first moment, which stands for a date without a time. Orders that count are all but the cancelled.
    """

    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, db_index=False, verbose_name=_("shop"))
    external_id = models.CharField(_("order number"), max_length=200)
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="orders", db_index=False, verbose_name=_("member")
    )
    status = models.CharField(_("status"), max_length=10, choices=OrderStatus)
    placed_at = models.DateTimeField(_("placed at"))
    placed_day = models.IntegerField(editable=False)
    placed_hour = models.PositiveSmallIntegerField(null=True, editable=False)
    total_minor = models.BigIntegerField(_("total"))
    discount_minor = models.BigIntegerField(_("discount"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)
    refund_count = models.PositiveSmallIntegerField(_("refunds"), default=0)
    revenue_minor = models.GeneratedField(
        expression=F("total_minor") - F("refunded_minor"),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    paid_minor = models.BigIntegerField(_("paid"), null=True, blank=True)
    payment_method = models.CharField(_("payment method"), max_length=60, blank=True)
    channel = models.CharField(_("channel"), max_length=60, blank=True)
    coupon_code = models.CharField(_("coupon"), max_length=100, blank=True)
    points_used = models.PositiveIntegerField(_("points used"), default=0)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    province = models.CharField(_("province"), max_length=100, blank=True)
    remark = models.CharField(_("remark"), max_length=1000, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(fields=["shop", "external_id"], name="order_number_once_per_shop"),
            models.CheckConstraint(condition=~Q(external_id=""), name="order_number_given"),
            models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="order_status_known"),
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="order_total_not_negative"),
            models.CheckConstraint(condition=Q(discount_minor__gte=0), name="order_discount_not_negative"),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("total_minor")),
                name="order_refund_within_total",
            ),
        ]
        indexes = [
            # Facts of a member in one index-only scan (PostgreSQL); whose orders cross a window's edge uses the next one.
            models.Index(
                fields=["member", "placed_day"],
                include=[
                    "placed_at",
                    "revenue_minor",
                    "total_minor",
                    "discount_minor",
                    "refund_count",
                    "status",
                    "coupon_code",
                    "placed_hour",
                    "channel",
                ],
                name="order_facts",
            ),
            models.Index(fields=["placed_day"], name="order_window_edges"),
            # The list of orders, newest first, and its date filters.
            models.Index(fields=["-placed_at", "-id"], name="order_newest_first"),
            # The same of one shop, and of a status other than the one in which orders end.
            models.Index(fields=["shop", "-placed_at", "-id"], name="order_of_shop_newest"),
            models.Index(
                fields=["status", "-placed_at", "-id"], name="order_of_status_newest", condition=~Q(status="completed")
            ),
            # Which order used this coupon: attribution and the order list's filter.
            models.Index(fields=["coupon_code"], name="order_by_coupon", condition=~Q(coupon_code="")),
        ]

    def __str__(self) -> str:
        return self.external_id


class OrderLine(models.Model):
    """A product in an order. `amount_minor` is what the line brought in, discounts taken off."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_index=False)
    position = models.PositiveSmallIntegerField()
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="lines", verbose_name=_("product"))
    sku = models.CharField(_("variant"), max_length=200, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    unit_price_minor = models.BigIntegerField(_("unit price"))
    amount_minor = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_once_per_position"),
            models.CheckConstraint(
                condition=Q(unit_price_minor__gte=0, amount_minor__gte=0), name="order_line_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id}"


class Refund(models.Model):
    """Money given back on an order; it belongs to the order's day, whenever it was given."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="refunds", db_index=False)
    position = models.PositiveSmallIntegerField()
    amount_minor = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=20, choices=RefundReason)
    refunded_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="refund_once_per_position"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_is_positive"),
            models.CheckConstraint(condition=Q(reason__in=RefundReason.values), name="refund_reason_known"),
        ]
        # Whose moment has come since the last refresh, or is yet to come: looked at every minute.
        indexes = [models.Index(fields=["refunded_at"], name="refund_moment")]

    def __str__(self) -> str:
        return f"{self.amount_minor} ({self.reason})"
