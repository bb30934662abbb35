"""What the shop looked like day by day: the figures of the first page, kept so that it shows trends and scans nothing."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class DaySnapshot(models.Model):
    """One shop day as it was last counted; the latest of a day stays.

    `standing` is the whole overview: members by stage and by RFM cell, and their sums. `figures` holds, of everything in
    `core.registry.figures`, {code: [value, whole]}; `whole` is null but for shares. `run_id` is the refresh before it.
    """

    day = models.IntegerField(primary_key=True)
    as_of = models.DateTimeField(_("as of"))
    run_id = models.BigIntegerField()
    standing = models.JSONField()
    figures = models.JSONField()
    kept_at = models.DateTimeField()

    class Meta:
        verbose_name = _("day's figures")
        verbose_name_plural = _("days' figures")

    def __str__(self) -> str:
        return str(self.day)
