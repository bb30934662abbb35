"""Growth: what a member has done for the shop, counted up for tiers and never spent."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models.earning import EarningRule


class GrowthEntry(models.Model):
    """Growth given (above 0) or taken back (below 0); appended, never changed. A member's growth is the sum.

    `at` is when it was written, `counts_at` the moment it belongs to and `day` that moment's shop day: what is taken back
    for an order belongs to the order's own day, so that every window adds up to what is left. A reference names an entry for
    ever: the same again is the same entry.
    """

    # No foreign key to members: entries outlive the profile of a member who was erased.
    member_id = models.BigIntegerField()
    value = models.BigIntegerField(_("growth"))
    reference = models.CharField(_("reference"), max_length=200)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"))
    counts_at = models.DateTimeField(_("counts from"))
    day = models.IntegerField(editable=False)
    by = models.CharField(_("by"), max_length=150, blank=True)
    order_id = models.BigIntegerField(null=True)
    rule = models.ForeignKey(
        EarningRule, on_delete=models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("rule")
    )

    class Meta:
        verbose_name = _("growth entry")
        verbose_name_plural = _("growth entries")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "reference"], name="growth_reference_once_per_member"),
            models.CheckConstraint(condition=~Q(value=0), name="growth_entry_is_about_growth"),
            models.CheckConstraint(condition=~Q(reference=""), name="growth_entry_reference_given"),
        ]
        indexes = [
            # A member's entries, newest first.
            models.Index(fields=["member_id", "-id"], name="growth_entries_of_member"),
            # What every member grew within days: one index-only scan (PostgreSQL), in the order of members.
            models.Index(fields=["member_id", "day"], include=["value"], name="growth_by_day"),
            # What an order earned and what its refunds took.
            models.Index(fields=["order_id"], name="growth_entries_of_order", condition=Q(order_id__isnull=False)),
            # What a rule gave: its page, and whether it may be deleted.
            models.Index(fields=["rule", "-id"], name="growth_entries_of_rule", condition=Q(rule__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.value:+}"
