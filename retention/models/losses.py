"""What visitors who did not buy spent with other sellers: nobody can count it here, marketplaces tell it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models import Shop


class LossFigure(models.Model):
    """The purchase-loss amount of a time (both dates included), for the brand or for one shop, as somebody was told it."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("shop"))
    first_on = models.DateField(_("from"))
    last_on = models.DateField(_("to"))
    amount_minor = models.BigIntegerField(_("purchase-loss amount"))
    origin = models.CharField(_("where the figure comes from"), max_length=200, blank=True)
    told_by = models.CharField(_("entered by"), max_length=150, blank=True)
    told_at = models.DateTimeField(_("entered at"))

    class Meta:
        verbose_name = _("purchase loss")
        verbose_name_plural = _("purchase losses")
        constraints = [
            models.CheckConstraint(
                condition=Q(last_on__gte=F("first_on")),
                name="loss_figure_in_order",
                violation_error_message=_("The time must end after it begins."),
            ),
            models.CheckConstraint(condition=Q(amount_minor__gte=0), name="loss_figure_not_negative"),
            # Two figures of one time would be added up.
            models.UniqueConstraint(
                fields=["shop", "first_on", "last_on"],
                name="loss_figure_once_per_shop",
                violation_error_message=_("There is a figure of this time already."),
            ),
            models.UniqueConstraint(
                fields=["first_on", "last_on"],
                condition=Q(shop__isnull=True),
                name="loss_figure_once_for_the_brand",
                violation_error_message=_("There is a figure of this time already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_on} – {self.last_on}"
