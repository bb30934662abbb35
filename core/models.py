"""What the lowest app keeps: keys to the API, stored answers, long jobs, and when each periodic work is next due."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """Every scope exists from the first version, used or not: a key made today must not need replacing tomorrow."""

    MEMBERS_READ = "members:read", _("read members")
    MEMBERS_WRITE = "members:write", _("write members")
    ORDERS_READ = "orders:read", _("read orders")
    ORDERS_WRITE = "orders:write", _("write orders")
    EVENTS_WRITE = "events:write", _("write behaviour events")
    POINTS_WRITE = "points:write", _("award and redeem points")
    SEGMENTS_READ = "segments:read", _("read segments")
    SEGMENTS_WRITE = "segments:write", _("write segments")
    CAMPAIGNS_READ = "campaigns:read", _("read campaigns and coupon templates")
    CAMPAIGNS_WRITE = "campaigns:write", _("write campaigns and coupon templates")
    COUPONS_REDEEM = "coupons:redeem", _("validate and redeem coupons")
    REPORTS_READ = "reports:read", _("read reports, models and jobs")
    PRIVACY = "privacy", _("export and erase members")


class ApiKey(models.Model):
    """A key of an integrating system. The key itself is shown once; only its hash is kept."""

    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("starts with"), max_length=12)
    hashed = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    requests_per_minute = models.PositiveIntegerField(_("requests a minute"), default=6000)
    created_at = models.DateTimeField(_("made at"))
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [models.UniqueConstraint(fields=["hashed"], name="api_key_hash_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotencyRecord(models.Model):
    """The stored answer of an unsafe call that carried an Idempotency-Key.

    It commits with what the call did, in one transaction: a call that died left neither, so its key is free again and no
    record ever stands for a call still running. The body is kept as it was sent, so that a repeat is the same to the byte.
    """

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, db_index=False)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100)
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="idempotency_key_once_per_api_key")]
        # Which answers are old enough to forget.
        indexes = [models.Index(fields=["created_at"], name="idempotency_created")]

    def __str__(self) -> str:
        return self.key


class Job(models.Model):
    """Long work with a progress that people and the API can watch; the row is the queue.

    Who runs it holds a lease: `lease` names the holder's claim, `claimable_at` ends it unless a report puts it off. Every
    write of a holder is guarded by its claim, so a worker that was thought dead and is not can spoil nothing.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.WAITING, State.RUNNING)

    kind = models.CharField(_("kind"), max_length=40)
    params = models.JSONField(_("asked for"), default=dict)
    by = models.CharField(_("asked by"), max_length=150, blank=True)
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, blank=True, db_index=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    done = models.PositiveBigIntegerField(_("done"), default=0)
    total = models.PositiveBigIntegerField(_("of"), null=True)
    said = models.CharField(_("doing"), max_length=500, blank=True)
    checkpoint = models.JSONField(default=dict, editable=False)
    result = models.JSONField(_("result"), default=dict)
    error = models.TextField(_("error"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("begun"), default=0)
    lease = models.UUIDField(null=True, editable=False)
    claimable_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("made at"))
    started_at = models.DateTimeField(_("begun at"), null=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True)
    cancel_requested_at = models.DateTimeField(_("asked to stop at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            # The next job to run; what has ended is never looked at.
            models.Index(fields=["id"], condition=Q(state__in=("waiting", "running")), name="job_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ClockEntry(models.Model):
    """When a periodic work runs: its cadence, which people edit, and its next due instant, which claims advance.

    Exactly one of: every so many seconds; daily at a shop hour; weekly on a weekday at a shop hour. A claim is one UPDATE
    guarded by the old `next_at`: of two clocks that look at the same moment, one runs the work.
    """

    code = models.CharField(_("work"), max_length=60, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    every_seconds = models.PositiveIntegerField(_("every … seconds"), null=True, blank=True)
    daily_at = models.TimeField(_("at (shop time)"), null=True, blank=True)
    weekday = models.PositiveSmallIntegerField(
        _("on weekday"), null=True, blank=True, help_text=_("0 is Monday, 6 is Sunday; empty: every day")
    )
    next_at = models.DateTimeField(_("next at"))
    started_at = models.DateTimeField(_("last started"), null=True, editable=False)
    finished_at = models.DateTimeField(_("last finished"), null=True, editable=False)
    counts = models.JSONField(_("last result"), default=dict, editable=False)
    error = models.TextField(_("last error"), blank=True, editable=False)

    class Meta:
        verbose_name = _("scheduled work")
        verbose_name_plural = _("scheduled work")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="clock_entry_once_per_work"),
            models.CheckConstraint(
                condition=Q(every_seconds__isnull=False, daily_at__isnull=True, weekday__isnull=True)
                | Q(every_seconds__isnull=True, daily_at__isnull=False),
                name="clock_entry_is_every_or_daily",
                violation_error_message=_("Give either a number of seconds or an hour of the day, not both."),
            ),
            models.CheckConstraint(
                condition=Q(every_seconds__isnull=True) | Q(every_seconds__gte=1),
                name="clock_entry_every_second_at_most",
                violation_error_message=_("At least one second lies between two runs."),
            ),
            models.CheckConstraint(
                condition=Q(weekday__isnull=True) | Q(weekday__lte=6),
                name="clock_entry_weekday",
                violation_error_message=_("A weekday is a number from 0 (Monday) to 6 (Sunday)."),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class AuditRecord(models.Model):
    """Somebody changed something through a screen or the API; appended, never changed.

    `changes` holds what differs, {column: [before, after]}. What is personal stands there as MASK, so that the trail needs
    no rewriting when a member is erased; `about` is the object's name at the time, empty where that would be a person's.
    `said` is what the screen said of it, never with a value that somebody typed; `counts` is told of calls that change many
    things at once.
    """

    class Verb(models.TextChoices):
        ADDED = "added", _("added")
        CHANGED = "changed", _("changed")
        REMOVED = "removed", _("removed")
        DID = "did", _("did")

    at = models.DateTimeField(_("when"))
    actor = models.CharField(_("who"), max_length=150)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    verb = models.CharField(_("did what"), max_length=10, choices=Verb)
    kind = models.CharField(_("to what"), max_length=100)
    object_id = models.BigIntegerField(null=True)
    about = models.CharField(_("called"), max_length=200, blank=True)
    changes = models.JSONField(_("changes"), default=dict)
    said = models.CharField(_("in words"), max_length=300, blank=True)
    counts = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("entry of the audit trail")
        verbose_name_plural = _("entries of the audit trail")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(verb__in=["added", "changed", "removed", "did"]), name="audit_verb_known"),
            models.CheckConstraint(condition=~Q(actor=""), name="audit_has_an_actor"),
        ]
        indexes = [
            # What happened to this object.
            models.Index(fields=["kind", "object_id", "-id"], name="audit_of_object"),
            # What this person or key did, and what happened on a day.
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
            models.Index(fields=["at"], name="audit_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.kind} {self.object_id or ''}"
