"""Published parameters that turn facts into scores."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class ModelKind(models.TextChoices):
    """The contract's kinds, and `rhythm`: the shop's median gap between orders that personal gaps are shrunk towards."""

    RFM = "rfm", _("RFM cut points")
    RHYTHM = "rhythm", _("buying rhythm of the shop")


class ScoringModel(models.Model):
    """One fit. Published fits are never changed; of each kind at most one is current."""

    kind = models.CharField(_("kind"), max_length=20, choices=ModelKind)
    parameters = models.JSONField(_("parameters"))
    metrics = models.JSONField(_("metrics"), default=dict)
    log_likelihood = models.FloatField(_("log-likelihood"), null=True)
    members = models.PositiveIntegerField(_("members"))
    as_of = models.DateTimeField(_("known until"))
    fitted_at = models.DateTimeField(_("fitted at"))
    current = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("scoring model")
        verbose_name_plural = _("scoring models")
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=Q(current=True), name="scoring_model_one_current_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.as_of:%Y-%m-%d}"


class LifecycleBands(models.Model):
    """Where one lifecycle stage ends and the next begins; one row, tuned by marketers."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    new_days = models.PositiveSmallIntegerField(_("new for … days after the first order"), default=30)
    at_risk_ratio = models.FloatField(_("at risk past … times the own rhythm"), default=2.0)
    dormant_ratio = models.FloatField(_("dormant past … times the own rhythm"), default=4.0)
    lost_ratio = models.FloatField(_("lost past … times the own rhythm"), default=8.0)
    reactivated_days = models.PositiveSmallIntegerField(_("reactivated for … days after coming back"), default=30)

    class Meta:
        verbose_name = _("lifecycle bands")
        verbose_name_plural = _("lifecycle bands")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="lifecycle_bands_one_row"),
            models.CheckConstraint(
                condition=Q(at_risk_ratio__gt=0)
                & Q(dormant_ratio__gt=F("at_risk_ratio"))
                & Q(lost_ratio__gt=F("dormant_ratio")),
                name="lifecycle_bands_ascend",
                violation_error_message=_("Each band begins past the one before: at risk, then dormant, then lost."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at_risk_ratio:g} / {self.dormant_ratio:g} / {self.lost_ratio:g}"
