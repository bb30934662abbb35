"""Churn: how many members fall silent each month."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Option, Report, Result, Table, ratio
from retention.reports.calendar import months_of
from retention.reports.charts import Bars, Lines, Series
from retention.reports.gaps import BACK, FIRST, gaps_between, order_days
from retention.reports.words import Unit
from retention.selectors.horizon import churn_horizon_days


def horizon_option() -> Option:
    """After how many days of silence a member counts as lost: the shop's own horizon first."""
    usual = tuple((str(days), words.days_label(days)) for days in (30, 60, 90, 180, 365))
    return Option("horizon", _("lost after"), (("shop", _("the churn horizon")), *usual), own=_shops_own)


def _shops_own() -> str:
    return str(churn_horizon_days())


def horizon_of(asked: Asked) -> int:
    return int(asked.options["horizon"])


class Churn(Report):
    code = "churn"
    group = "leaving"
    question = _("How many members do we lose each month?")
    term = _("churn rate")
    definition = _(
        "A member is lost on the day on which so many days have passed since their last order without a new one. Whoever "
        "orders after that has returned. Only members who have ordered are counted."
    )
    formula = _("churn rate = members lost in the month ÷ members active at its beginning")
    figures = (
        Figure("churn_rate", _("churn rate a month"), Unit.SHARE, better=-1),
        Figure("lost", _("members lost"), Unit.COUNT, better=-1),
        Figure("returned", _("members returned"), Unit.COUNT, better=1),
        Figure("active", _("active members at the end"), Unit.COUNT, better=1),
    )
    options = (horizon_option(),)

    def count(self, asked: Asked) -> Counted:
        horizon = horizon_of(asked)
        gaps = gaps_between(order_days(asked), longest=horizon, since=asked.first_day - horizon - 1)
        months = [
            {
                "month": month.code,
                "whole": month.whole,
                "active_before": gaps.active_on(month.first_day - 1),
                "new": gaps.came_within(month.first_day, month.last_day, FIRST),
                "returned": gaps.came_within(month.first_day, month.last_day, BACK),
                "lost": gaps.lost_within(month.first_day, month.last_day),
                "active": gaps.active_on(month.last_day),
            }
            for month in months_of(asked.first_day, asked.last_day)
        ]
        return {"months": months}

    def show(self, asked: Asked, counted: Counted) -> Result:
        months = counted["months"]
        if not any(month["active_before"] or month["new"] or month["returned"] for month in months):
            return Result(sentences=[gettext("Nobody ordered in this time or shortly before it: there was nobody to lose.")])
        whole = [month for month in months if month["whole"]] or months
        rates = [ratio(month["lost"], month["active_before"]) for month in months]
        values = {
            "churn_rate": ratio(_sum(whole, "lost"), _sum(whole, "active_before")),
            "lost": _sum(months, "lost"),
            "returned": _sum(months, "returned"),
            "active": months[-1]["active"],
        }
        labels = [month["month"] for month in months]
        return Result(
            sentences=[_headline(whole[-1], values)],
            values=values,
            charts=[
                Lines(_("Churn rate by month"), labels, [Series(_("churn rate"), rates)], Unit.SHARE, figure="churn_rate"),
                Bars(
                    _("Members lost, won and returned by month"),
                    labels,
                    [
                        Series(_("lost"), [month["lost"] for month in months], colour="red"),
                        Series(_("first order"), [month["new"] for month in months], colour="blue"),
                        Series(_("returned"), [month["returned"] for month in months], colour="violet"),
                    ],
                ),
            ],
            tables=[_table(months, rates)],
            notes=_notes(asked, months),
        )


def _sum(months: list[dict[str, Any]], name: str) -> int:
    return sum(month[name] for month in months)


def _headline(month: dict[str, Any], values: dict[str, Any]) -> str:
    told = gettext(
        "%(month)s: %(lost)s lost, %(share)s of the %(active)s active at its beginning; %(average)s a month on average."
    )
    return told % {
        "month": month["month"],
        "lost": words.members(month["lost"]),
        "share": words.percent(ratio(month["lost"], month["active_before"])),
        "active": words.number(month["active_before"]),
        "average": words.percent(values["churn_rate"]),
    }


def _table(months: list[dict[str, Any]], rates: list[float | None]) -> Table:
    columns = [
        Column("month", _("month")),
        Column("active_before", _("active before"), Unit.COUNT),
        Column("new", _("first order"), Unit.COUNT),
        Column("returned", _("returned"), Unit.COUNT),
        Column("lost", _("lost"), Unit.COUNT),
        Column("active", _("active at the end"), Unit.COUNT),
        Column("churn_rate", _("churn rate"), Unit.SHARE),
    ]
    rows = [[*(month[column.code] for column in columns[:-1]), rate] for month, rate in zip(months, rates, strict=True)]
    return Table("months", _("By month"), columns, rows)


def _notes(asked: Asked, months: list[dict[str, Any]]) -> list[str]:
    notes = [gettext("Active before + first orders + returned − lost = active at the end.")]
    if not months[-1]["whole"]:
        day = words.text_of(asked.last_day, Unit.DATE)
        notes.append(gettext("The last month is not whole: it is counted up to %(day)s.") % {"day": day})
    if months[0]["active_before"] == 0:
        notes.append(
            gettext("Where orders begin, everybody is new and nobody can be lost yet: the first months say little.")
        )
    return notes
