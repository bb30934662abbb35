"""How long members take from one order to the next, category by category."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from django.db.models import Count, F, Q, Window
from django.db.models.functions import Lag
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table
from retention.reports.charts import Rows, Series
from retention.reports.sources import lines_until, orders_until
from retention.reports.words import Unit

QUARTERS = (0.25, 0.5, 0.75)
SHOWN = 100
DRAWN = 12
FEWEST = 5
"""Gaps below which a category is listed but not drawn: its median says little."""


class OrderCycle(Report):
    code = "order-cycle"
    group = "buying"
    question = _("After how many days do members order again?")
    term = _("order cycle")
    definition = _(
        "The days between two days in a row on which a member ordered, and of each category, between two days on which they "
        "ordered something of it. A gap belongs to the day on which it ended; it may have begun before the period."
    )
    formula = _("order cycle = the median of the gaps: half are shorter, half longer")
    figures = (
        Figure("median_days", _("median order cycle"), Unit.DAYS, better=-1),
        Figure("mean_days", _("mean order cycle"), Unit.DAYS, better=-1),
        Figure("gaps", _("repeat orders"), Unit.COUNT, better=1),
    )

    def count(self, asked: Asked) -> Counted:
        days = orders_until(asked).values("member_id", day=F("placed_day"))
        lines = lines_until(asked).filter(product__category__isnull=False)
        named = {"member_id": F("order__member_id"), "day": F("order__placed_day"), "category": F("product__category__name")}
        whole = _quantiles(_gaps(days, asked, by=()), by="")
        by_category = _quantiles(_gaps(lines.values(**named), asked, by=("category",)), by="category")
        return {"whole": whole[0] if whole else None, "categories": by_category}

    def show(self, asked: Asked, counted: Counted) -> Result:
        whole, categories = counted["whole"], counted["categories"]
        if whole is None:
            return Result(sentences=[gettext("Nobody ordered a second time in this period, so there is no cycle to tell.")])
        drawn = [row for row in categories if row["gaps"] >= FEWEST][:DRAWN]
        return Result(
            sentences=[_headline(whole, drawn)],
            values={"median_days": whole["q50"], "mean_days": whole["mean"], "gaps": whole["gaps"]},
            charts=[
                Rows(
                    _("Median days until the next order, by category"),
                    [row["category"] for row in drawn],
                    [Series(_("median"), [row["q50"] for row in drawn])],
                    Unit.DAYS,
                )
            ]
            if drawn
            else [],
            tables=[_table(whole, categories[:SHOWN])],
            notes=[gettext("Who has not ordered again yet has no gap: the true cycle is longer than what is seen here.")],
        )


def _gaps(rows: Any, asked: Asked, *, by: tuple[str, ...]) -> pd.DataFrame:
    days = CTE(rows.distinct(), name="days")
    before = Window(Lag("day"), partition_by=[F("member_id"), *map(F, by)], order_by=[F("day").asc()])
    gaps = CTE(days.queryset().values("day", *by, before=before), name="gaps")
    ended = gaps.queryset().filter(Q(before__isnull=False), day__gte=asked.first_day)
    counted = with_cte(days, gaps, select=ended.values(*by, gap=F("day") - F("before")).annotate(count=Count("day")))
    return pd.DataFrame(list(counted), columns=[*by, "gap", "count"])


def _quantiles(frame: pd.DataFrame, *, by: str) -> list[dict[str, Any]]:
    """Largest first. A quantile of so many whole numbers is one of them, or lies half way between two (linear)."""
    groups = frame.groupby(by) if by else ([("", frame)] if len(frame) else [])
    told = [{"category": name, **_summary(part)} for name, part in groups]
    return sorted(told, key=lambda row: (-row["gaps"], row["category"]))


def _summary(part: pd.DataFrame) -> dict[str, Any]:
    part = part.sort_values("gap")
    gaps, counts = part["gap"].to_numpy(np.int64), part["count"].to_numpy(np.int64)
    total = int(counts.sum())
    upto = counts.cumsum()
    quartiles = {}
    for share in QUARTERS:
        place = share * (total - 1)
        low, high = int(np.floor(place)), int(np.ceil(place))
        below, above = gaps[np.searchsorted(upto, low, side="right")], gaps[np.searchsorted(upto, high, side="right")]
        quartiles[f"q{round(share * 100)}"] = float(below + (above - below) * (place - low))
    return {"gaps": total, "mean": float((gaps * counts).sum() / total), **quartiles}


def _headline(whole: dict[str, Any], drawn: list[dict[str, Any]]) -> str:
    said = gettext("Half of %(gaps)s repeat orders came within %(days)s of the order before.")
    first = said % {"gaps": words.number(whole["gaps"]), "days": words.days(whole["q50"])}
    if len(drawn) < 2:
        return first
    quick = min(drawn, key=lambda row: row["q50"])
    slow = max(drawn, key=lambda row: row["q50"])
    said = gettext("Of the largest categories %(quick)s comes back soonest (%(soon)s), %(slow)s last (%(late)s).")
    names = {"quick": quick["category"], "slow": slow["category"]}
    return first + " " + said % {**names, "soon": words.days(quick["q50"]), "late": words.days(slow["q50"])}


def _table(whole: dict[str, Any], categories: list[dict[str, Any]]) -> Table:
    columns = [
        Column("category", _("category")),
        Column("gaps", _("repeat orders"), Unit.COUNT),
        Column("q25", _("a quarter within"), Unit.DAYS),
        Column("q50", _("half within"), Unit.DAYS),
        Column("q75", _("three quarters within"), Unit.DAYS),
        Column("mean", _("mean"), Unit.DAYS),
    ]
    codes = [column.code for column in columns[1:]]
    rows = [[_("all orders"), *(whole[code] for code in codes)]]
    rows += [[row["category"], *(row[code] for code in codes)] for row in categories]
    return Table("categories", _("By category"), columns, rows)
