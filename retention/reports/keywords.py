"""What members look for and do not buy."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from members.models import EventKind
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Rows, Series
from retention.reports.visits import behaviour, last_days, orders_soon_after, shop_note
from retention.reports.words import Unit

SHOWN = 100
DRAWN = 12


class KeywordsWithoutPurchase(Report):
    code = "keywords"
    group = "behaviour"
    question = _("What do members search for and then not buy?")
    term = _("keywords without purchase")
    definition = _(
        "A search is a member's looking for one keyword on one day, however often they typed it. It ends in a purchase when "
        "the member orders on that day or the next, whatever they order."
    )
    formula = _("share without purchase = searches without an order on that day or the next ÷ searches")
    figures = (
        Figure("without_share", _("searches without purchase"), Unit.SHARE, better=-1),
        Figure("searches", _("searches"), Unit.COUNT, better=1),
    )

    def period(self, known_day: int) -> tuple[int, int]:
        return last_days(known_day)

    def count(self, asked: Asked) -> Counted:
        typed = behaviour(asked).filter(kind=EventKind.SEARCH).exclude(keyword="")
        searches = CTE(typed.values("member_id", "day", "keyword").annotate(typed=Count("day")), name="searches")
        soon = {"member_id": OuterRef("member_id"), "placed_day__range": (OuterRef("day"), OuterRef("day") + 1)}
        judged = CTE(
            searches.queryset().annotate(bought=Exists(orders_soon_after(asked, days=1).filter(**soon))), name="judged"
        )
        without = Count("day", filter=Q(bought=False))
        whole = with_cte(searches, judged, select=judged.queryset()).aggregate(
            searches=Count("day"), without=without, keywords=Count("keyword", distinct=True)
        )
        by_keyword = (
            with_cte(searches, judged, select=judged.queryset())
            .values("keyword")
            .annotate(searches=Count("day"), without=without, typed=Sum("typed"), members=Count("member_id", distinct=True))
        )
        largest = by_keyword.order_by(F("without").desc(), F("searches").desc(), "keyword")[:SHOWN]
        return {**whole, "rows": [dict(row) for row in largest]}

    def show(self, asked: Asked, counted: Counted) -> Result:
        if not counted["searches"]:
            said = gettext("Nobody searched with a keyword in this time, as far as events tell.")
            return Result(sentences=[said], notes=shop_note(asked))
        rows = counted["rows"]
        values = {
            "without_share": ratio(counted["without"], counted["searches"]),
            "searches": counted["searches"],
        }
        drawn = rows[:DRAWN]
        return Result(
            sentences=[_headline(counted, values)],
            values=values,
            charts=[
                Rows(
                    _("The keywords that most often end without a purchase"),
                    [row["keyword"] for row in drawn],
                    [
                        Series(_("no purchase"), [row["without"] for row in drawn], colour="orange"),
                        Series(_("purchase"), [row["searches"] - row["without"] for row in drawn], colour="green"),
                    ],
                )
            ],
            tables=[_table(rows)],
            notes=[*_cut(counted, rows), *shop_note(asked)],
        )


def _headline(counted: Counted, values: dict[str, Any]) -> str:
    first = counted["rows"][0]
    said = gettext("%(share)s of %(searches)s searches ended without a purchase, most of all “%(keyword)s” (%(count)s).")
    return said % {
        "share": words.percent(values["without_share"]),
        "searches": words.number(counted["searches"]),
        "keyword": first["keyword"],
        "count": words.number(first["without"]),
    }


def _cut(counted: Counted, rows: list[dict[str, Any]]) -> list[str]:
    if counted["keywords"] <= len(rows):
        return []
    said = gettext("Of %(keywords)s keywords the first %(shown)s are listed; the figures are of all.")
    return [said % {"keywords": words.number(counted["keywords"]), "shown": words.number(len(rows))}]


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = [
        Column("keyword", _("keyword")),
        Column("searches", _("searches"), Unit.COUNT),
        Column("members", _("members"), Unit.COUNT),
        Column("typed", _("times typed"), Unit.COUNT),
        Column("without", _("without purchase"), Unit.COUNT),
        Column("share", _("share without"), Unit.SHARE),
    ]
    table = [[*(row[column.code] for column in columns[:-1]), ratio(row["without"], row["searches"])] for row in rows]
    return Table("keywords", _("By keyword"), columns, table)
