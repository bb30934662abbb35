"""Segments that are being filled anew, chunk by chunk, while their old members are served."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from retention.models.segments import Segment, SegmentVersion


class SegmentBuild(models.Model):
    """One attempt to fill a segment by what its rule means now, for one shop day and one set of published parameters.

    Who works on it holds a lease: `lease` names the claim, `lease_until` ends it unless a heartbeat puts it off. Every write
    of a worker is guarded by its claim. Members up to `position` have been asked; it moves in the transaction that keeps
    their answers, so a build whose worker died goes on after the last chunk that was kept.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.WAITING, State.RUNNING)

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="builds")
    version = models.ForeignKey(SegmentVersion, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    rule_key = models.CharField(max_length=64)
    measures = models.CharField(max_length=64)
    day = models.IntegerField()
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    position = models.BigIntegerField(default=0)
    until = models.BigIntegerField()
    chunk = models.PositiveIntegerField()
    scanned = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("of"))
    lease = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    seconds = models.FloatField(_("seconds"), default=0)
    failure = models.JSONField(null=True)
    opened_at = models.DateTimeField(_("asked for at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("filling of a segment")
        verbose_name_plural = _("fillings of segments")
        constraints = [
            models.UniqueConstraint(
                fields=["segment"], condition=Q(state__in=("waiting", "running")), name="segment_build_one_open"
            ),
        ]
        # What there is to do, looked at every minute; what has ended is never looked at.
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=("waiting", "running")), name="segment_build_open"),
        ]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.state}"


class BuildAnswer(models.Model):
    """A member whose answer to a segment being filled differs from where the member stands; kept until the swap."""

    # No foreign key in the database: chunks write many, and builds are deleted with their answers by services alone.
    pk = models.CompositePrimaryKey("build_id", "member_id")
    build = models.ForeignKey(
        SegmentBuild, on_delete=models.CASCADE, related_name="answers", db_index=False, db_constraint=False
    )
    member_id = models.BigIntegerField()
    entered = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.build_id}: {self.member_id}"


class BuildTouched(models.Model):
    """A member whose facts a refresh wrote while a segment was being filled: asked once more at the swap."""

    member_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.member_id)
