"""Cohorts: who first ordered in the same month, and how many of them order in each month after."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Min
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from core.periods import date_of
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.calendar import month_place, months_of
from retention.reports.charts import Heat, Lines, Rule, Series
from retention.reports.sources import orders_until
from retention.reports.words import Unit

MOST_MONTHS = 36
"""Cohorts that are told: past three years a heat map is wallpaper."""


class Cohorts(Report):
    code = "cohorts"
    group = "staying"
    question = _("When do we lose new customers?")
    term = _("cohort retention")
    definition = _(
        "A cohort is everybody whose first order fell into the same month. Each cell is the share of the cohort that "
        "ordered in that month; month 0 is the month of the first order itself."
    )
    formula = _("cohort retention of month k = members of the cohort who ordered in its month k ÷ members of the cohort")
    figures = (
        Figure("month_1", _("ordered again in month 1"), Unit.SHARE, better=1),
        Figure("month_3", _("ordered in month 3"), Unit.SHARE, better=1),
        Figure("month_6", _("ordered in month 6"), Unit.SHARE, better=1),
        Figure("new", _("new customers"), Unit.COUNT, better=1),
    )

    def count(self, asked: Asked) -> Counted:
        months = months_of(asked.first_day, asked.last_day)[-MOST_MONTHS:]
        begins = months[0].first_day
        firsts = CTE(
            orders_until(asked).values("member_id").annotate(first=Min("placed_day")).filter(first__gte=begins),
            name="firsts",
        )
        ordered = firsts.join(orders_until(asked).filter(placed_day__gte=begins), member_id=firsts.col.member_id)
        pairs = CTE(
            ordered.annotate(first=firsts.col.first)
            .values("member_id", cohort=month_place("first", months), month=month_place("placed_day", months))
            .distinct(),
            name="pairs",
        )
        rows = with_cte(
            firsts, pairs, select=pairs.queryset().values("cohort", "month").annotate(members=Count("member_id"))
        )
        found = {(row["cohort"], row["month"]): row["members"] for row in rows}
        count = len(months)
        return {
            "months": [
                {"month": month.code, "whole": month.whole, "first_day": month.first_day, "last_day": month.last_day}
                for month in months
            ],
            "ordered": [[found.get((cohort, month), 0) for month in range(cohort, count)] for cohort in range(count)],
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        months, ordered = counted["months"], counted["ordered"]
        cohorts = [(place, row) for place, row in enumerate(ordered) if row[0]]
        if not cohorts:
            return Result(sentences=[gettext("Nobody ordered for the first time in this period.")])
        width = max(len(row) for _place, row in cohorts)
        means = [_mean(cohorts, months, age) for age in range(width)]
        values = {f"month_{age}": means[age] if age < width else None for age in (1, 3, 6)}
        return Result(
            sentences=[_headline(cohorts, means)],
            values={**values, "new": sum(row[0] for _place, row in cohorts)},
            charts=[_heat(months, cohorts, means), _curve(means)],
            tables=[_table(months, cohorts, width), _mean_table(means)],
            notes=_notes(asked, months),
        )


def _mean(cohorts: list[tuple[int, list[int]]], months: list[dict[str, Any]], age: int) -> float | None:
    """Over all members of the cohorts that have lived through the whole of that month; a month under way would look poor."""
    lived = [
        (row[age], row[0])
        for place, row in cohorts
        if age < len(row) and (age == 0 or months[place + age]["whole"] or len(months) == 1)
    ]
    return ratio(sum(part for part, _size in lived), sum(size for _part, size in lived))


def _row_mean(row: list[int], place: int, months: list[dict[str, Any]]) -> float | None:
    """The mean of the whole months after the first."""
    after = [part / row[0] for age, part in enumerate(row) if age and months[place + age]["whole"]]
    return sum(after) / len(after) if after else None


def _headline(cohorts: list[tuple[int, list[int]]], means: list[float | None]) -> str:
    size = words.members(sum(row[0] for _place, row in cohorts))
    if len(means) < 2 or means[1] is None:
        return gettext("%(size)s ordered for the first time; no whole month has passed since.") % {"size": size}
    known = [(age, mean) for age, mean in enumerate(means) if mean is not None and age]
    last_age, last = known[-1]
    told = gettext(
        "Of %(size)s who ordered for the first time %(first)s ordered in the month after, %(last)s in month %(age)s."
    )
    return told % {"size": size, "first": words.percent(means[1]), "last": words.percent(last), "age": last_age}


def _heat(months: list[dict[str, Any]], cohorts: list[tuple[int, list[int]]], means: list[float | None]) -> Heat:
    width = len(means)
    values = [[part / row[0] for part in row] + [None] * (width - len(row)) for _place, row in cohorts]
    return Heat(
        _("Share of each cohort that ordered, by months since the first order"),
        corner=_("first order"),
        rows=[months[place]["month"] for place, _row in cohorts],
        columns=[str(age) for age in range(width)],
        values=values,
        # Month 0 is 100% everywhere: unshaded it leaves the scale to what differs.
        shade=[[None if age == 0 else value for age, value in enumerate(row)] for row in values],
        titles=[
            [_cell_title(months[place]["month"], part) for part in row] + [""] * (width - len(row)) for place, row in cohorts
        ],
        rules={(line, 0): _rule(months[place]) for line, (place, _row) in enumerate(cohorts)},
        row_means=[_row_mean(row, place, months) for place, row in cohorts],
        column_means=means,
        means_label=_("mean"),
        sizes=[row[0] for _place, row in cohorts],
        sizes_label=_("members"),
    )


def _cell_title(month: str, part: int) -> str:
    return gettext("%(month)s: %(members)s") % {"month": month, "members": words.members(part)}


def _rule(month: dict[str, Any]) -> Rule:
    """Who first ordered in the month."""
    days = [date_of(month[end]).isoformat() for end in ("first_day", "last_day")]
    return {"field": "first_order_at", "operator": "between", "value": days}


def _curve(means: list[float | None]) -> Lines:
    ages = range(1, len(means))
    return Lines(
        _("All cohorts together, by months since the first order"),
        [str(age) for age in ages],
        [Series(_("ordered in the month"), [means[age] for age in ages])],
        Unit.SHARE,
        figure="month_1",
    )


def _table(months: list[dict[str, Any]], cohorts: list[tuple[int, list[int]]], width: int) -> Table:
    columns = [Column("month", _("first order")), Column("members", _("members"), Unit.COUNT)]
    columns += [Column(f"month_{age}", str(age), Unit.COUNT, blank=True) for age in range(1, width)]
    rows = [[months[place]["month"], *row, *[None] * (width - len(row))] for place, row in cohorts]
    return Table("cohorts", _("Members of each cohort who ordered, by months since the first order"), columns, rows)


def _mean_table(means: list[float | None]) -> Table:
    columns = [
        Column("age", _("months since the first order"), Unit.COUNT),
        Column("retention", _("cohort retention"), Unit.SHARE),
    ]
    rows = [[age, mean] for age, mean in enumerate(means)]
    return Table("means", _("All cohorts together"), columns, rows)


def _notes(asked: Asked, months: list[dict[str, Any]]) -> list[str]:
    notes = [gettext("Means are over all members of the cohorts; months that are not over yet are left out of them.")]
    if months_of(asked.first_day, asked.last_day)[0].code != months[0]["month"]:
        notes.append(gettext("Only the last %(count)s cohorts are shown.") % {"count": MOST_MONTHS})
    return notes
