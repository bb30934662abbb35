"""A shop: where orders come from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Shop(models.Model):
    """A store on a marketplace or of one's own; `default` is the one that orders without a shop belong to."""

    slug = models.CharField(_("short name"), max_length=100)
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("shop")
        verbose_name_plural = _("shops")
        constraints = [
            models.UniqueConstraint(fields=["slug"], name="shop_slug_once"),
            models.CheckConstraint(condition=~models.Q(slug=""), name="shop_slug_given"),
        ]

    def __str__(self) -> str:
        return self.name
