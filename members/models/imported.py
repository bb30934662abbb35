"""Imports: files that somebody gave us, how they are read, what became of them, and the journal by which they are undone."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models import Job


class ImportTarget(models.TextChoices):
    ORDERS = "orders", _("orders")
    MEMBERS = "members", _("members")
    EVENTS = "events", _("behaviour events")


class ImportState(models.TextChoices):
    """How far an import has come. Whether somebody works on it right now is what its job says."""

    DRAFT = "draft", _("not imported yet")
    IMPORTING = "importing", _("importing")
    IMPORTED = "imported", _("imported")
    UNDOING = "undoing", _("being undone")
    UNDONE = "undone", _("undone")


class Import(models.Model):
    """Files that are taken in as one. `step` counts the batches that are in: each commits with its counts and its journal.

    The files lie under `token`, which nobody can guess: `files` are their names as they were given, in order. `reading`
    says how they are read (`format`, or `columns` with `constants` and `dates`; `shop`) and is never changed once the
    import has begun. `reasons` counts refused rows by why; `rejects` says, for each file, how many rows stand in its file
    of refused rows and how many bytes of that file count. After `kept_until` the files and the journal are thrown away.
    """

    token = models.CharField(max_length=64, editable=False)
    target = models.CharField(_("holds"), max_length=10, choices=ImportTarget)
    state = models.CharField(_("state"), max_length=10, choices=ImportState, default=ImportState.DRAFT)
    files = models.JSONField(_("files"), default=list)
    shape = models.CharField(max_length=64, blank=True, editable=False)
    said = models.CharField(_("what it is"), max_length=300, blank=True)
    reading = models.JSONField(default=dict, editable=False)
    language = models.CharField(max_length=16, blank=True, editable=False)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+", editable=False)
    step = models.PositiveIntegerField(default=0, editable=False)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    rejected = models.PositiveIntegerField(_("refused"), default=0)
    created = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    suppressed = models.PositiveIntegerField(_("consents of the unsubscribed"), default=0, db_default=0)
    reasons = models.JSONField(default=dict, editable=False)
    rejects = models.JSONField(default=dict, editable=False)
    trial = models.JSONField(default=dict, editable=False)
    undone = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(_("uploaded at"))
    created_by = models.CharField(_("by"), max_length=150, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    undone_at = models.DateTimeField(_("undone at"), null=True)
    kept_until = models.DateTimeField(_("kept until"))
    cleaned_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [
            models.UniqueConstraint(fields=["token"], name="import_token_once"),
            models.CheckConstraint(condition=Q(target__in=ImportTarget.values), name="import_target_known"),
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="import_state_known"),
            models.CheckConstraint(
                condition=Q(state="draft", started_at__isnull=True) | ~Q(state="draft") & Q(started_at__isnull=False),
                name="import_begun_at_an_instant",
            ),
        ]
        indexes = [
            # What is old enough to be thrown away.
            models.Index(fields=["kept_until"], name="import_kept", condition=Q(cleaned_at__isnull=True)),
            # How the last file of this shape was read.
            models.Index(fields=["shape", "-id"], name="import_shape", condition=~Q(shape="")),
        ]

    def __str__(self) -> str:
        return ", ".join(str(name) for name in self.files) or str(self.pk)


class ImportJournal(models.Model):
    """What one batch made and changed, as `members.services.journal` writes it. A batch undone keeps no entries."""

    source = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="journal", db_index=False)
    step = models.PositiveIntegerField()
    entries = models.TextField()
    undone = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "step"], name="import_journal_once_per_step")]

    def __str__(self) -> str:
        return f"{self.source_id}.{self.step}"
