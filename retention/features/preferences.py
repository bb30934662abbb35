"""What most of a member's orders have in common: the hour of the day, the channel, the category. Ties go to the first."""

from __future__ import annotations

from typing import Any

from django.db.models import Aggregate, CharField, Count, F, IntegerField, QuerySet, Value, Window
from django.db.models.functions import NullIf, RowNumber

from members.models import OrderLine
from retention.features.statistics import Exactly, MostFrequent
from retention.models import DueMember, MemberFacts


def preference_aggregates() -> dict[str, Aggregate]:
    """This function will give the aggregates that read `hour` and `came_by`, by name; missing where none is known."""
    known_channel = Exactly(NullIf("came_by", Value("")))
    return {
        "preferred_hour": MostFrequent("hour", output_field=IntegerField(null=True)),
        "preferred_channel": MostFrequent(known_channel, output_field=CharField(null=True)),
    }


def favourite_categories(lines: QuerySet[OrderLine]) -> QuerySet[OrderLine, Any]:
    """This function will find, member by member, the category of most of `lines`; without a category there is no vote."""
    known = lines.filter(product__category__isnull=False)
    # Counted first, so that a member's hundreds of lines are a handful of categories before one of them is chosen.
    votes = known.values(member_id=F("order__member_id"), category=Exactly(F("product__category__name"))).annotate(
        votes=Count("pk")
    )
    place = Window(RowNumber(), partition_by=F("member_id"), order_by=[F("votes").desc(), F("category").asc()])
    return votes.annotate(place=place).filter(place=1).values("member_id", favourite_category=F("category"))


def kept_categories() -> QuerySet[MemberFacts, Any]:
    """This function will select the category that stands of the due members about whom nothing came in: every line of a life
    is read for it, and time alone changes nothing of that."""
    same = DueMember.objects.filter(changed=False).values("member_id")
    known = MemberFacts.objects.filter(pk__in=same, favourite_category__isnull=False)
    return known.values("member_id", "favourite_category")
