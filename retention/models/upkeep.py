"""How fresh segments must be, and how their exactness is proved: one row, tuned by marketers; what the proofs found."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

STALE_DAYS = 7
PROVED_MEMBERS = 2_000


class Upkeep(models.Model):
    """Limits of freshness and proof."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    stale_days = models.PositiveSmallIntegerField(
        _("a segment is too old after … days"),
        default=STALE_DAYS,
        help_text=_("Campaigns that name a segment which was not counted for so long are paused, and say so."),
    )
    proved_members = models.PositiveIntegerField(
        _("members counted again each night"),
        default=PROVED_MEMBERS,
        help_text=_(
            "So many members, drawn at random, are counted from the beginning and compared with what is stored. 0: nobody."
        ),
    )

    class Meta:
        verbose_name = _("freshness")
        verbose_name_plural = _("freshness")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="upkeep_one_row"),
            models.CheckConstraint(
                condition=Q(stale_days__gte=1),
                name="upkeep_stale_after_a_day",
                violation_error_message=_("Segments are counted once a day: one day is the shortest."),
            ),
            models.CheckConstraint(
                condition=Q(proved_members__lte=100_000),
                name="upkeep_proof_is_a_sample",
                violation_error_message=_("At most 100,000 members: it is a sample."),
            ),
        ]

    def __str__(self) -> str:
        return ngettext("%(days)d day", "%(days)d days", self.stale_days) % {"days": self.stale_days}


class SampleProof(models.Model):
    """What a night's proof found: members, drawn at random, whose stored facts or segments were not what a count gives."""

    proved_at = models.DateTimeField(_("proved at"))
    as_of = models.DateTimeField(_("as of"))
    members = models.PositiveIntegerField(_("members"))
    findings = models.JSONField(_("found"), default=list)
    repaired_at = models.DateTimeField(_("put right at"), null=True)
    seconds = models.FloatField(_("seconds"), default=0)

    class Meta:
        verbose_name = _("proof on a sample")
        verbose_name_plural = _("proofs on samples")

    def __str__(self) -> str:
        return f"{timezone.localtime(self.proved_at):%Y-%m-%d %H:%M}"
