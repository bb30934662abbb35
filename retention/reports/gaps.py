"""How long members were silent after each day on which they ordered: what churn, cycles and retention are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Case, Count, F, IntegerField, Max, Min, QuerySet, Value, When, Window
from django.db.models.functions import Lag, Lead
from django_cte import CTE, with_cte
from numpy.typing import NDArray

from members.models import Member
from retention.features.events import BROWSING
from retention.reports.base import Asked
from retention.reports.sources import events_until, orders_until

Ints = NDArray[np.int64]
FIRST, BACK, AGAIN = 0, 1, 2
"""How an order day came about: the member's first; after more than `longest` days; sooner than that."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Order days, added up over members: `count` members ordered on `day` and had their next order day on `day + gap`.

    A gap of more than `longest` days, or none yet, is `longest + 1`. Several orders of a member on one day are one order
    day.
    """

    day: Ints
    gap: Ints
    came: Ints
    count: Ints
    longest: int

    def active_on(self, day: int) -> int:
        """This function will count the members with an order in the `longest` days that end with `day`.

        Each such member has exactly one last order day up to `day`: the one whose gap reaches past it.
        """
        last_order = (self.day <= day) & (self.day > day - self.longest) & (self.day + self.gap > day)
        return int(self.count[last_order].sum())

    def lost_within(self, first_day: int, last_day: int) -> int:
        """This function will count the members who reached `longest` days without an order on a day of the period."""
        reached = self.day + self.longest
        return int(self.count[(self.gap > self.longest) & (reached >= first_day) & (reached <= last_day)].sum())

    def came_within(self, first_day: int, last_day: int, came: int) -> int:
        """This function will count the order days of the period that came about so."""
        return int(self.count[(self.came == came) & (self.day >= first_day) & (self.day <= last_day)].sum())

    def stayed(self, day: int, *, window: int) -> tuple[int, int]:
        """This function will count the members active in the `window` days before the `window` days that end with `day`,
        and those of them who were active in these too. `longest` must be two windows or more."""
        between = day - window
        before = (self.day <= between) & (self.day > between - window) & (self.day + self.gap > between)
        again = before & (self.day + self.gap <= day)
        return int(self.count[before].sum()), int(self.count[again].sum())

    def back_within(self, first_day: int, last_day: int, *, days: int) -> tuple[int, int]:
        """This function will count the members whose first order day lies in the period, and those of them who ordered
        again within `days` days."""
        entered = (self.came == FIRST) & (self.day >= first_day) & (self.day <= last_day)
        return int(self.count[entered].sum()), int(self.count[entered & (self.gap <= days)].sum())


def order_days(asked: Asked) -> QuerySet[Any, Any]:
    """This function will select (member_id, day) once for each day on which a member ordered, up to the period's end."""
    return orders_until(asked).values("member_id", day=F("placed_day")).distinct()


def active_days(asked: Asked) -> QuerySet[Any, Any]:
    """This function will select (member_id, day) once for each day on which a member joined, ordered or was in the shop.

    Visits belong to no shop: of one shop only its orders count, beside everybody's visits and joining.
    """
    visits = events_until(asked).filter(kind__in=BROWSING).values("member_id", "day")
    joined = Member.objects.filter(registered_day__lte=asked.last_day)
    days = orders_until(asked).values("member_id", day=F("placed_day"))
    return days.union(visits, joined.values(member_id=F("pk"), day=F("registered_day")))


def gaps_between(days: QuerySet[Any, Any], *, longest: int, since: int) -> Gaps:
    """This function will add up the gaps between `days` (member_id, day) that begin on `since` or later.

    One scan in the order of members: of order days PostgreSQL reads the index `order_facts` alone where no shop is named.
    """
    source = CTE(days, name="days")
    of_member: dict[str, Any] = {"partition_by": [F("member_id")], "order_by": [F("day").asc()]}
    neighbours = {"following": Window(Lead("day"), **of_member), "before": Window(Lag("day"), **of_member)}
    told = CTE(source.queryset().values("day", **neighbours), name="told")
    gap = Case(
        When(following__isnull=True, then=Value(longest + 1)),
        When(following__gt=F("day") + longest, then=Value(longest + 1)),
        default=F("following") - F("day"),
        output_field=IntegerField(),
    )
    came = Case(
        When(before__isnull=True, then=Value(FIRST)),
        When(before__lt=F("day") - longest, then=Value(BACK)),
        default=Value(AGAIN),
        output_field=IntegerField(),
    )
    added = told.queryset().filter(day__gte=since).values("day", gap=gap, came=came).annotate(members=Count("day"))
    rows = with_cte(source, told, select=added).order_by("day", "gap", "came").values_list("day", "gap", "came", "members")
    table = counted_rows(rows, 4)
    return Gaps(day=table[:, 0], gap=table[:, 1], came=table[:, 2], count=table[:, 3], longest=longest)


@dataclass(frozen=True, slots=True)
class Spans:
    """First days, added up: `count` members were first active on `day`, and for the last time `span` days later (those of
    more than `longest` days are `longest`)."""

    day: Ints
    span: Ints
    count: Ints

    def still_there(self, first_day: int, last_day: int, *, after: int) -> tuple[int, int]:
        """This function will count the members who came first in the period, and those of them seen `after` days later or
        more."""
        entered = (self.day >= first_day) & (self.day <= last_day)
        return int(self.count[entered].sum()), int(self.count[entered & (self.span >= after)].sum())


def spans_of(days: QuerySet[Any, Any], *, longest: int, since: int) -> Spans:
    """This function will add up how long after their first day members were seen for the last time, of those who came on
    `since` or later."""
    source = CTE(days, name="days")
    ends = CTE(source.queryset().values("member_id").annotate(first=Min("day"), last=Max("day")), name="ends")
    long = When(last__gt=F("first") + longest, then=Value(longest))
    span = Case(long, default=F("last") - F("first"), output_field=IntegerField())
    added = ends.queryset().filter(first__gte=since).values("first", span=span).annotate(members=Count("first"))
    rows = with_cte(source, ends, select=added).order_by("first", "span").values_list("first", "span", "members")
    table = counted_rows(rows, 3)
    return Spans(day=table[:, 0], span=table[:, 1], count=table[:, 2])


def counted_rows(rows: QuerySet[Any, Any], width: int) -> Ints:
    """This function will read rows of `width` (2 or more) whole numbers into an array, a piece at a time."""
    read: Any = np.fromiter(rows.iterator(chunk_size=10_000), dtype=np.dtype((np.int64, width)))
    table: Ints = read.reshape(-1, width)
    return table
