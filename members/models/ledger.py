"""Points: what was given and taken (entries, never changed), what is left of it (lots), and how much that is (accounts).

An entry says what happened to a member's points and under which reference; its movements say which lots it took them from
and what became of them. A lot is points earned together that expire together. So every balance is a sum three times over -
of the account, of its lots, of its entries - and `verify` compares them.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models.earning import EarningRule


class EntryKind(models.TextChoices):
    """What an entry did. An award is taken back, a redemption is given back; a debt is repaid from what comes next."""

    AWARD = "award", _("earned")
    RELEASE = "release", _("became available")
    REDEEM = "redeem", _("redeemed")
    EXPIRE = "expire", _("expired")
    TAKE_BACK = "take_back", _("taken back")
    GIVE_BACK = "give_back", _("given back")
    REPAY = "repay", _("set off against what was owed")
    TRANSFER = "transfer", _("moved with a merge")


class LotState(models.TextChoices):
    """Where points of a lot are: each point is in exactly one state."""

    PENDING = "pending", _("pending")
    AVAILABLE = "available", _("available")
    SPENT = "spent", _("spent")
    EXPIRED = "expired", _("expired")
    REVERSED = "reversed", _("taken back")


class ExpiryRule(models.TextChoices):
    NEVER = "never", _("never")
    DAYS = "days", _("a number of days after they became available")
    END_OF_MONTH = "end_of_month", _("with the month, a number of months later")
    END_OF_YEAR = "end_of_year", _("with the calendar year, a number of years later")


class RefundPolicy(models.TextChoices):
    """What a refund may take when the points it earned are spent already. What it could not take is recorded."""

    PENDING_ONLY = "pending_only", _("only what is still pending")
    WITHIN_BALANCE = "within_balance", _("as much as the balance holds")
    MAY_OWE = "may_owe", _("all of it: the rest is owed and set off against the next points")


class PointsPolicy(models.Model):
    """The shop's rules for all points; one row, edited by people. Points given before a change keep what they were given."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    expiry = models.CharField(_("points expire"), max_length=20, choices=ExpiryRule, default=ExpiryRule.DAYS)
    expiry_number = models.PositiveSmallIntegerField(
        _("how many"), default=365, help_text=_("days, months or years; for months and years 0 is the running one")
    )
    refund_policy = models.CharField(
        _("a refund takes back"), max_length=20, choices=RefundPolicy, default=RefundPolicy.WITHIN_BALANCE
    )
    grace_days = models.PositiveSmallIntegerField(
        _("days of grace"),
        default=0,
        help_text=_("how long points given back after they expired can still be used; 0: they expire at once"),
    )
    point_value_minor = models.DecimalField(
        _("worth of one point"),
        max_digits=12,
        decimal_places=4,
        default=1,
        help_text=_("in the smallest unit of the currency, for the liability report"),
    )

    class Meta:
        verbose_name = _("points policy")
        verbose_name_plural = _("points policy")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="points_policy_one_row"),
            models.CheckConstraint(condition=Q(expiry__in=ExpiryRule.values), name="points_policy_expiry_known"),
            models.CheckConstraint(condition=Q(refund_policy__in=RefundPolicy.values), name="points_policy_refund_known"),
            models.CheckConstraint(
                condition=~Q(expiry=ExpiryRule.DAYS) | Q(expiry_number__gte=1),
                name="points_policy_days_at_least_one",
                violation_error_message=_("Points stay at least one day."),
            ),
            models.CheckConstraint(condition=Q(point_value_minor__gte=0), name="points_policy_worth_not_negative"),
        ]

    def __str__(self) -> str:
        return str(_("Points policy"))


class PointsAccount(models.Model):
    """How many points a member has. Its row is what everybody locks who moves points of this member."""

    # No foreign keys to members in this file: an account outlives the profile of a member who was erased.
    member_id = models.BigIntegerField(primary_key=True)
    available = models.BigIntegerField(_("available"), default=0)
    pending = models.BigIntegerField(_("pending"), default=0)
    owed = models.BigIntegerField(_("owed"), default=0)

    class Meta:
        verbose_name = _("points account")
        verbose_name_plural = _("points accounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(available__gte=0, pending__gte=0, owed__gte=0), name="points_account_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.available} + {self.pending}"


class LedgerEntry(models.Model):
    """One thing that happened to a member's points; appended, never changed.

    `points` is what it was about; `available`, `pending` and `owed` are what it added to the account; `shortfall` is what it
    should have taken and could not. A reference names it for ever: the same again is the same entry.
    """

    member_id = models.BigIntegerField()
    kind = models.CharField(_("kind"), max_length=10, choices=EntryKind)
    reference = models.CharField(_("reference"), max_length=200)
    points = models.BigIntegerField(_("points"))
    available = models.BigIntegerField(_("available"), default=0)
    pending = models.BigIntegerField(_("pending"), default=0)
    owed = models.BigIntegerField(_("owed"), default=0)
    shortfall = models.BigIntegerField(_("could not be taken"), default=0)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.CharField(_("by"), max_length=150, blank=True)
    order_id = models.BigIntegerField(null=True)
    rule = models.ForeignKey(
        EarningRule, on_delete=models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("rule")
    )
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="reversals", db_index=False, db_constraint=False
    )

    class Meta:
        verbose_name = _("points entry")
        verbose_name_plural = _("points entries")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "reference"], name="points_reference_once_per_member"),
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="points_entry_kind_known"),
            models.CheckConstraint(condition=Q(points__gt=0), name="points_entry_is_about_points"),
            models.CheckConstraint(condition=Q(shortfall__gte=0), name="points_entry_shortfall_not_negative"),
            models.CheckConstraint(condition=~Q(reference=""), name="points_entry_reference_given"),
        ]
        indexes = [
            # A member's entries, newest first.
            models.Index(fields=["member_id", "-id"], name="points_entries_of_member"),
            # What was reversed of an entry.
            models.Index(fields=["reverses"], name="points_reversals", condition=Q(reverses__isnull=False)),
            # What an order earned and what its refunds took.
            models.Index(fields=["order_id"], name="points_entries_of_order", condition=Q(order_id__isnull=False)),
            # What a rule gave: its page, and whether it may be deleted.
            models.Index(fields=["rule", "-id"], name="points_entries_of_rule", condition=Q(rule__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.points}"


class PointsLot(models.Model):
    """Points earned together: how many of them are in each state, when they become available and when they expire.

    `releases_at` is NULL for points that wait until their order is completed, and for those that never waited; the former
    have no `expires_at` either until then.
    """

    member_id = models.BigIntegerField()
    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, related_name="lots", db_constraint=False)
    granted = models.BigIntegerField(_("points"))
    pending = models.BigIntegerField(_("pending"), default=0)
    available = models.BigIntegerField(_("available"), default=0)
    spent = models.BigIntegerField(_("spent"), default=0)
    expired = models.BigIntegerField(_("expired"), default=0)
    reversed = models.BigIntegerField(_("taken back"), default=0)
    earned_at = models.DateTimeField(_("earned at"))
    releases_at = models.DateTimeField(_("available from"), null=True)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    order_id = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("points lot")
        verbose_name_plural = _("points lots")
        constraints = [
            models.CheckConstraint(
                condition=Q(granted__gt=0, pending__gte=0, available__gte=0, spent__gte=0, expired__gte=0, reversed__gte=0),
                name="points_lot_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(granted=F("pending") + F("available") + F("spent") + F("expired") + F("reversed")),
                name="points_lot_each_point_once",
            ),
        ]
        indexes = [
            # What of a member can be spent, soonest to expire first.
            models.Index(
                fields=["member_id", "expires_at", "id"],
                name="points_lot_open",
                condition=Q(available__gt=0) | Q(pending__gt=0),
            ),
            # What is due to expire, and to become available.
            models.Index(fields=["expires_at"], name="points_lot_expiring", condition=Q(available__gt=0)),
            models.Index(fields=["releases_at"], name="points_lot_releasing", condition=Q(pending__gt=0)),
            # Whose order was completed or refunded.
            models.Index(fields=["order_id"], name="points_lot_of_order", condition=Q(order_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.granted} ({self.available})"


class LotMovement(models.Model):
    """How many points of a lot an entry moved from one state to another; `came_from` is empty for points just earned."""

    # No foreign keys in the database: entry, lot and movements are written by one transaction.
    entry = models.ForeignKey(
        LedgerEntry, on_delete=models.PROTECT, related_name="movements", db_index=False, db_constraint=False
    )
    lot = models.ForeignKey(
        PointsLot, on_delete=models.PROTECT, related_name="movements", db_index=False, db_constraint=False
    )
    points = models.BigIntegerField(_("points"))
    came_from = models.CharField(_("from"), max_length=10, choices=LotState, blank=True)
    went_to = models.CharField(_("to"), max_length=10, choices=LotState)

    class Meta:
        verbose_name = _("movement of points")
        verbose_name_plural = _("movements of points")
        constraints = [
            models.UniqueConstraint(fields=["entry", "lot", "came_from"], name="points_movement_once"),
            models.CheckConstraint(condition=Q(points__gt=0), name="points_movement_is_positive"),
            models.CheckConstraint(condition=Q(went_to__in=LotState.values), name="points_movement_to_a_state"),
            models.CheckConstraint(
                condition=Q(came_from__in=["", *LotState.values]) & ~Q(came_from=F("went_to")),
                name="points_movement_from_another_state",
            ),
        ]
        # What happened to a lot.
        indexes = [models.Index(fields=["lot"], name="points_movements_of_lot")]

    def __str__(self) -> str:
        return f"{self.points} {self.came_from} > {self.went_to}"
