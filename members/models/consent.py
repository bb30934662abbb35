"""What a member allowed us to send, per channel and purpose, with proof."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.member import Member


class Channel(models.TextChoices):
    SMS = "sms", _("SMS")
    EMAIL = "email", _("e-mail")


class Purpose(models.TextChoices):
    MARKETING = "marketing", _("marketing")


class ConsentQuerySet(models.QuerySet["Consent"]):
    def granted(self, *, channel: str, purpose: str = Purpose.MARKETING) -> ConsentQuerySet:
        """This function will keep the consents that allow a channel for a purpose."""
        return self.filter(channel=channel, purpose=purpose, granted=True)


class Consent(models.Model):
    """The last word on one channel and purpose. No row is no consent."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="consents", db_index=False)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose, default=Purpose.MARKETING)
    granted = models.BooleanField(_("granted"))
    proof = models.CharField(_("proof"), max_length=300, help_text=_("how we know: a form's version, a file, a key"))
    changed_at = models.DateTimeField(_("since"))

    objects = ConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "channel", "purpose"], name="consent_one_word_per_channel_and_purpose"
            ),
            models.CheckConstraint(condition=~models.Q(proof=""), name="consent_has_proof"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {'yes' if self.granted else 'no'}"
