"""What most of a member's orders have in common: the hour of the day and the channel. Ties go to the first of them."""

from __future__ import annotations

from django.db.models import Aggregate, CharField, IntegerField, Value
from django.db.models.functions import NullIf

from retention.features.statistics import Exactly, MostFrequent


def preference_aggregates() -> dict[str, Aggregate]:
    """This function will give the aggregates that read `hour` and `came_by`, by name; missing where none is known."""
    known_channel = Exactly(NullIf("came_by", Value("")))
    return {
        "preferred_hour": MostFrequent("hour", output_field=IntegerField(null=True)),
        "preferred_channel": MostFrequent(known_channel, output_field=CharField(null=True)),
    }
