"""Refreshes: what was done, and what the stored facts and segments are true for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class RefreshRun(models.Model):
    """One refresh that changed something or failed. Its id grows with the order of commits: refreshes run one at a time."""

    class Kind(models.TextChoices):
        FULL = "full", _("everything counted again")
        DAY = "day", _("a new day")
        CHANGES = "changes", _("what changed")
        BUILD = "build", _("segments filled by new rules")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    as_of = models.DateTimeField(_("as of"))
    day = models.IntegerField()
    started_at = models.DateTimeField(_("started at"))
    seconds = models.FloatField(_("seconds"), default=0)
    stages = models.JSONField(_("stages"), default=dict)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("refresh")
        verbose_name_plural = _("refreshes")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {timezone.localtime(self.as_of):%Y-%m-%d %H:%M}"


class RefreshState(models.Model):
    """What the stored facts, masks and memberships are true for; one row, written by refreshes alone.

    `signature` names everything besides facts that segments depend on: rules in force, published parameters, bands. A
    refresh with no marks, the same day and the same signature has nothing to do. `measures` names the part that all rules
    read alike: while it stays, a changed rule concerns its own segment alone.

    `changed_at` is the last instant that a refresh gave to what it took in. Changes are known after `changes_from`; missing
    where all of them are.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    as_of = models.DateTimeField(null=True)
    day = models.IntegerField(null=True)
    signature = models.CharField(max_length=64, blank=True)
    measures = models.CharField(max_length=64, blank=True)
    last_run_id = models.BigIntegerField(null=True)
    changed_at = models.DateTimeField(null=True)
    changes_from = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="refresh_state_one_row")]

    def __str__(self) -> str:
        return f"as of {self.as_of}"
