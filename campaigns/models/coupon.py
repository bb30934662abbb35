"""Coupons: what is offered, who got which code, which order used it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _


class BenefitKind(models.TextChoices):
    FIXED = "fixed", _("amount off")
    PERCENT_OFF = "percent_off", _("percent off")
    FREE_SHIPPING = "free_shipping", _("free shipping")
    GIFT = "gift", _("gift")


class Origin(models.TextChoices):
    OWN = "own", _("ours: validated and redeemed here")
    PLATFORM = "platform", _("the marketplace's: we send its link or code")


class CouponTemplate(models.Model):
    """What a coupon gives and within which limits.

    With `code` there is one public code for all, `total_limit` bounds its redemptions and `redeemed` counts them. Without,
    every coupon has a code of its own and is used once; `total_limit` bounds how many are issued and `issued` counts them.
    (`issued` counts the entries in wallets of a public code too; `redeemed` stays 0 where codes are their own.)
    `per_member_limit` bounds a member's redemptions (public code) or coupons (own codes).
    """

    slug = models.SlugField(_("short name"), max_length=100, db_index=False, allow_unicode=True)
    name = models.CharField(_("name"), max_length=200)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin, default=Origin.OWN)
    benefit = models.CharField(_("gives"), max_length=20, choices=BenefitKind)
    amount_minor = models.BigIntegerField(_("amount off"), null=True, blank=True)
    percent_off = models.PositiveSmallIntegerField(_("percent off"), null=True, blank=True, help_text=_("15 is 8.5折"))
    max_minor = models.BigIntegerField(_("at most"), null=True, blank=True)
    gift = models.CharField(_("gift"), max_length=200, blank=True)
    minimum_minor = models.BigIntegerField(_("from an order of"), default=0)
    valid_days = models.PositiveIntegerField(_("valid for … days"), null=True, blank=True)
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    total_limit = models.PositiveIntegerField(_("in total"), null=True, blank=True)
    per_member_limit = models.PositiveIntegerField(_("per member"), null=True, blank=True)
    code = models.CharField(_("public code"), max_length=64, null=True, blank=True)  # noqa: DJ001 - unique, empty is absent
    link = models.URLField(_("link"), max_length=500, blank=True)
    categories = models.JSONField(_("only for categories"), default=list, blank=True)
    stacking_group = models.CharField(_("not together with others of group"), max_length=60, blank=True)
    issued = models.PositiveIntegerField(_("issued"), default=0, editable=False)
    redeemed = models.PositiveIntegerField(_("redeemed"), default=0, editable=False)
    created_at = models.DateTimeField(_("made at"), editable=False)

    class Meta:
        verbose_name = _("coupon template")
        verbose_name_plural = _("coupon templates")
        constraints = [
            models.UniqueConstraint(
                fields=["slug"],
                name="coupon_template_slug_once",
                violation_error_message=_("Another coupon has this short name."),
            ),
            # Compared without case; the lookup of a code uses the same expression.
            models.UniqueConstraint(
                Upper("code"),
                name="public_code_once",
                violation_error_message=_("Another coupon has this public code."),
            ),
            models.CheckConstraint(
                condition=Q(benefit="fixed", amount_minor__gt=0, percent_off__isnull=True)
                | Q(benefit="percent_off", percent_off__gte=1, percent_off__lte=100, amount_minor__isnull=True)
                | Q(benefit__in=["free_shipping", "gift"], amount_minor__isnull=True, percent_off__isnull=True),
                name="coupon_benefit_has_its_amount",
                violation_error_message=_(
                    "An amount off needs an amount, a percentage off needs 1 to 100, others need neither."
                ),
            ),
            models.CheckConstraint(
                condition=Q(valid_days__isnull=True)
                | Q(valid_from__isnull=True, valid_until__isnull=True, valid_days__gte=1),
                name="coupon_validity_relative_or_fixed",
                violation_error_message=_("Give either a number of days from issue or dates, not both."),
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_from__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="coupon_valid_until_after_from",
                violation_error_message=_("The coupon must end after it begins."),
            ),
            models.CheckConstraint(condition=Q(minimum_minor__gte=0), name="coupon_minimum_not_negative"),
            models.CheckConstraint(
                condition=(Q(total_limit__isnull=True) | Q(total_limit__gte=1))
                & (Q(per_member_limit__isnull=True) | Q(per_member_limit__gte=1)),
                name="coupon_limits_are_at_least_one",
                violation_error_message=_("A limit is at least 1; leave it empty for no limit."),
            ),
            # The limits themselves: no path around them.
            models.CheckConstraint(
                condition=Q(code__isnull=True) | Q(total_limit__isnull=True) | Q(redeemed__lte=F("total_limit")),
                name="public_code_never_oversold",
            ),
            models.CheckConstraint(
                condition=Q(code__isnull=False) | Q(total_limit__isnull=True) | Q(issued__lte=F("total_limit")),
                name="coupons_never_overissued",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public(self) -> bool:
        return self.code is not None


class CouponState(models.TextChoices):
    ISSUED = "issued", _("issued")
    REDEEMED = "redeemed", _("redeemed")
    EXPIRED = "expired", _("expired")
    VOIDED = "voided", _("voided")


class Coupon(models.Model):
    """A coupon a member holds. With a public code (`public`) it is an entry in the member's wallet under the shared code."""

    template = models.ForeignKey(CouponTemplate, on_delete=models.PROTECT, related_name="coupons")
    code = models.CharField(_("code"), max_length=64)
    public = models.BooleanField(_("public code"), default=False)
    member_id = models.BigIntegerField(null=True)
    enrolment_id = models.BigIntegerField(null=True)
    step = models.PositiveSmallIntegerField(null=True)
    state = models.CharField(_("state"), max_length=10, choices=CouponState, default=CouponState.ISSUED)
    issued_at = models.DateTimeField(_("issued at"))
    valid_from = models.DateTimeField(_("valid from"), null=True)
    valid_until = models.DateTimeField(_("valid until"), null=True)

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        constraints = [
            models.UniqueConstraint(fields=["code"], condition=Q(public=False), name="coupon_code_once"),
            models.UniqueConstraint(
                fields=["enrolment_id", "step"],
                condition=Q(enrolment_id__isnull=False),
                name="coupon_once_per_step",
            ),
            models.CheckConstraint(condition=Q(state__in=CouponState.values), name="coupon_state_known"),
        ]
        indexes = [
            # A member's wallet; the member's limit at issue.
            models.Index(
                fields=["member_id", "template"],
                name="coupon_of_member",
                condition=Q(member_id__isnull=False),
            ),
            # What expires: the hourly pass.
            models.Index(
                fields=["valid_until"],
                name="coupon_expiring",
                condition=Q(state="issued", valid_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class MemberRedemptions(models.Model):
    """How often a member holds a public code redeemed: counted up by a guarded upsert, down by a roll-back.

    Counted whether or not there is a limit, so that one may be set later.
    """

    template = models.ForeignKey(CouponTemplate, on_delete=models.CASCADE, related_name="+", db_index=False)
    member_id = models.BigIntegerField()
    used = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["template", "member_id"], name="member_redemptions_one_row")]

    def __str__(self) -> str:
        return f"{self.template_id}: {self.member_id} {self.used}"


class Redemption(models.Model):
    """A code was used by an order; rolled back rows stay. At most one holds per code and order."""

    template = models.ForeignKey(CouponTemplate, on_delete=models.PROTECT, related_name="redemptions")
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, null=True, related_name="redemptions")
    code = models.CharField(_("code"), max_length=64)
    order = models.CharField(_("order"), max_length=200)
    member_id = models.BigIntegerField(null=True)
    amount_minor = models.BigIntegerField(_("order amount"))
    discount_minor = models.BigIntegerField(_("discount given"))
    redeemed_at = models.DateTimeField(_("redeemed at"))
    rolled_back_at = models.DateTimeField(_("rolled back at"), null=True)

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["code", "order"],
                condition=Q(rolled_back_at__isnull=True),
                name="redemption_once_per_code_and_order",
            ),
            models.UniqueConstraint(
                fields=["coupon"],
                condition=Q(rolled_back_at__isnull=True, coupon__isnull=False),
                name="coupon_redeemed_once",
            ),
        ]
        # Which codes an order used; a repeated roll-back finds the first one.
        indexes = [models.Index(fields=["order", "code"], name="redemption_of_order")]

    def __str__(self) -> str:
        return f"{self.code} {self.order}"
