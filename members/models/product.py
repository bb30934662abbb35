"""What is sold."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Category(models.Model):
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [
            models.UniqueConstraint(fields=["name"], name="category_name_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="category_name_given"),
        ]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """A product by the code its orders name it with; the name is what people read."""

    code = models.CharField(_("code"), max_length=200)
    name = models.CharField(_("name"), max_length=300, blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("category"))

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="product_code_once"),
            models.CheckConstraint(condition=~models.Q(code=""), name="product_code_given"),
        ]

    def __str__(self) -> str:
        return self.name or self.code
