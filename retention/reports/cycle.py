"""The purchase cycle: how many days lie between one purchase and the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table
from retention.reports.charts import Bars, Lines, Series
from retention.reports.gaps import gaps_between, order_days
from retention.reports.words import Unit

LONGEST = 400
"""Days. A longer gap is no cycle but somebody who came back."""
BINS = (7, 14, 30, 60, 90, 180, LONGEST)
"""The last day of each."""
SHARES = (0.25, 0.5, 0.75, 0.9)


class PurchaseCycle(Report):
    code = "purchase-cycle"
    group = "buying"
    question = _("How long does it take until members buy again?")
    term = _("purchase cycle")
    definition = _(
        "The days between a day on which a member bought and the next such day, for all purchases of the period that "
        "had one before them within 400 days. Members who have not bought again yet are not in it: see the survival "
        "curve for them."
    )
    formula = _("purchase cycle = day of the purchase − day of the purchase before; median: half of them are no longer")
    figures = (
        Figure("median", _("half buy again within"), Unit.DAYS, better=-1),
        Figure("three_quarters", _("three quarters buy again within"), Unit.DAYS, better=-1),
        Figure("mean", _("mean cycle"), Unit.DAYS, better=-1),
    )

    def count(self, asked: Asked) -> Counted:
        gaps = gaps_between(order_days(asked), longest=LONGEST, since=asked.first_day - LONGEST)
        ends = gaps.day + gaps.gap
        inside = (gaps.gap <= LONGEST) & (ends >= asked.first_day) & (ends <= asked.last_day)
        days, place = np.unique(gaps.gap[inside], return_inverse=True)
        counts = np.bincount(place, weights=gaps.count[inside], minlength=len(days))
        return {"gaps": [[int(day), int(count)] for day, count in zip(days, counts, strict=True)]}

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
        return Result(
            sentences=[told % names],
            values={"median": within[0.5], "three_quarters": within[0.75], "mean": mean},
            charts=[
                Bars(
                    _("Purchases by days since the one before"),
                    [label for label, _count in bins],
                    [Series(_("purchases"), [count for _label, count in bins])],
                ),
                _curve(gaps, total),
            ],
            tables=[_bin_table(bins, total), _quantile_table(within)],
            notes=[gettext("Remind before the cycle ends, not after: who buys about then needs no reason to be won back.")],
        )


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
