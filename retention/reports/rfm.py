"""RFM: who ordered how recently, how often and for how much; the grid and the eight classic groups."""

from __future__ import annotations

import math
from typing import Any

from django.db.models import Avg, BigIntegerField, Case, Count, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Heat, Rule
from retention.reports.sources import orders_until
from retention.reports.words import Unit
from retention.scored import Scored, current_parameters, scored

SCORES = (1, 2, 3, 4, 5)
MEASURES = {"r": "days_since_last_order", "f": "order_count", "m": "revenue_minor"}

EIGHT: dict[str, Promise] = {
    "111": _("important, valued"),
    "101": _("important, to develop"),
    "011": _("important, to keep"),
    "001": _("important, to win back"),
    "110": _("ordinary, valued"),
    "100": _("ordinary, to develop"),
    "010": _("ordinary, to keep"),
    "000": _("ordinary, to win back"),
}
"""Recency, frequency, money: 1 is better than the mean of all buyers."""


class Rfm(Report):
    code = "rfm"
    group = "value"
    question = _("Who are our best customers, and who were?")
    term = _("RFM analysis")
    definition = _(
        "Buyers are scored from 1 to 5 by how recently, how often and for how much they ordered, at the cut points of "
        "the last weekly fit (a fifth of the buyers in each, as far as equal values allow). The eight groups compare "
        "each buyer with the mean of all: better or worse in recency, frequency and money."
    )
    formula = _("R: days since the last order, the fewer the better; F: orders; M: order totals less refunds")
    source = _("Hughes 1994, Strategic Database Marketing; the eight groups are the trade's usual ones")
    figures = (
        Figure("buyers", _("buyers"), Unit.COUNT, better=1),
        Figure("best", _("buyers with R 4-5 and F 4-5"), Unit.SHARE, better=1),
        Figure("best_revenue", _("their share of revenue"), Unit.SHARE),
        Figure("fading", _("buyers with R 1-2 and F 4-5"), Unit.SHARE, better=-1),
    )
    standing = True

    def count(self, asked: Asked) -> Counted:
        buyers = self._buyers(asked)
        sums = {"members": Count("member_id"), "revenue": Cast(Sum("revenue_minor"), BigIntegerField())}
        grid: Any = buyers.values("r_score", "f_score").annotate(**sums).order_by("r_score", "f_score")
        cells = [[row["r_score"], row["f_score"], row["members"], row["revenue"]] for row in grid]
        means: dict[str, Any] = self._buyers(asked).aggregate(**{code: Avg(column) for code, column in MEASURES.items()})
        if means["r"] is None:
            return {"cells": [], "means": {}, "eight": []}
        limits = {code: math.floor(means[code]) for code in MEASURES}
        better = {
            "r": Q(days_since_last_order__lte=limits["r"]),
            "f": Q(order_count__gt=limits["f"]),
            "m": Q(revenue_minor__gt=limits["m"]),
        }
        flags = {
            f"{code}_better": Case(When(test, then=Value(1)), default=Value(0), output_field=IntegerField())
            for code, test in better.items()
        }
        eight: Any = self._buyers(asked).values(**flags).annotate(**sums)
        return {
            "cells": cells,
            "means": {code: float(means[code]) for code in MEASURES},
            "eight": [
                ["".join(str(row[f"{code}_better"]) for code in MEASURES), row["members"], row["revenue"]] for row in eight
            ],
        }

    def _buyers(self, asked: Asked) -> QuerySet[Scored, Any]:
        scope = None if asked.shop_id is None else orders_until(asked).values("member_id")
        everybody = scored(as_of_day=asked.known_day, parameters=current_parameters(), scope=scope)
        return everybody.filter(order_count__gte=1)

    def show(self, asked: Asked, counted: Counted) -> Result:
        cells = [cell for cell in counted["cells"] if cell[0] is not None and cell[1] is not None]
        buyers, revenue = sum(cell[2] for cell in counted["cells"]), sum(cell[3] for cell in counted["cells"])
        if not buyers:
            return Result(sentences=[gettext("Nobody has ordered yet: there is nobody to score.")])
        eight = _eight_table(counted, buyers, revenue, linked=asked.shop_id is None)
        if not cells:
            told = gettext("No cut points are published yet, so that nobody has scores: the weekly fit makes them.")
            return Result(sentences=[told], values={"buyers": buyers}, tables=[eight])
        best = [cell for cell in cells if cell[0] >= 4 and cell[1] >= 4]
        fading = sum(cell[2] for cell in cells if cell[0] <= 2 and cell[1] >= 4)
        values = {
            "buyers": buyers,
            "best": sum(cell[2] for cell in best) / buyers,
            "best_revenue": ratio(sum(cell[3] for cell in best), revenue),
            "fading": fading / buyers,
        }
        told = gettext(
            "%(best)s of %(buyers)s buy often and bought lately: they brought %(revenue)s of the revenue. %(fading)s bought "
            "often and have fallen silent."
        )
        return Result(
            sentences=[
                told
                % {
                    "best": words.percent(values["best"]),
                    "buyers": words.number(buyers),
                    "revenue": words.percent(values["best_revenue"]),
                    "fading": words.members(fading),
                }
            ],
            values=values,
            charts=[_heat(cells, buyers, revenue, linked=asked.shop_id is None)],
            tables=[_grid_table(cells, buyers, revenue, linked=asked.shop_id is None), eight],
            notes=_notes(asked),
        )


def _rule(r: int, f: int) -> Rule:
    leaves = [{"field": f"{code}_score", "operator": "=", "value": score} for code, score in (("r", r), ("f", f))]
    return {"combinator": "and", "rules": leaves}


def _heat(cells: list[list[int]], buyers: int, revenue: int, *, linked: bool) -> Heat:
    """Recency down, the most recent on top; frequency across."""
    found = {(cell[0], cell[1]): cell for cell in cells}
    down = list(reversed(SCORES))
    grid = [[found.get((r, f)) for f in SCORES] for r in down]
    return Heat(
        _("Members by recency (R) and frequency (F): their share of all buyers"),
        corner=_("R ↓  F →"),
        rows=[f"R {r}" for r in down],
        columns=[f"F {f}" for f in SCORES],
        values=[[None if cell is None else cell[2] / buyers for cell in row] for row in grid],
        titles=[["" if cell is None else _cell_title(cell, revenue) for cell in row] for row in grid],
        rules={
            (line, column): _rule(r, f)
            for line, r in enumerate(down)
            for column, f in enumerate(SCORES)
            if linked and (r, f) in found
        },
    )


def _cell_title(cell: list[int], revenue: int) -> str:
    told = gettext("%(members)s, %(share)s of the revenue")
    return told % {"members": words.members(cell[2]), "share": words.percent(ratio(cell[3], revenue))}


def _grid_table(cells: list[list[int]], buyers: int, revenue: int, *, linked: bool) -> Table:
    columns = [
        Column("r", "R", Unit.COUNT),
        Column("f", "F", Unit.COUNT),
        Column("members", _("members"), Unit.COUNT),
        Column("share", _("share of buyers"), Unit.SHARE),
        Column("revenue", _("revenue"), Unit.MONEY),
        Column("revenue_share", _("share of revenue"), Unit.SHARE),
    ]
    ordered = sorted(cells, key=lambda cell: (-cell[0], -cell[1]))
    rows = [[r, f, members, members / buyers, spent, ratio(spent, revenue)] for r, f, members, spent in ordered]
    rules = {(line, "members"): _rule(cell[0], cell[1]) for line, cell in enumerate(ordered)} if linked else {}
    return Table("grid", _("Recency and frequency"), columns, rows, rules)


def _eight_table(counted: Counted, buyers: int, revenue: int, *, linked: bool) -> Table:
    columns = [
        Column("group", _("group")),
        Column("r", _("recency")),
        Column("f", _("frequency")),
        Column("m", _("money")),
        Column("members", _("members"), Unit.COUNT),
        Column("share", _("share of buyers"), Unit.SHARE),
        Column("revenue", _("revenue"), Unit.MONEY),
        Column("revenue_share", _("share of revenue"), Unit.SHARE),
    ]
    found = {code: (members, spent) for code, members, spent in counted["eight"]}
    rows: list[list[Any]] = []
    for code, label in EIGHT.items():
        members, spent = found.get(code, (0, 0))
        marks = ["↑" if flag == "1" else "↓" for flag in code]
        rows.append([str(label), *marks, members, members / buyers, spent, ratio(spent, revenue)])
    rules = {(line, "members"): _eight_rule(code, counted["means"]) for line, code in enumerate(EIGHT)} if linked else {}
    return Table("eight", _("The eight groups: better (↑) or worse (↓) than the mean of all buyers"), columns, rows, rules)


def _eight_rule(code: str, means: dict[str, float]) -> Rule:
    """Against the means as they are today: a segment made of it keeps them."""
    leaves = []
    for (name, column), flag in zip(MEASURES.items(), code, strict=True):
        up, down = ("<=", ">") if name == "r" else (">", "<=")
        leaves.append({"field": column, "operator": up if flag == "1" else down, "value": math.floor(means[name])})
    return {"combinator": "and", "rules": [*leaves, {"field": "order_count", "operator": ">=", "value": 1}]}


def _notes(asked: Asked) -> list[str]:
    notes = [gettext("Scores are of the last refresh, whatever period is chosen. A cell opens the rule of its members.")]
    if asked.shop_id is not None:
        notes.append(gettext("Of one shop: members who ever ordered there, scored by all their orders."))
    return notes
