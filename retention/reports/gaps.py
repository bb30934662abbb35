"""How long members were silent after each day on which they ordered: what churn, cycles and retention are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Case, Count, F, IntegerField, QuerySet, Value, When, Window
from django.db.models.functions import Lag, Lead
from django_cte import CTE, with_cte
from numpy.typing import NDArray

from retention.reports.base import Asked
from retention.reports.sources import orders_until

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


def gaps_until(asked: Asked, *, longest: int, since: int) -> Gaps:
    """This function will add up the gaps that begin on `since` or later, known up to the period's last day.

    One scan in the order of members: on PostgreSQL it reads the index `order_facts` alone where no shop is named.
    """
    days = CTE(order_days(asked), name="days")
    of_member: dict[str, Any] = {"partition_by": [F("member_id")], "order_by": [F("day").asc()]}
    told = CTE(
        days.queryset().values("day", following=Window(Lead("day"), **of_member), before=Window(Lag("day"), **of_member)),
        name="told",
    )
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
    rows = with_cte(days, told, select=added).order_by("day", "gap", "came").values_list("day", "gap", "came", "members")
    table = np.fromiter(rows.iterator(chunk_size=10_000), dtype=np.dtype((np.int64, 4)))
    return Gaps(*(table.reshape(-1, 4)[:, place] for place in range(4)), longest)
