"""Attributes of a shop's own: what rules may ask of the values that members carry under these names."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

LONGEST_NAME = 200


class AttributeType(models.TextChoices):
    TEXT = "text", _("text")
    NUMBER = "number", _("number")
    BOOLEAN = "boolean", _("yes or no")
    DATE = "date", _("date")


class AttributeDefinition(models.Model):
    """A name under which members carry values, and the type as which they are read.

    Declared by the first value that is stored under it (`inferred`), until somebody says otherwise. A value of another type
    stays what it is, and is missing to rules.
    """

    name = models.CharField(_("name"), max_length=LONGEST_NAME)
    label = models.CharField(_("label"), max_length=LONGEST_NAME, blank=True)
    type = models.CharField(_("type"), max_length=10, choices=AttributeType)
    inferred = models.BooleanField(_("by its first value"), default=True)
    created_at = models.DateTimeField(_("first seen at"))

    class Meta:
        verbose_name = _("custom attribute")
        verbose_name_plural = _("custom attributes")
        constraints = [
            models.UniqueConstraint(fields=["name"], name="attribute_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="attribute_name_given"),
            models.CheckConstraint(condition=Q(type__in=AttributeType.values), name="attribute_type_known"),
        ]

    def __str__(self) -> str:
        return self.label or self.name
