"""The values that fields have in this shop, kept for who writes a rule."""

from __future__ import annotations

from django.db import models


class KnownValue(models.Model):
    """A value of a list (retention.selectors.values) and how many have it, as of the last night.

    A list of a large table would take seconds to group, and indexes for it would cost every import.
    """

    code = models.CharField(max_length=40)
    value = models.CharField(max_length=200)
    number = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "value"], name="known_value_once")]
        # The most frequent values of a list, as they are offered before anything is typed.
        indexes = [models.Index(fields=["code", "-number", "value"], name="known_value_offered")]

    def __str__(self) -> str:
        return self.value
