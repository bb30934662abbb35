"""Ids given for a fixed list: they wait beside it until all of them are read and looked up, then change it in one step."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from retention.models.segments import Segment


class ListUpload(models.Model):
    """Somebody gave ids to put on a list, to take off it, or to be it from now on; or took over another segment's members.

    Until `applied_at` nothing of it is on the list. `known` and `unknown` count different ids, `added` and `removed`
    members.
    """

    class How(models.TextChoices):
        ADD = "add", _("put on the list")
        REMOVE = "remove", _("taken off the list")
        REPLACE = "replace", _("the whole list")

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="uploads", db_index=False)
    how = models.CharField(_("how"), max_length=10, choices=How)
    source = models.ForeignKey(
        Segment, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, verbose_name=_("taken over from")
    )
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    by = models.CharField(_("by"), max_length=150, blank=True)
    job_id = models.BigIntegerField(null=True, editable=False)
    given = models.PositiveIntegerField(_("ids given"), default=0)
    known = models.PositiveIntegerField(_("members found"), default=0)
    unknown = models.PositiveIntegerField(_("unknown ids"), default=0)
    added = models.PositiveIntegerField(_("added"), default=0)
    removed = models.PositiveIntegerField(_("removed"), default=0)
    created_at = models.DateTimeField(_("given at"))
    applied_at = models.DateTimeField(_("applied at"), null=True)

    class Meta:
        verbose_name = _("upload of a list")
        verbose_name_plural = _("uploads of lists")
        constraints = [models.CheckConstraint(condition=Q(how__in=["add", "remove", "replace"]), name="list_upload_how")]
        # What was given for this list, latest first.
        indexes = [models.Index(fields=["segment", "id"], name="list_upload_of_segment")]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.how} {self.pk}"


class UploadPiece(models.Model):
    """A part of a file as it came, so that whoever runs the job can read it, on this machine or another."""

    upload = models.ForeignKey(ListUpload, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="upload_piece_once")]

    def __str__(self) -> str:
        return f"{self.upload_id}.{self.number}"


class UploadedId(models.Model):
    """An id as it was given, and whom it means. Those that mean nobody stay to be downloaded, the others go once applied."""

    class Problem(models.TextChoices):
        UNKNOWN = "unknown", _("no member is called so")
        AMBIGUOUS = "ambiguous", _("several members are called so elsewhere")
        UNUSABLE = "unusable", _("too long, or not to be stored as text")

    upload = models.ForeignKey(ListUpload, on_delete=models.CASCADE, related_name="ids", db_index=False, db_constraint=False)
    value = models.CharField(max_length=200)
    member_id = models.BigIntegerField(null=True)
    problem = models.CharField(max_length=10, choices=Problem, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "value"], name="uploaded_id_counts_once")]

    def __str__(self) -> str:
        return self.value
