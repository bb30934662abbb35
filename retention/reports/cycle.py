"""The purchase cycle: how many days lie between one purchase and the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.db.models import Count, F, Q, Window
from django.db.models.functions import Lag
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table
from retention.reports.charts import Bars, Lines, Rows, Series
from retention.reports.gaps import gaps_between, order_days
from retention.reports.sources import lines_until
from retention.reports.words import Unit

LONGEST = 400
"""Days. A longer gap is no cycle but somebody who came back."""
BINS = (7, 14, 30, 60, 90, 180, LONGEST)
"""The last day of each."""
SHARES = (0.25, 0.5, 0.75, 0.9)
SHOWN, DRAWN = 100, 12
"""Categories in the table, and in the picture."""
FEWEST = 20
"""Purchases below which a category is listed but not drawn: its median says little."""


class PurchaseCycle(Report):
    code = "purchase-cycle"
    group = "buying"
    question = _("How long does it take until members buy again?")
    term = _("purchase cycle")
    definition = _(
        "The days between a day on which a member bought and the next such day, for all purchases of the period that "
        "had one before them within 400 days; of a category, between two such days on which something of it was bought. "
        "Members who have not bought again yet are not in it: see the survival curve for them."
    )
    formula = _("purchase cycle = day of the purchase − day of the purchase before; median: half of them are no longer")
    figures = (
        Figure("median", _("half buy again within"), Unit.DAYS, better=-1),
        Figure("three_quarters", _("three quarters buy again within"), Unit.DAYS, better=-1),
        Figure("mean", _("mean cycle"), Unit.DAYS, better=-1),
        Figure("repeats", _("purchases that followed another"), Unit.COUNT, better=1),
    )
    version = 2

    def count(self, asked: Asked) -> Counted:
        gaps = gaps_between(order_days(asked), longest=LONGEST, since=asked.first_day - LONGEST)
        ends = gaps.day + gaps.gap
        inside = (gaps.gap <= LONGEST) & (ends >= asked.first_day) & (ends <= asked.last_day)
        days, place = np.unique(gaps.gap[inside], return_inverse=True)
        counts = np.bincount(place, weights=gaps.count[inside], minlength=len(days))
        return {
            "gaps": [[int(day), int(count)] for day, count in zip(days, counts, strict=True)],
            "categories": _by_category(asked),
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        gaps = counted["gaps"]
        total = sum(count for _day, count in gaps)
        if not total:
            return Result(sentences=[gettext("Nobody bought a second time in this period: there is no cycle to measure.")])
        within = {share: _quantile(gaps, total, share) for share in SHARES}
        mean = sum(day * count for day, count in gaps) / total
        told = gettext("Half of all purchases follow the one before within %(median)s, three quarters within %(quarters)s.")
        names = {"median": words.days(within[0.5]), "quarters": words.days(within[0.75])}
        bins = _bins(gaps)
        drawn = [row for row in counted["categories"] if row["purchases"] >= FEWEST][:DRAWN]
        return Result(
            sentences=[told % names, *_quick_and_slow(drawn)],
            values={"median": within[0.5], "three_quarters": within[0.75], "mean": mean, "repeats": total},
            charts=[
                Bars(
                    _("Purchases by days since the one before"),
                    [label for label, _count in bins],
                    [Series(_("purchases"), [count for _label, count in bins])],
                ),
                _curve(gaps, total),
                *_category_picture(drawn),
            ],
            tables=[_bin_table(bins, total), _quantile_table(within), *_category_table(counted["categories"])],
            notes=[
                gettext("Remind before the cycle ends, not after: who buys about then needs no reason to be won back."),
                gettext("Who has not bought again yet has no cycle: the true one is longer than what is seen here."),
            ],
        )


def _by_category(asked: Asked) -> list[dict[str, Any]]:
    """The cycle of each category, the most bought first; the longest gap bounds how far back is read."""
    lines = lines_until(asked).filter(order__placed_day__gte=asked.first_day - LONGEST, product__category__isnull=False)
    named = {"member_id": F("order__member_id"), "day": F("order__placed_day"), "category": F("product__category__name")}
    days = CTE(lines.values(**named).distinct(), name="days")
    of_member: dict[str, Any] = {"partition_by": [F("member_id"), F("category")], "order_by": [F("day").asc()]}
    gaps = CTE(days.queryset().values("day", "category", before=Window(Lag("day"), **of_member)), name="gaps")
    ended = gaps.queryset().filter(Q(before__gte=F("day") - LONGEST), day__gte=asked.first_day)
    rows = with_cte(days, gaps, select=ended.values("category", gap=F("day") - F("before")).annotate(count=Count("day")))
    found: dict[str, list[list[int]]] = {}
    for row in rows.order_by("category", "gap"):
        found.setdefault(row["category"], []).append([row["gap"], row["count"]])
    told = [{"category": name, **_summary(of_it)} for name, of_it in found.items()]
    return sorted(told, key=lambda row: (-row["purchases"], row["category"]))[:SHOWN]


def _summary(gaps: list[list[int]]) -> dict[str, Any]:
    total = sum(count for _day, count in gaps)
    quarters = {f"q{round(share * 100)}": _quantile(gaps, total, share) for share in SHARES[:3]}
    return {"purchases": total, "mean": sum(day * count for day, count in gaps) / total, **quarters}


def _quick_and_slow(drawn: list[dict[str, Any]]) -> list[str]:
    if len(drawn) < 2:
        return []
    quick, slow = min(drawn, key=lambda row: row["q50"]), max(drawn, key=lambda row: row["q50"])
    if quick["q50"] == slow["q50"]:
        return []
    said = gettext("Of the largest categories %(quick)s comes back soonest (%(soon)s), %(slow)s last (%(late)s).")
    names = {"quick": quick["category"], "slow": slow["category"]}
    return [said % {**names, "soon": words.days(quick["q50"]), "late": words.days(slow["q50"])}]


def _category_picture(drawn: list[dict[str, Any]]) -> list[Rows]:
    if not drawn:
        return []
    series = [Series(_("median"), [row["q50"] for row in drawn])]
    return [Rows(_("Half buy of a category again within"), [row["category"] for row in drawn], series, Unit.DAYS)]


def _category_table(categories: list[dict[str, Any]]) -> list[Table]:
    if not categories:
        return []
    columns = [
        Column("category", _("category")),
        Column("purchases", _("purchases that followed another"), Unit.COUNT),
        Column("q25", _("a quarter within"), Unit.DAYS),
        Column("q50", _("half within"), Unit.DAYS),
        Column("q75", _("three quarters within"), Unit.DAYS),
        Column("mean", _("mean"), Unit.DAYS),
    ]
    rows = [[row[column.code] for column in columns] for row in categories]
    return [Table("categories", _("By category"), columns, rows)]


def _quantile(gaps: list[list[int]], total: int, share: float) -> int:
    """The fewest days within which at least that share of purchases followed."""
    reached = 0
    for day, count in gaps:
        reached += count
        if reached >= share * total - 1e-9:
            return day
    return gaps[-1][0]


def _bins(gaps: list[list[int]]) -> list[tuple[str, int]]:
    told, begins = [], 1
    for ends in BINS:
        told.append((f"{begins}-{ends}", sum(count for day, count in gaps if begins <= day <= ends)))
        begins = ends + 1
    return told


def _curve(gaps: list[list[int]], total: int) -> Lines:
    days = [float(day) for day, _count in gaps]
    reached = np.cumsum([count for _day, count in gaps]) / total
    return Lines(
        _("Share of purchases that followed within so many days"),
        (),
        [Series(_("purchases"), [float(each) for each in reached])],
        Unit.SHARE,
        x=days,
        x_unit=Unit.NUMBER,
        steps=True,
    )


def _bin_table(bins: list[tuple[str, int]], total: int) -> Table:
    columns = [
        Column("days", _("days since the one before")),
        Column("purchases", _("purchases"), Unit.COUNT),
        Column("share", _("share"), Unit.SHARE),
        Column("within", _("so many or fewer"), Unit.SHARE),
    ]
    rows: list[list[Any]] = []
    reached = 0
    for label, count in bins:
        reached += count
        rows.append([label, count, count / total, reached / total])
    return Table("days", _("Purchases by days since the one before"), columns, rows)


def _quantile_table(within: dict[float, int]) -> Table:
    columns = [Column("share", _("share of purchases"), Unit.SHARE), Column("days", _("follow within"), Unit.DAYS)]
    return Table("quantiles", _("How soon"), columns, [[share, days] for share, days in within.items()])
