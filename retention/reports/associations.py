"""What is bought together, and what is bought next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from members.models import Category, OrderLine, Product
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Option, Report, Result, Table, ratio
from retention.reports.charts import Rows, Series
from retention.reports.sources import lines_within, orders_within
from retention.reports.words import Unit

LEVELS = (("category", _("categories")), ("product", _("products")))
COLUMNS = {"category": "product__category_id", "product": "product_id"}
FEWEST = 5
"""Times below which a pair is an accident and left out."""
SHOWN = 200
LISTED = 60
DRAWN = 10


class BoughtTogetherAndNext(Report):
    code = "bought-together"
    group = "buying"
    question = _("What do members buy together, and what next?")
    term = _("product associations")
    definition = _(
        "Together: both stand in one order. Next: the second was ordered on the member's next order day after one on which "
        "the first was. Both orders lie in the period. A lift of 2 means twice as often as if what members buy had nothing "
        "to do with each other. Pairs that came about fewer than five times are left out."
    )
    formula = _("lift = share of orders with both ÷ (share with the first × share with the second)")
    figures = (
        Figure("pairs", _("pairs bought together"), Unit.COUNT),
        Figure("top_lift", _("highest lift"), Unit.NUMBER),
        Figure("orders", _("orders with known products"), Unit.COUNT),
    )
    options = (Option("level", _("pairs of"), LEVELS),)
    weight = 20

    def count(self, asked: Asked) -> Counted:
        column = COLUMNS[asked.options["level"]]
        lines = lines_within(asked).filter(**{f"{column}__isnull": False})
        single = dict(lines.values_list(column).annotate(orders=Count("order_id", distinct=True)))
        orders = lines.aggregate(orders=Count("order_id", distinct=True))["orders"]
        together, next_pairs = list(_together(lines, column)), list(_next(asked, lines, column))
        names = _names(asked, [pair[place] for pair in [*together, *next_pairs] for place in (0, 1)])
        pairs = [
            {
                "first": names[first],
                "second": names[second],
                "orders": both,
                "of_first": single[first],
                "of_second": single[second],
                "lift": both * orders / (single[first] * single[second]),
            }
            for first, second, both in together
        ]
        afterwards = [
            {"first": names[first], "second": names[second], "times": times, "of": of}
            for first, second, times, of in next_pairs
        ]
        return {"orders": orders, "pairs": pairs, "next": afterwards}

    def show(self, asked: Asked, counted: Counted) -> Result:
        pairs = sorted(counted["pairs"], key=lambda row: (-row["lift"], -row["orders"], row["first"], row["second"]))
        values: dict[str, float | None] = {
            "pairs": len(pairs),
            "top_lift": pairs[0]["lift"] if pairs else None,
            "orders": counted["orders"],
        }
        if not counted["orders"]:
            said = gettext("No order of this time says what was bought: import order lines, and this page answers.")
            return Result(sentences=[said], values=values)
        afterwards = counted["next"]
        if not pairs and not afterwards:
            said = gettext("Nothing was bought together or one after the other five times or more in this time.")
            return Result(sentences=[said], values=values)
        return Result(
            sentences=[*_headline(pairs), *_said_next(afterwards)],
            values=values,
            charts=_charts(pairs, afterwards),
            tables=[_pairs_table(pairs[:LISTED]), _next_table(afterwards[:LISTED])],
            notes=_cut(pairs),
        )


def _cut(pairs: list[dict[str, Any]]) -> list[str]:
    """A rare pair may have a higher lift than any that was looked at."""
    if len(pairs) < SHOWN:
        return []
    said = gettext("There are more pairs than these %(shown)s, which are the most frequent: lifts are of them alone.")
    return [said % {"shown": words.number(SHOWN)}]


def _together(lines: QuerySet[OrderLine, Any], column: str) -> QuerySet[Any, Any]:
    """(first, second, orders with both), the most frequent; each pair once."""
    baskets = CTE(lines.values("order_id", first=F(column)).distinct(), name="baskets", materialized=True)
    others = _known_lines(column)
    joined = baskets.join(others, order_id=baskets.col.order_id).annotate(first=baskets.col.first)
    pairs = joined.filter(**{f"{column}__gt": F("first")}).values_list("first", column)
    counted = with_cte(baskets, select=pairs.annotate(both=Count("order_id", distinct=True)).filter(both__gte=FEWEST))
    return counted.order_by("-both", "first", column)[:SHOWN]


def _next(asked: Asked, lines: QuerySet[OrderLine, Any], column: str) -> list[tuple[Any, Any, int, int]]:
    """(first, second, how often the second came next, how often anything came next after the first), the most frequent.

    Each step is worked out once and joined to a table by its index: that SQLite makes no index for what a query works out on
    its way, and that PostgreSQL may not know yet how large the tables are, then costs nothing.
    """
    own = {"member_id": OuterRef("order__member_id"), "placed_day__gt": OuterRef("order__placed_day")}
    following = orders_within(asked).filter(**own).order_by("placed_day").values("placed_day")[:1]
    begun = lines.annotate(later=Subquery(following)).filter(later__isnull=False)
    first_bought = begun.values("later", buyer=F("order__member_id"), first=F(column)).distinct()
    firsts = CTE(first_bought, name="firsts", materialized=True)
    ordered = firsts.join(orders_within(asked), member_id=firsts.col.buyer, placed_day=firsts.col.later)
    steps = ordered.annotate(first=firsts.col.first).values("first", buyer=F("member_id"), day=F("placed_day"), then=F("pk"))
    nexts = CTE(steps, name="nexts", materialized=True)
    then_bought = nexts.join(_known_lines(column), order_id=nexts.col.then).annotate(
        first=nexts.col.first, buyer=nexts.col.buyer, day=nexts.col.day
    )
    pairs = CTE(then_bought.values("first", "buyer", "day", then=F(column)).distinct(), name="pairs", materialized=True)
    counted = pairs.queryset().values_list("first", "then").annotate(times=Count("buyer")).filter(times__gte=FEWEST)
    often = with_cte(firsts, nexts, pairs, select=counted).order_by("-times", "first", "then")[:SHOWN]
    of = dict(with_cte(firsts, select=firsts.queryset().values_list("first").annotate(times=Count("buyer"))))
    return [(first, then, times, of[first]) for first, then, times in often]


def _known_lines(column: str) -> QuerySet[OrderLine, Any]:
    return OrderLine.objects.filter(**{f"{column}__isnull": False})


def _names(asked: Asked, ids: list[int]) -> Mapping[int, str]:
    model: Any = Category if asked.options["level"] == "category" else Product
    return {row.pk: str(row) for row in model.objects.filter(pk__in=set(ids))}


def _headline(pairs: list[dict[str, Any]]) -> list[str]:
    if not pairs:
        return []
    first = pairs[0]
    if first["lift"] <= 1:
        return [gettext("No two are bought in one order more often than chance gives.")]
    said = gettext("%(first)s and %(second)s belong together most: in one order %(lift)s times as often as chance gives.")
    return [said % {"first": first["first"], "second": first["second"], "lift": words.number(first["lift"])}]


def _said_next(afterwards: list[dict[str, Any]]) -> list[str]:
    others = [row for row in afterwards if row["first"] != row["second"]]
    if not others:
        return []
    best = max(others, key=lambda row: (row["times"] / row["of"], row["times"]))
    said = gettext("After %(first)s, %(share)s of the next order days bring %(second)s.")
    return [said % {"first": best["first"], "second": best["second"], "share": words.percent(best["times"] / best["of"])}]


def _charts(pairs: list[dict[str, Any]], afterwards: list[dict[str, Any]]) -> list[Rows]:
    charts = []
    if pairs:
        drawn = pairs[:DRAWN]
        labels = [f"{row['first']} + {row['second']}" for row in drawn]
        title = _("Bought together: lift")
        charts.append(Rows(title, labels, [Series(_("lift"), [row["lift"] for row in drawn])], Unit.NUMBER))
    if afterwards:
        drawn = afterwards[:DRAWN]
        labels = [f"{row['first']} → {row['second']}" for row in drawn]
        title = _("Bought next: share of the next order days")
        charts.append(Rows(title, labels, [Series(_("share"), [row["times"] / row["of"] for row in drawn])], Unit.SHARE))
    return charts


def _pairs_table(pairs: list[dict[str, Any]]) -> Table:
    columns = [
        Column("first", _("one")),
        Column("second", _("other")),
        Column("orders", _("orders with both"), Unit.COUNT),
        Column("of_first", _("of those with the one"), Unit.SHARE),
        Column("of_second", _("of those with the other"), Unit.SHARE),
        Column("lift", _("lift"), Unit.NUMBER),
    ]
    rows = [
        [
            row["first"],
            row["second"],
            row["orders"],
            ratio(row["orders"], row["of_first"]),
            ratio(row["orders"], row["of_second"]),
            row["lift"],
        ]
        for row in pairs
    ]
    return Table("together", _("Bought together"), columns, rows)


def _next_table(afterwards: list[dict[str, Any]]) -> Table:
    columns = [
        Column("first", _("first")),
        Column("second", _("then")),
        Column("times", _("times"), Unit.COUNT),
        Column("share", _("share of the next order days"), Unit.SHARE),
    ]
    rows = [[row["first"], row["second"], row["times"], ratio(row["times"], row["of"])] for row in afterwards]
    return Table("next", _("Bought next"), columns, rows)
