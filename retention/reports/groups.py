"""By what members can be told apart in reports: what they are, and how their first order came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, F, Min, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE

from core.periods import date_of
from members.models import Gender, Member
from retention.reports.base import Asked
from retention.reports.sources import orders_until

LARGEST_GROUPS = 6
"""Groups that stand alone, the others together: more lines than that nobody tells apart."""
AGE_BANDS = ((18, "0-17"), (25, "18-24"), (35, "25-34"), (45, "35-44"), (55, "45-54"), (65, "55-64"), (200, "65+"))
"""Ages below the number have the name."""


@dataclass(frozen=True, slots=True)
class Grouping:
    code: str
    label: Promise


GROUPINGS = (
    Grouping("gender", _("gender")),
    Grouping("age", _("age")),
    Grouping("city", _("city")),
    Grouping("province", _("province")),
    Grouping("source", _("source")),
    Grouping("channel", _("channel of the first order")),
    Grouping("category", _("category of the first order")),
)


def label_of_members(by: str, asked: Asked, firsts: CTE) -> QuerySet[Any, Any]:
    """This function will select (member_id, label) by which members are told apart; an empty label is not known.

    `firsts` has (member_id, first): the day of the first order. Of several orders or categories on that day the first by
    name is taken.
    """
    if by in ("channel", "category"):
        column = "channel" if by == "channel" else "lines__product__category__name"
        orders = firsts.join(
            orders_until(asked), member_id=firsts.col.member_id, placed_day=firsts.col.first, _join_type="INNER JOIN"
        )
        return orders.values("member_id").annotate(label=Min(column))
    if by == "age":
        return Member.objects.values(member_id=F("pk"), label=age_band(asked.last_day))
    return Member.objects.values(member_id=F("pk"), label=F(by))


def age_band(day: int) -> Case:
    """The age band of a member on a day, by the birth year alone: within a year of the age. Empty where it is not known."""
    year = date_of(day).year
    bands = [When(birth_year__gt=year - below, then=Value(name)) for below, name in AGE_BANDS]
    return Case(When(birth_year__isnull=True, then=Value("")), *bands, default=Value(""), output_field=CharField())


def group_label(by: str, label: str) -> str:
    """This function will say a stored value as people read it."""
    labels: Mapping[str, Any] = dict(Gender.choices) if by == "gender" else {}
    return str(labels.get(label, label)) or gettext("not known")
