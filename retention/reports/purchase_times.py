"""When members order: the hour and the weekday."""

from __future__ import annotations

from typing import Any

import pandas as pd
from django.db.models import Count, F, IntegerField, Sum
from django.db.models.functions import Cast
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Bars, Heat, Series
from retention.reports.sources import orders_within
from retention.reports.words import Unit

WEEKDAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
THURSDAY = 3
"""Shop day 0, 1970-01-01, was one; Monday is 0."""
HOURS = range(24)


class PurchaseTimes(Report):
    code = "purchase-times"
    group = "buying"
    question = _("At what hour and on which weekday do members order?")
    term = _("purchase hour and weekday")
    definition = _(
        "Orders that count, by the hour and the weekday on the shop's clock. Orders known by their date alone have a "
        "weekday but no hour."
    )
    formula = _("share of an hour = orders placed in it ÷ orders whose hour is known")
    figures = (
        Figure("orders", _("orders"), Unit.COUNT, better=1),
        Figure("busiest_hour_share", _("share of the busiest hour"), Unit.SHARE),
        Figure("weekend_share", _("share at the weekend"), Unit.SHARE),
    )

    def count(self, asked: Asked) -> Counted:
        weekday = Cast((F("placed_day") + THURSDAY) % 7, IntegerField())
        rows = orders_within(asked).values("placed_hour", weekday=weekday)
        table = rows.annotate(orders=Count("pk"), revenue=Sum("revenue_minor")).order_by("weekday", "placed_hour")
        return {"cells": [{**row, "revenue": int(row["revenue"])} for row in table]}

    def show(self, asked: Asked, counted: Counted) -> Result:
        cells = pd.DataFrame(counted["cells"])
        if cells.empty:
            return Result(sentences=[gettext("Nobody ordered in this time.")])
        timed = cells.dropna(subset=["placed_hour"])
        grid = timed.pivot_table(index="weekday", columns="placed_hour", values="orders", aggfunc="sum", fill_value=0)
        grid = grid.reindex(index=range(7), columns=list(HOURS), fill_value=0)
        by_day = cells.groupby("weekday")[["orders", "revenue"]].sum().reindex(range(7), fill_value=0)
        by_hour = timed.groupby("placed_hour")[["orders", "revenue"]].sum().reindex(list(HOURS), fill_value=0)
        total, known = int(by_day["orders"].sum()), int(by_hour["orders"].sum())
        values = {
            "orders": total,
            "busiest_hour_share": ratio(int(by_hour["orders"].max()), known),
            "weekend_share": ratio(int(by_day["orders"].loc[5:].sum()), total),
        }
        return Result(
            sentences=[_headline(by_day, by_hour, known)],
            values=values,
            charts=_charts(grid, by_day, known),
            tables=[_hours(by_hour, known), _weekdays(by_day, total)],
            notes=_untimed(total - known),
        )


def _headline(by_day: pd.DataFrame, by_hour: pd.DataFrame, known: int) -> str:
    day = str(WEEKDAYS[int(by_day["orders"].to_numpy().argmax())])
    if not known:
        return gettext("Most orders come on a %(day)s; their hour is not known.") % {"day": day}
    hour = int(by_hour["orders"].to_numpy().argmax())
    said = gettext("Most orders come on a %(day)s; the busiest hour is %(hour)s with %(share)s of them.")
    share = words.percent(int(by_hour["orders"].max()) / known)
    return said % {"day": day, "hour": _clock(hour), "share": share}


def _clock(hour: int) -> str:
    return f"{hour:02d}:00–{(hour + 1) % 24:02d}:00"


def _charts(grid: pd.DataFrame, by_day: pd.DataFrame, known: int) -> list[Any]:
    if not known:
        return [Bars(_("Orders by weekday"), WEEKDAYS, [Series(_("orders"), [int(value) for value in by_day["orders"]])])]
    return [
        Heat(
            _("Orders by weekday and hour"),
            corner=_("hour"),
            rows=WEEKDAYS,
            columns=[str(hour) for hour in HOURS],
            values=[[int(value) for value in row] for row in grid.to_numpy()],
            unit=Unit.COUNT,
        )
    ]


def _hours(by_hour: pd.DataFrame, known: int) -> Table:
    columns = [
        Column("hour", _("hour")),
        Column("orders", _("orders"), Unit.COUNT),
        Column("share", _("share"), Unit.SHARE),
        Column("revenue", _("revenue"), Unit.MONEY),
        Column("average", _("average order"), Unit.MONEY),
    ]
    rows = [[_clock(hour), *_numbers(row, known)] for hour, (_index, row) in zip(HOURS, by_hour.iterrows(), strict=True)]
    return Table("hours", _("By hour"), columns, rows if known else [])


def _weekdays(by_day: pd.DataFrame, total: int) -> Table:
    columns = [
        Column("weekday", _("weekday")),
        Column("orders", _("orders"), Unit.COUNT),
        Column("share", _("share"), Unit.SHARE),
        Column("revenue", _("revenue"), Unit.MONEY),
        Column("average", _("average order"), Unit.MONEY),
    ]
    rows = [[day, *_numbers(row, total)] for day, (_index, row) in zip(WEEKDAYS, by_day.iterrows(), strict=True)]
    return Table("weekdays", _("By weekday"), columns, rows)


def _numbers(row: Any, total: int) -> list[Any]:
    orders, revenue = int(row["orders"]), int(row["revenue"])
    return [orders, ratio(orders, total), revenue, ratio(revenue, orders)]


def _untimed(orders: int) -> list[str]:
    if not orders:
        return []
    return [gettext("%(count)s orders are known by their date alone: they have no hour.") % {"count": words.number(orders)}]
