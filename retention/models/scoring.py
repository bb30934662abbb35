"""Published parameters that turn facts into scores."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models import Member


class ModelKind(models.TextChoices):
    """The contract's kinds, and `rhythm`: the shop's median gap between orders that personal gaps are shrunk towards;
    `value`: the revenue above which a member is of middle and of high value; `groups`: the centres of customer groups."""

    CHURN = "churn", _("churn probability")
    BG_NBD = "bg_nbd", _("purchases to come")
    GAMMA_GAMMA = "gamma_gamma", _("value of a purchase")
    VALUE = "value", _("value layers")
    RFM = "rfm", _("RFM cut points")
    RHYTHM = "rhythm", _("buying rhythm of the shop")
    GROUPS = "groups", _("customer groups")


class ScoringModel(models.Model):
    """One fit. Published fits are never changed; of each kind at most one is current.

    A fit that may not be published stands here with its `refusal`, {"code", "params"}, and is never current: the one
    before it stays in use.
    """

    kind = models.CharField(_("kind"), max_length=20, choices=ModelKind)
    parameters = models.JSONField(_("parameters"))
    metrics = models.JSONField(_("metrics"), default=dict)
    log_likelihood = models.FloatField(_("log-likelihood"), null=True)
    members = models.PositiveIntegerField(_("members"))
    as_of = models.DateTimeField(_("known until"))
    fitted_at = models.DateTimeField(_("fitted at"))
    current = models.BooleanField(_("in use"), default=True)
    refusal = models.JSONField(_("why not published"), null=True)

    class Meta:
        verbose_name = _("scoring model")
        verbose_name_plural = _("scoring models")
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=Q(current=True), name="scoring_model_one_current_per_kind"),
            models.CheckConstraint(
                condition=Q(current=False) | Q(refusal__isnull=True), name="scoring_model_refused_is_not_in_use"
            ),
        ]
        # The last fit of a kind, and the page of fits.
        indexes = [models.Index(fields=["kind", "-id"], name="scoring_model_last_of_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {timezone.localtime(self.as_of):%Y-%m-%d}"


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


def initial_horizon_days() -> int:
    """This function will return the horizon of a new installation; from then on marketers change it in its table."""
    return int(settings.CHURN_HORIZON_DAYS)


class ModelPolicy(models.Model):
    """What marketers decide about the models: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    churn_horizon_days = models.PositiveSmallIntegerField(
        _("churned means no order within … days"),
        default=initial_horizon_days,
        help_text=_("The churn probability says how likely a member does not order within so many days. Fits follow it."),
    )

    class Meta:
        verbose_name = _("churn horizon")
        verbose_name_plural = _("churn horizon")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="model_policy_one_row"),
            models.CheckConstraint(
                condition=Q(churn_horizon_days__range=(7, 730)),
                name="model_policy_horizon_in_range",
                violation_error_message=_("Between a week and two years: 7 to 730 days."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.churn_horizon_days)


class MemberForecast(models.Model):
    """What a fit expects of a member: stored, because no database knows the functions it takes. True for the fit's `as_of`.

    Written by fits alone, in the transaction that publishes them. Members without orders have no row.
    """

    member = models.OneToOneField(Member, on_delete=models.CASCADE, primary_key=True, related_name="forecast")
    expected_orders_90d = models.FloatField()
    clv_365d_minor = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("forecast")
        verbose_name_plural = _("forecasts")

    def __str__(self) -> str:
        return str(self.member_id)
