"""The months of a period, as shop day numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Case, IntegerField, Value, When

from core.periods import date_of, day_of


@dataclass(frozen=True, slots=True)
class Month:
    """A month, or the part of it that lies in a period: its first and last day, both included."""

    first_day: int
    last_day: int
    whole: bool

    @property
    def code(self) -> str:
        """2026-03"""
        return f"{date_of(self.first_day):%Y-%m}"


def months_of(first_day: int, last_day: int) -> list[Month]:
    """This function will cut the days from `first_day` to `last_day` (both included) into months, oldest first."""
    months = []
    begins = first_day
    while begins <= last_day:
        start, following = month_start(begins), next_month(begins)
        ends = min(following - 1, last_day)
        months.append(Month(begins, ends, begins == start and ends == following - 1))
        begins = following
    return months


def month_start(day: int) -> int:
    return day_of(date_of(day).replace(day=1))


def next_month(day: int) -> int:
    """This function will return the first day of the month after the one that `day` lies in."""
    on = date_of(day)
    return day_of(date(on.year + on.month // 12, on.month % 12 + 1, 1))


def months_before(day: int, count: int) -> int:
    """This function will return the first day of the month that lies `count` months before that of `day`."""
    on = date_of(day)
    place = on.year * 12 + on.month - 1 - count
    return day_of(date(place // 12, place % 12 + 1, 1))


def month_place(column: str, months: Sequence[Month]) -> Case:
    """The place in `months` of the month that a day column lies in. The caller leaves out the days outside all of them."""
    whens = [When(**{f"{column}__lte": month.last_day}, then=Value(place)) for place, month in enumerate(months)]
    return Case(*whens, default=Value(len(months)), output_field=IntegerField())
