"""A campaign and its frozen versions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.pauses import pause_sentence


class CampaignStatus(models.TextChoices):
    DRAFT = "draft", _("draft")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    FINISHED = "finished", _("finished")


# What may follow what. A transition is one UPDATE guarded by the old status; a count of 0 means somebody else was first.
CAMPAIGN_MOVES: dict[str, frozenset[str]] = {
    CampaignStatus.DRAFT: frozenset({CampaignStatus.RUNNING}),
    CampaignStatus.RUNNING: frozenset({CampaignStatus.PAUSED, CampaignStatus.FINISHED}),
    CampaignStatus.PAUSED: frozenset({CampaignStatus.RUNNING, CampaignStatus.FINISHED}),
    CampaignStatus.FINISHED: frozenset(),
}


class Campaign(models.Model):
    """A named campaign. `version` is what it runs on; a draft's version is the one being edited, not yet frozen.

    `salt` keys the control group: drawn once, so that a member's arm never changes and campaigns are independent.
    `planned_at`, `planned_run_id` and `planned_day` say how far triggers have been read: instants for dates, refresh runs
    for segments, shop days for schedules. They only save work; what makes a firing unique is the enrolment's constraint.
    """

    slug = models.SlugField(_("short name"), max_length=100, db_index=False, allow_unicode=True)
    name = models.CharField(_("name"), max_length=200)
    status = models.CharField(
        _("status"), max_length=10, choices=CampaignStatus, default=CampaignStatus.DRAFT, editable=False
    )
    version = models.ForeignKey("CampaignVersion", on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    salt = models.CharField(max_length=32, editable=False)
    starts_at = models.DateTimeField(_("starts at"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    paused_because = models.JSONField(_("why paused"), null=True, editable=False)
    activated_at = models.DateTimeField(_("started at"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)
    planned_at = models.DateTimeField(_("last planned at"), null=True, editable=False)
    planned_run_id = models.BigIntegerField(null=True, editable=False)
    planned_day = models.IntegerField(null=True, editable=False)
    created_at = models.DateTimeField(_("made at"), editable=False)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.UniqueConstraint(
                fields=["slug"],
                name="campaign_slug_once",
                violation_error_message=_("Another campaign has this short name."),
            ),
            models.CheckConstraint(condition=Q(status__in=CampaignStatus.values), name="campaign_status_known"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(starts_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
                name="campaign_ends_after_it_starts",
                violation_error_message=_("The campaign must end after it starts."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def paused_reason(self) -> str:
        """Why it paused, in the active language; empty when it did not, or nobody said."""
        return pause_sentence(self.paused_because)


class CampaignVersion(models.Model):
    """Everything a firing depends on. `frozen_at` is set when the campaign starts; from then on the row never changes."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    trigger = models.JSONField(_("when"))
    audience = models.JSONField(_("who"))
    exclusion = models.JSONField(_("but not"), null=True, blank=True)
    steps = models.JSONField(_("what"))
    control_share = models.FloatField(_("control group"), default=0.1)
    re_entry = models.JSONField(_("again"), default=dict)
    attribution_days = models.PositiveSmallIntegerField(_("days to count orders"), default=14)
    created_at = models.DateTimeField(_("made at"))
    frozen_at = models.DateTimeField(_("in force since"), null=True)

    class Meta:
        verbose_name = _("campaign version")
        verbose_name_plural = _("campaign versions")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="campaign_version_number_once"),
            models.CheckConstraint(
                condition=Q(control_share__gte=0, control_share__lte=0.9),
                name="campaign_control_share_in_range",
                violation_error_message=_("The control group is a share from 0 to 0.9."),
            ),
            models.CheckConstraint(
                condition=Q(attribution_days__gte=1, attribution_days__lte=90),
                name="campaign_attribution_days_in_range",
                violation_error_message=_("Orders are counted for 1 to 90 days."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} v{self.number}"
