"""What most of a member's orders have in common: the hour of the day, the channel, the category. Ties go to the first."""

from __future__ import annotations

from typing import Any

from django.db.models import Aggregate, CharField, F, IntegerField, QuerySet, Value
from django.db.models.functions import NullIf

from members.models import OrderLine
from retention.features.statistics import Exactly, MostFrequent


def preference_aggregates() -> dict[str, Aggregate]:
    """This function will give the aggregates that read `hour` and `came_by`, by name; missing where none is known."""
    known_channel = Exactly(NullIf("came_by", Value("")))
    return {
        "preferred_hour": MostFrequent("hour", output_field=IntegerField(null=True)),
        "preferred_channel": MostFrequent(known_channel, output_field=CharField(null=True)),
    }


def favourite_categories(lines: QuerySet[OrderLine]) -> QuerySet[OrderLine, Any]:
    """This function will find, member by member, the category of most of `lines`; without a category there is no vote."""
    category = Exactly(F("product__category__name"))
    most = MostFrequent(category, output_field=CharField(null=True))
    known = lines.filter(product__category__isnull=False)
    return known.values(member_id=F("order__member_id")).annotate(favourite_category=most)
