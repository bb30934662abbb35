"""Addresses that refused: what outlives the member who had one."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.consent import Channel, Purpose


class AddressRefusal(models.Model):
    """A phone number or e-mail address whose owner refused a purpose for good, or was erased, and when last.

    Under a keyed hash, never the address itself: it is known again when it comes back under another id, and told to nobody.
    It only ever moves forward, and is never deleted.
    """

    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    hashed = models.CharField(max_length=64, editable=False)
    refused_at = models.DateTimeField(_("refused at"))

    class Meta:
        verbose_name = _("address that refused")
        verbose_name_plural = _("addresses that refused")
        constraints = [
            models.UniqueConstraint(fields=["hashed", "purpose", "channel"], name="address_refusal_once"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {self.hashed[:8]}"
