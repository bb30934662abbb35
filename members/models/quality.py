"""How good the data is: one look at everything, kept as it was counted, with examples of what was found."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models import Job


class QualityLookQuerySet(models.QuerySet["QualityLook"]):
    def finished(self) -> QualityLookQuerySet:
        """This function will keep the looks that went to their end."""
        return self.filter(finished_at__isnull=False)

    def newest(self) -> QualityLook | None:
        """This function will return the last look that went to its end."""
        return self.finished().order_by("-started_at", "-pk").first()


class QualityLook(models.Model):
    """One look. `counts` are how many rows each measure found, by its code; `tables` what is told group by group.

    A look that is under way has no `finished_at`; pages show the last that has one.
    """

    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+", editable=False)
    started_at = models.DateTimeField(_("as of"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    counts = models.JSONField(default=dict, editable=False)
    tables = models.JSONField(default=dict, editable=False)

    objects = QualityLookQuerySet.as_manager()

    class Meta:
        verbose_name = _("look at the data")
        verbose_name_plural = _("data quality")
        indexes = [
            # The page's own question: the last one that is whole.
            models.Index(fields=["-started_at"], name="quality_last", condition=Q(finished_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class QualityFinding(models.Model):
    """A row that a measure found: the newest of them, so that each number has a list however many rows there are."""

    look = models.ForeignKey(QualityLook, on_delete=models.CASCADE, related_name="findings", db_index=False)
    code = models.CharField(max_length=240)
    object_id = models.BigIntegerField()

    class Meta:
        constraints = [
            # The list behind a number, too.
            models.UniqueConstraint(fields=["look", "code", "object_id"], name="quality_finding_once"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.object_id}"
