"""Enrolments: every (member, occurrence) that was due, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign, CampaignVersion


class EnrolmentStatus(models.TextChoices):
    """One of these at every moment, so that due = the sum of the outcomes by construction."""

    WAITING = "waiting", _("waiting")
    FIRED = "fired", _("fired")
    HELD_OUT = "held_out", _("held out")
    SUPPRESSED = "suppressed", _("suppressed")
    FAILED = "failed", _("failed")


class Arm(models.TextChoices):
    TREATED = "treated", _("treated")
    CONTROL = "control", _("control")


class Reason(models.TextChoices):
    """Why somebody got nothing, or one step did nothing."""

    NO_CONSENT = "no_consent", _("no consent for this channel")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed from this channel")
    NO_ADDRESS = "no_address", _("no phone number or e-mail address")
    MEMBER_GONE = "member_gone", _("the member was erased")
    MERGED = "merged", _("the same person had this under another number")
    CAMPAIGN_FINISHED = "campaign_finished", _("the campaign was finished")
    COUPON_EXHAUSTED = "coupon_exhausted", _("no coupon was left")
    COUPON_MEMBER_LIMIT = "coupon_member_limit", _("has as many of this coupon as a member may have")
    COUPON_EXPIRED = "coupon_expired", _("the coupon is no longer valid")
    COUPON_REFUSED = "coupon_refused", _("the coupon was refused")
    MESSAGE_UNREADABLE = "message_unreadable", _("the message could not be written for this member")
    UNEXPECTED = "unexpected", _("something unexpected happened: see the log")
    PROVIDER_REFUSED = "provider_refused", _("the provider refused the message")
    GAVE_UP = "gave_up", _("the provider could not be reached in several attempts")
    NO_ANSWER = "no_answer", _("handed to the provider, and no answer came back")
    UNKNOWN_CHANNEL = "unknown_channel", _("this version knows no such channel")


class Enrolment(models.Model):
    """A member was due once. `once` carries the re-entry policy of campaigns that let a member in once ever, so that not
    being let in twice is a constraint.

    The arm is drawn when the member becomes due, before any guardrail: who is compared is everyone assigned.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="enrolments", db_index=False)
    version = models.ForeignKey(CampaignVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    member_id = models.BigIntegerField()
    occurrence = models.CharField(_("occasion"), max_length=100)
    once = models.BooleanField(default=False, editable=False)
    arm = models.CharField(_("group"), max_length=10, choices=Arm)
    status = models.CharField(_("outcome"), max_length=10, choices=EnrolmentStatus, default=EnrolmentStatus.WAITING)
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    due_at = models.DateTimeField(_("due at"))
    next_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            # The member first, so that the same index answers «what did this member get».
            models.UniqueConstraint(fields=["member_id", "campaign", "occurrence"], name="enrolment_once_per_occurrence"),
            models.UniqueConstraint(
                fields=["member_id", "campaign"], condition=Q(once=True), name="enrolment_once_where_so_decided"
            ),
            models.CheckConstraint(condition=Q(status__in=EnrolmentStatus.values), name="enrolment_status_known"),
            models.CheckConstraint(
                condition=Q(status="waiting", next_at__isnull=False) | ~Q(status="waiting") & Q(next_at__isnull=True),
                name="enrolment_waits_until_an_instant",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["suppressed", "failed"]) | ~Q(reason=""),
                name="enrolment_denial_has_reason",
            ),
        ]
        indexes = [
            # What is due now: the stepping pass, campaign by campaign.
            models.Index(fields=["campaign", "next_at"], name="enrolment_waiting", condition=Q(status="waiting")),
            # The balance line, the list of each outcome, and the report by arm.
            models.Index(fields=["campaign", "status", "arm"], name="enrolment_outcomes"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.member_id} {self.occurrence}"


class StepResult(models.TextChoices):
    DONE = "done", _("done")
    SKIPPED = "skipped", _("skipped")


class StepOutcome(models.Model):
    """What one step did for one enrolment; a step happens once. No foreign key: the enrolment's own statement made it."""

    enrolment_id = models.BigIntegerField()
    step = models.PositiveSmallIntegerField()
    result = models.CharField(max_length=10, choices=StepResult)
    reason = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["enrolment_id", "step"], name="step_once_per_enrolment")]

    def __str__(self) -> str:
        return f"{self.enrolment_id}.{self.step} {self.result}"
