"""Members who were erased: the receipt that each leaves behind, and how an id that was erased is known again."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Erasure(models.Model):
    """The receipt of one erasure. Nothing in it says who it was about: `member_id` is a number that stands for nobody.

    `gone` counts by kind what was taken away, `kept` what stays without anything personal. `imports` are uploads that held
    rows of the member and whose files are still to be thrown away: they outlive the transaction.
    """

    receipt = models.UUIDField(_("receipt"), default=uuid.uuid4, editable=False)
    member_id = models.BigIntegerField()
    erased_at = models.DateTimeField(_("erased at"))
    by = models.CharField(_("erased by"), max_length=150, blank=True)
    gone = models.JSONField(_("taken away"), default=dict)
    kept = models.JSONField(_("kept without a name"), default=dict)
    imports = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ("view",)
        permissions = [
            ("erase_member", _("Can erase members")),
            ("export_member", _("Can export everything kept of a member")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["receipt"], name="erasure_receipt_once"),
            models.UniqueConstraint(fields=["member_id"], name="erasure_once_per_member"),
        ]

    def __str__(self) -> str:
        return str(self.receipt)


class ErasedId(models.Model):
    """A keyed hash of an id that an erased member had: asked again, the same receipt is the answer."""

    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="ids", db_index=False)
    hashed = models.CharField(max_length=64)

    class Meta:
        # The id may be erased again after it came back: the newest receipt answers.
        constraints = [models.UniqueConstraint(fields=["hashed", "erasure"], name="erased_id_once_per_erasure")]

    def __str__(self) -> str:
        return self.hashed[:8]
