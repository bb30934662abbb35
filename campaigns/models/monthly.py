"""The monthly report: one page about one month, made once, sent once to whoever asked for it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class MonthlyPolicy(models.Model):
    """To whom the report goes and in which language; one row, edited by people."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    recipients = models.TextField(
        _("goes to"), blank=True, help_text=_("E-mail addresses, one a line. Empty: it is made, and sent to nobody.")
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE)

    class Meta:
        verbose_name = _("who gets the monthly report")
        verbose_name_plural = _("who gets the monthly report")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="monthly_policy_one_row")]

    def __str__(self) -> str:
        return str(_("Who gets the monthly report"))

    @property
    def addresses(self) -> list[str]:
        return self.recipients.split()


class MonthlyState(models.TextChoices):
    """MADE -> SENDING -> SENT | FAILED. A report caught in SENDING may have arrived: it is not sent again by itself."""

    MADE = "made", _("not sent")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    FAILED = "failed", _("could not be sent")


class MonthlyReport(models.Model):
    """What a month was like, as it was known when the report was made. `month` is its first day."""

    month = models.DateField(_("month"), unique=True)
    content = models.JSONField(editable=False)
    made_at = models.DateTimeField(_("made at"))
    state = models.CharField(_("state"), max_length=10, choices=MonthlyState, default=MonthlyState.MADE)
    sending_at = models.DateTimeField(null=True, editable=False)
    sent_at = models.DateTimeField(_("sent at"), null=True)
    sent_to = models.PositiveSmallIntegerField(_("recipients"), default=0)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("monthly report")
        verbose_name_plural = _("monthly reports")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=MonthlyState.values), name="monthly_state_known"),
            models.CheckConstraint(condition=Q(month__day=1), name="monthly_month_begins_on_its_first"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
