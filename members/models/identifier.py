"""Other names of a member: marketplaces mask nicks and phones, so one id is never enough."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.member import Member


class Identifier(models.Model):
    """(source, kind, value) belongs to one member."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="identifiers")
    source = models.CharField(_("source"), max_length=100)
    kind = models.CharField(_("kind"), max_length=40)
    value = models.CharField(_("value"), max_length=200)

    class Meta:
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")
        constraints = [models.UniqueConstraint(fields=["source", "kind", "value"], name="identifier_belongs_to_one_member")]
        # The search box: who is called so somewhere.
        indexes = [models.Index(fields=["value"], name="identifier_value")]

    def __str__(self) -> str:
        return f"{self.source} {self.kind} {self.value}"
