"""Who looked at a product and bought something else on the same day, or nothing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from django.db.models import Case, Count, F, IntegerField, Max, QuerySet, Value, When
from django.db.models.sql.constants import LOUTER
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from members.models import EventKind, Product
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Rows, Series
from retention.reports.sources import orders_within
from retention.reports.visits import behaviour, last_days, shop_note
from retention.reports.words import Unit

OUTCOMES = ("this", "same_category", "other", "nothing")
BY_CLOSENESS = dict(enumerate(reversed(OUTCOMES)))
LABELS = {
    "this": _("bought this"),
    "same_category": _("bought another of its category"),
    "other": _("bought something else"),
    "nothing": _("bought nothing"),
}
COLOURS = {"this": "green", "same_category": "amber", "other": "orange", "nothing": "grey"}
SHOWN = 100
DRAWN = 10


class ProductLoss(Report):
    code = "product-loss"
    group = "behaviour"
    question = _("Which products are looked at and then not bought?")
    term = _("same-day loss of a product")
    definition = _(
        "A visit is a member's looking at one product on one day of the shop. What the member ordered on that same day "
        "decides: this product, else another one of its category, else something else, else nothing."
    )
    formula = _("loss rate = visits after which this product was not bought on the same day ÷ visits")
    figures = (
        Figure("loss_rate", _("loss rate"), Unit.SHARE, better=-1),
        Figure("elsewhere_share", _("bought something else instead"), Unit.SHARE, better=-1),
        Figure("visits", _("visits of products"), Unit.COUNT, better=1),
    )

    def period(self, known_day: int) -> tuple[int, int]:
        return last_days(known_day)

    def count(self, asked: Asked) -> Counted:
        frame = pd.DataFrame(_outcomes(asked), columns=["product_id", "closest", "visits"])
        if frame.empty:
            return {"rows": [], "whole": {}, "products": 0}
        frame["outcome"] = frame["closest"].map(BY_CLOSENESS)
        wide = frame.pivot_table(index="product_id", columns="outcome", values="visits", aggfunc="sum", fill_value=0)
        wide = wide.reindex(columns=list(OUTCOMES), fill_value=0)
        wide["visits"] = wide.sum(axis=1)
        shown = wide.reset_index().sort_values(["visits", "product_id"], ascending=[False, True]).head(SHOWN)
        named = _named(shown["product_id"].tolist())
        rows = [{**named[row["product_id"]], **row} for row in shown.astype(int).to_dict("records")]
        return {"rows": rows, "whole": {name: int(wide[name].sum()) for name in wide}, "products": len(wide)}

    def show(self, asked: Asked, counted: Counted) -> Result:
        whole, rows = counted["whole"], counted["rows"]
        if not rows:
            said = gettext("Nobody viewed a product in this time, as far as events tell.")
            return Result(sentences=[said], notes=shop_note(asked))
        values = {
            "loss_rate": ratio(whole["visits"] - whole["this"], whole["visits"]),
            "elsewhere_share": ratio(whole["same_category"] + whole["other"], whole["visits"]),
            "visits": whole["visits"],
        }
        drawn = rows[:DRAWN]
        return Result(
            sentences=[_headline(rows, values)],
            values=values,
            charts=[
                Rows(
                    _("What visitors of the most visited products bought on the same day"),
                    [row["name"] for row in drawn],
                    [Series(LABELS[code], [row[code] for row in drawn], colour=COLOURS[code]) for code in OUTCOMES],
                    whole=True,
                )
            ],
            tables=[_table(rows, whole)],
            notes=[*_cut(counted), *shop_note(asked)],
        )


def _outcomes(asked: Asked) -> QuerySet[Any, Any]:
    """(product, outcome, visits). What was bought is joined once to what was seen on the same day by the same member."""
    views = behaviour(asked).filter(kind=EventKind.VIEW, product__isnull=False)
    seen = CTE(views.values("member_id", "day", "product_id", sort=F("product__category_id")).distinct(), name="seen")
    lines = {"bought": F("lines__product_id"), "bought_sort": F("lines__product__category_id")}
    orders = orders_within(asked).values("member_id", on_day=F("placed_day"), **lines).distinct()
    bought = CTE(orders, name="bought_things", materialized=True)
    same_day = {"member_id": bought.col.member_id, "day": bought.col.on_day}
    joined = bought.join(seen.queryset(), **same_day, _join_type=LOUTER)
    met = joined.annotate(who=bought.col.member_id, bought=bought.col.bought, bought_sort=bought.col.bought_sort)
    closeness = Case(
        When(bought=F("product_id"), then=Value(3)),
        When(bought_sort=F("sort"), then=Value(2)),
        When(who__isnull=False, then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )
    closest = CTE(met.values("member_id", "day", "product_id").annotate(closest=Max(closeness)), name="closest")
    found = with_cte(seen, bought, closest, select=closest.queryset())
    return found.values_list("product_id", "closest").annotate(visits=Count("day"))


def _named(ids: list[int]) -> dict[int, dict[str, Any]]:
    found = Product.objects.filter(pk__in=ids).select_related("category")
    return {
        product.pk: {"code": product.code, "name": str(product), "category": product.category and product.category.name}
        for product in found
    }


def _headline(rows: list[dict[str, Any]], values: dict[str, Any]) -> str:
    worst = max(rows, key=lambda row: row["visits"] - row["this"])
    said = gettext(
        "%(share)s of %(visits)s visits of products ended without buying that product on the same day; %(elsewhere)s bought "
        "something else instead. Most of all %(product)s: %(lost)s."
    )
    return said % {
        "share": words.percent(values["loss_rate"]),
        "visits": words.number(values["visits"]),
        "elsewhere": words.percent(values["elsewhere_share"]),
        "product": worst["name"],
        "lost": words.number(worst["visits"] - worst["this"]),
    }


def _cut(counted: Counted) -> list[str]:
    if counted["products"] <= len(counted["rows"]):
        return []
    said = gettext("Of %(products)s products the %(shown)s most visited are listed; the figures are of all.")
    return [said % {"products": words.number(counted["products"]), "shown": words.number(len(counted["rows"]))}]


def _table(rows: list[dict[str, Any]], whole: dict[str, int]) -> Table:
    columns = [
        Column("product", _("product")),
        Column("category", _("category")),
        Column("visits", _("visits"), Unit.COUNT),
        *(Column(code, LABELS[code], Unit.COUNT) for code in OUTCOMES),
        Column("loss_rate", _("loss rate"), Unit.SHARE),
    ]
    table = [[row["name"], row["category"], *_numbers(row)] for row in rows]
    table.append([_("all products"), "", *_numbers(whole)])
    return Table("products", _("By product"), columns, table)


def _numbers(row: dict[str, Any]) -> list[Any]:
    return [row["visits"], *(row[code] for code in OUTCOMES), ratio(row["visits"] - row["this"], row["visits"])]
