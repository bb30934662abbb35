"""What most of a member's orders have in common: the hour of the day and the channel. Ties go to the first of them.

Hours are few and known, so they are counted beside everything else that orders add up to, without another look at them.
Channels are whatever a shop calls them: first how many orders each has, then the one with the most. Both find the winner as
the largest (or smallest) of votes and value in one, which needs no sorting of everybody's orders.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Case, CharField, Count, F, Func, IntegerField, Min, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Concat, Greatest, Substr
from django.db.models.lookups import GreaterThanOrEqual

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


def best_hour() -> Greatest:
    """This function will give the aggregate of the hour with most orders, votes and hour in one. Reads `hour`.

    No count is ever missing, so that what the databases do with NULL here does not matter.
    """
    votes = (Count("hour", filter=Q(hour=hour)) * HOURS + (HOURS - 1 - hour) for hour in range(HOURS))
    return Greatest(*votes, output_field=IntegerField())


def preferred_hour(best: Any) -> Case:
    """This function will read the hour out of it, missing where no order's hour is known."""
    voted = Q(GreaterThanOrEqual(best, HOURS))
    return Case(When(voted, then=(HOURS - 1) - best % HOURS), default=None, output_field=IntegerField())


def channel_votes(orders: QuerySet[Order]) -> Votes:
    """This function will count orders by member and channel, where the channel is known."""
    known = orders.filter(~Q(channel=""))
    return known.values("member_id", name=F("channel")).annotate(votes=Count("placed_day"))


def preferred_channel(votes: Votes) -> Votes:
    fewest_first = Cast(TEN_DIGITS - F("votes"), CharField())
    best = Min(Exactly(Concat(fewest_first, F("name"), output_field=CharField())))
    return votes.values("member_id").annotate(preferred_channel=Substr(best, Value(11)))
