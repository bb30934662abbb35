"""Why members leave: an ordered list of reasons, each with the rule that tells it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    QUALITY = "quality", _("quality")
    DESCRIPTION = "description", _("not as described")
    PRICE = "price", _("price")
    LOGISTICS = "logistics", _("delivery")
    SERVICE = "service", _("service")
    FATIGUE = "fatigue", _("too many messages")
    COMPETITION = "competition", _("buys elsewhere")
    NATURAL = "natural", _("no reason known")


class ChurnReason(models.Model):
    """One line of the list. The first whose rule is true of a member at risk, dormant or lost is the member's reason.

    Lines stand in the order of `position`, and of their id where two have one. `rule` is read like a segment's. A line that
    is not in use is passed over; its rule is kept.
    """

    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    position = models.PositiveSmallIntegerField(_("place"))
    rule = models.JSONField(_("rule"))
    active = models.BooleanField(_("in use"), default=True)
    changed_at = models.DateTimeField(_("changed at"), null=True)
    changed_by = models.CharField(_("changed by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("churn reason")
        verbose_name_plural = _("churn reasons")
        constraints = [
            models.UniqueConstraint(fields=["reason"], name="churn_reason_once"),
            models.CheckConstraint(condition=Q(reason__in=Reason.values), name="churn_reason_known"),
        ]

    def __str__(self) -> str:
        return str(self.get_reason_display())
