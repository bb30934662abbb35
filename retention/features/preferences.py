"""What most of a member's orders have in common: the hour of the day and the channel. Ties go to the first of them.

Each is two steps: how many orders a value has (`votes`), then the value with the most. The second step is one maximum (or
minimum) of votes and value in one, which needs no sorting of everybody's orders.
"""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Count, F, Func, IntegerField, Max, Min, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Substr

from members.models import Order

HOURS = 24
TEN_DIGITS = 2_000_000_000
"""More than anybody orders, and what is left of it after taking away somebody's orders always has ten digits."""

Votes = QuerySet[Any, Any]


class Exactly(Func):
    """A text compared character by character, on PostgreSQL too, whatever the database's collation."""

    template = "%(expressions)s"
    arity = 1

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='%(expressions)s COLLATE "C"', **context)


def hour_votes(orders: QuerySet[Order]) -> Votes:
    """This function will count orders by member and hour, where the hour is known."""
    known = orders.filter(placed_hour__isnull=False)
    return known.values("member_id", hour=F("placed_hour")).annotate(votes=Count("placed_day"))


def preferred_hour(votes: Votes) -> Votes:
    best = Max(F("votes") * HOURS + (HOURS - 1) - F("hour"))
    return votes.values("member_id").annotate(preferred_hour=Cast((HOURS - 1) - best % HOURS, IntegerField()))


def channel_votes(orders: QuerySet[Order]) -> Votes:
    """This function will count orders by member and channel, where the channel is known."""
    known = orders.filter(~Q(channel=""))
    return known.values("member_id", name=F("channel")).annotate(votes=Count("placed_day"))


def preferred_channel(votes: Votes) -> Votes:
    fewest_first = Cast(TEN_DIGITS - F("votes"), CharField())
    best = Min(Exactly(Concat(fewest_first, F("name"), output_field=CharField())))
    return votes.values("member_id").annotate(preferred_channel=Substr(best, Value(11)))
