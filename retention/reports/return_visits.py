"""Return visits: who comes back to the shop."""

from __future__ import annotations

from django.db.models import Count, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.buying import not_whole
from retention.reports.calendar import month_place, months_of
from retention.reports.charts import Lines, Series
from retention.reports.visits import browsing, shop_note
from retention.reports.words import Unit


class ReturnVisits(Report):
    code = "return-visits"
    group = "behaviour"
    question = _("How many visitors come back?")
    term = _("return-visit rate")
    definition = _(
        "Of the members who were in the shop in a time (viewed, searched, marked, filled a cart, went to the checkout "
        "or simply visited), the share that was there on two days or more of it. Only members are known, not "
        "passers-by."
    )
    formula = _("return-visit rate = members there on two days or more ÷ members there")
    figures = (
        Figure("return_rate", _("return-visit rate of the period"), Unit.SHARE, better=1),
        Figure("monthly_rate", _("return-visit rate within a month"), Unit.SHARE, better=1),
        Figure("visitors", _("visitors"), Unit.COUNT, better=1),
    )

    def count(self, asked: Asked) -> Counted:
        months = months_of(asked.first_day, asked.last_day)
        days = CTE(browsing(asked).values("member_id", "day").distinct(), name="days")
        came = {"visitors": Count("member_id"), "again": Count("member_id", filter=Q(visits__gte=2))}
        of_month = CTE(
            days.queryset().values("member_id", month=month_place("day", months)).annotate(visits=Count("day")),
            name="of_month",
        )
        rows = with_cte(days, of_month, select=of_month.queryset().values("month").annotate(**came))
        found = {row["month"]: row for row in rows}
        of_all = CTE(days.queryset().values("member_id").annotate(visits=Count("day")), name="of_all")
        spread = with_cte(days, of_all, select=of_all.queryset().values("visits").annotate(members=Count("member_id")))
        by_visits = {row["visits"]: row["members"] for row in spread}
        return {
            "visitors": sum(by_visits.values()),
            "again": sum(members for visits, members in by_visits.items() if visits >= 2),
            "months": [
                {
                    "month": month.code,
                    "whole": month.whole,
                    **{name: found.get(place, {}).get(name, 0) for name in ("visitors", "again")},
                }
                for place, month in enumerate(months)
            ],
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        months, visitors, again = counted["months"], counted["visitors"], counted["again"]
        if not visitors:
            said = gettext("No visit is known of this period: no behaviour events have come in for it.")
            return Result(sentences=[said], notes=shop_note(asked))
        rates = [ratio(month["again"], month["visitors"]) for month in months]
        whole = [month for month in months if month["whole"]] or months
        told = gettext("Of %(visitors)s who visited in this period %(share)s came back on another day.")
        columns = [
            Column("month", _("month")),
            Column("visitors", _("visitors"), Unit.COUNT),
            Column("again", _("came back"), Unit.COUNT),
            Column("return_rate", _("return-visit rate"), Unit.SHARE),
        ]
        rows = [[month["month"], month["visitors"], month["again"], rate] for month, rate in zip(months, rates, strict=True)]
        return Result(
            sentences=[told % {"visitors": words.members(visitors), "share": words.percent(again / visitors)}],
            values={
                "return_rate": again / visitors,
                "monthly_rate": ratio(sum(month["again"] for month in whole), sum(month["visitors"] for month in whole)),
                "visitors": visitors,
            },
            charts=[
                Lines(
                    _("Return-visit rate within each month"),
                    [month["month"] for month in months],
                    [Series(_("return-visit rate"), rates)],
                    Unit.SHARE,
                    figure="monthly_rate",
                )
            ],
            tables=[Table("months", _("By month"), columns, rows)],
            notes=[*not_whole(asked, months), *shop_note(asked)],
        )
