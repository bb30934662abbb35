"""Rewards: what members can have for their points, and who had what."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.coupon import Coupon, CouponTemplate


class RewardKind(models.TextChoices):
    MONEY_OFF = "money_off", _("money off at the till")
    COUPON = "coupon", _("coupon")
    GIFT = "gift", _("gift")


class Reward(models.Model):
    """What so many points buy. `stock` bounds how often at all, `per_member_limit` how often for one member; NULL: no limit.

    `redeemed` counts uses that hold; a use that was rolled back is free again.
    """

    slug = models.SlugField(_("short name"), max_length=100, unique=True, allow_unicode=True)
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=10, choices=RewardKind)
    points = models.PositiveIntegerField(_("costs points"))
    amount_minor = models.BigIntegerField(_("money off"), null=True, blank=True)
    template = models.ForeignKey(
        CouponTemplate, on_delete=models.PROTECT, null=True, blank=True, related_name="rewards", verbose_name=_("coupon")
    )
    gift = models.CharField(_("gift"), max_length=200, blank=True)
    stock = models.PositiveIntegerField(_("in total"), null=True, blank=True)
    per_member_limit = models.PositiveIntegerField(_("per member"), null=True, blank=True)
    offered = models.BooleanField(_("offered"), default=True)
    redeemed = models.PositiveIntegerField(_("redeemed"), default=0, editable=False)
    created_at = models.DateTimeField(_("made at"), editable=False)

    class Meta:
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")
        constraints = [
            models.CheckConstraint(condition=~Q(slug="") & ~Q(name=""), name="reward_named"),
            models.CheckConstraint(condition=Q(points__gte=1), name="reward_costs_points"),
            models.CheckConstraint(
                condition=Q(kind="money_off", amount_minor__gte=1, template__isnull=True, gift="")
                | Q(kind="coupon", template__isnull=False, amount_minor__isnull=True, gift="")
                | (Q(kind="gift", amount_minor__isnull=True, template__isnull=True) & ~Q(gift="")),
                name="reward_has_what_its_kind_needs",
            ),
            models.CheckConstraint(
                condition=(Q(stock__isnull=True) | Q(stock__gte=1))
                & (Q(per_member_limit__isnull=True) | Q(per_member_limit__gte=1)),
                name="reward_limits_at_least_one",
            ),
            models.CheckConstraint(condition=Q(stock__isnull=True) | Q(redeemed__lte=F("stock")), name="reward_in_stock"),
        ]

    def __str__(self) -> str:
        return self.name


class RewardUse(models.Model):
    """A member had a reward; a use that was rolled back stays. `entry_id` is the ledger's redemption of the points."""

    reward = models.ForeignKey(Reward, on_delete=models.PROTECT, related_name="uses", db_index=False)
    member_id = models.BigIntegerField()
    reference = models.CharField(_("reference"), max_length=200)
    points = models.PositiveIntegerField(_("points"))
    entry_id = models.BigIntegerField()
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    used_at = models.DateTimeField(_("at"))
    by = models.CharField(_("by"), max_length=150, blank=True)
    rolled_back_at = models.DateTimeField(_("rolled back at"), null=True)

    class Meta:
        verbose_name = _("use of a reward")
        verbose_name_plural = _("uses of rewards")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "reference"], name="reward_reference_once_per_member"),
            models.CheckConstraint(condition=~Q(reference=""), name="reward_reference_given"),
        ]
        indexes = [
            # Who had a reward, newest first.
            models.Index(fields=["reward", "-id"], name="reward_uses"),
            # How often a member had it: the limit.
            models.Index(fields=["member_id", "reward"], name="reward_uses_of_member"),
        ]

    def __str__(self) -> str:
        return self.reference
