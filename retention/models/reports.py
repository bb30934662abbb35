"""What reports counted, kept; and what people aim at."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import Shop


class ReportAnswer(models.Model):
    """What a report counted for one period, shop and choice: the last time, in `counted`, as JSON without words.

    `key` names what was asked, `stamp` the state of the data that it was counted from.
    """

    report = models.CharField(_("report"), max_length=60)
    key = models.CharField(max_length=64)
    counted = models.JSONField()
    stamp = models.CharField(max_length=100)
    day = models.IntegerField()
    measures = models.CharField(max_length=64, blank=True)
    as_of = models.DateTimeField(_("as of"))
    counted_at = models.DateTimeField(_("counted at"))
    seconds = models.FloatField(_("seconds"))

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [models.UniqueConstraint(fields=["report", "key"], name="report_answer_once")]
        # What nobody asked for in a long time is forgotten.
        indexes = [models.Index(fields=["counted_at"], name="report_answer_age")]

    def __str__(self) -> str:
        return self.report


class ReportTarget(models.Model):
    """What a figure of a report should be, for the brand or for one shop; in the figure's own unit (a share is 0.25)."""

    report = models.CharField(_("report"), max_length=60)
    figure = models.CharField(_("figure"), max_length=60)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("shop"))
    value = models.FloatField(_("target"))
    set_by = models.CharField(_("set by"), max_length=150, blank=True)
    set_at = models.DateTimeField(_("set at"))

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        constraints = [
            models.UniqueConstraint(fields=["report", "figure", "shop"], name="report_target_once_per_shop"),
            models.UniqueConstraint(
                fields=["report", "figure"], condition=Q(shop__isnull=True), name="report_target_once_for_the_brand"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.report} {self.figure}"
