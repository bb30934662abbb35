"""Whose calendar the stored day numbers follow."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class StoredCalendar(models.Model):
    """The time zone under which every stored day and hour was worked out; one row, made by the first write.

    `placed_day`, `placed_hour`, an event's `day` and `registered_day` are numbers of this zone's calendar. Under another
    zone they would be off by one for every order around midnight, and nothing in a row tells which of the two it was.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    zone = models.CharField(max_length=64)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="stored_calendar_one_row"),
            models.CheckConstraint(condition=~Q(zone=""), name="stored_calendar_zone_given"),
        ]

    def __str__(self) -> str:
        return self.zone
