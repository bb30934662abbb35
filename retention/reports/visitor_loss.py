"""Visitors who leave without buying, and what they spend elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, Subquery, Sum, Value, When
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from core.periods import date_of
from retention.models import LossFigure
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.calendar import Month, month_place, months_of
from retention.reports.charts import Lines, Series
from retention.reports.sources import orders_within
from retention.reports.visits import browsing, nothing_done, shop_note
from retention.reports.words import Unit


class VisitorLoss(Report):
    code = "visitor-loss"
    group = "behaviour"
    question = _("How many visitors leave without buying, and what do they spend elsewhere?")
    term = _("visitor loss rate and purchase-loss amount")
    definition = _(
        "Visitors are members who did something in the shop in a time. Lost are those of them without an order in it. In a "
        "long time most visitors order once, so the rate of a month says more. For one shop the purchase-loss amount is "
        "what its lost visitors spent in the brand's other shops in the same time. What visitors spend with others nobody "
        "here can see: such an amount is taken from the figures entered under “Purchase losses”, and is not known without "
        "them."
    )
    formula = _("visitor loss rate = visitors without an order in the month (or period) ÷ visitors")
    figures = (
        Figure("monthly_rate", _("visitor loss rate within a month"), Unit.SHARE, better=-1),
        Figure("loss_rate", _("visitor loss rate of the period"), Unit.SHARE, better=-1),
        Figure("visitors", _("visitors"), Unit.COUNT, better=1),
        Figure("lost", _("visitors lost"), Unit.COUNT, better=-1),
        Figure("loss_minor", _("purchase-loss amount"), Unit.MONEY, better=-1),
    )

    def count(self, asked: Asked) -> Counted:
        months = months_of(asked.first_day, asked.last_day)
        whole = _losses(asked, [Month(asked.first_day, asked.last_day, True)])
        return {
            "months": [{"month": month.code, **found} for month, found in zip(months, _losses(asked, months), strict=True)],
            "whole": whole[0],
            "told": _told(asked),
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        whole, months, told = counted["whole"], counted["months"], counted["told"]
        loss = _loss(asked, whole, told)
        visits, gone = (sum(month[name] for month in months) for name in ("visitors", "lost"))
        values = {
            "monthly_rate": ratio(gone, visits),
            "loss_rate": ratio(whole["lost"], whole["visitors"]),
            "visitors": whole["visitors"],
            "lost": whole["lost"],
            "loss_minor": loss,
        }
        if not whole["visitors"]:
            sentence = nothing_done()
            charts, tables = [], _told_table(told)
        else:
            sentence = _headline(whole, values["monthly_rate"], loss)
            rates = [ratio(month["lost"], month["visitors"]) for month in months]
            labels = [month["month"] for month in months]
            title = _("Visitor loss rate by month")
            charts = [Lines(title, labels, [Series(_("visitor loss rate"), rates)], Unit.SHARE, figure="monthly_rate")]
            tables = [_table(asked, months, rates), *_told_table(told)]
        return Result(
            sentences=[sentence],
            values=values,
            charts=charts,
            tables=tables,
            notes=[*_notes(asked, told), *shop_note(asked)],
        )


def _losses(asked: Asked, months: Sequence[Month]) -> list[dict[str, int]]:
    """For each month: visitors, those without an order, and what these spent in the brand's other shops."""
    seen = CTE(browsing(asked).values("member_id", month=month_place("day", months)).distinct(), name="seen")
    own = {"member_id": OuterRef("member_id"), "month": OuterRef("month")}
    here = orders_within(asked).annotate(month=month_place("placed_day", months)).filter(**own)
    lost = Case(When(Exists(here), then=Value(0)), default=Value(1), output_field=IntegerField())
    judged = CTE(seen.queryset().annotate(gone=lost), name="judged")
    rows = judged.queryset()
    amount: Any = Value(0)
    if asked.shop_id is not None:
        everywhere = orders_within(replace(asked, shop_id=None, shop="")).exclude(shop_id=asked.shop_id)
        elsewhere = everywhere.annotate(month=month_place("placed_day", months)).filter(**own)
        spent = elsewhere.order_by().values("member_id").annotate(spent=Sum("revenue_minor")).values("spent")
        amount = Case(When(gone=1, then=Subquery(spent)))
    spent_rows = CTE(rows.annotate(elsewhere=amount), name="spent")
    found = with_cte(seen, judged, spent_rows, select=spent_rows.queryset()).values("month")
    counted = found.annotate(visitors=Count("member_id"), lost=Count("member_id", filter=Q(gone=1)), amount=Sum("elsewhere"))
    by_month = {row["month"]: row for row in counted}
    return [
        {
            "visitors": by_month[place]["visitors"] if place in by_month else 0,
            "lost": by_month[place]["lost"] if place in by_month else 0,
            "elsewhere": int(by_month[place]["amount"] or 0) if place in by_month else 0,
        }
        for place in range(len(months))
    ]


def _told(asked: Asked) -> list[dict[str, Any]]:
    """The figures entered whose whole time lies in the period: a part of one would be a guess."""
    first, last = date_of(asked.first_day), date_of(asked.last_day)
    of_shop = Q(shop__isnull=True) if asked.shop_id is None else Q(shop_id=asked.shop_id)
    figures = LossFigure.objects.filter(of_shop, first_on__gte=first, last_on__lte=last)
    rows = figures.order_by("first_on", "pk").values("first_on", "last_on", "amount_minor", "origin")
    return [{**row, "first_on": row["first_on"].isoformat(), "last_on": row["last_on"].isoformat()} for row in rows]


def _loss(asked: Asked, whole: dict[str, int], told: list[dict[str, Any]]) -> int | None:
    """None where nobody can know it: of the brand as a whole without a figure entered."""
    entered = sum(row["amount_minor"] for row in told) if told else None
    if asked.shop_id is None:
        return entered
    return whole["elsewhere"] + (entered or 0)


def _headline(whole: dict[str, int], monthly: float | None, loss: int | None) -> str:
    said = gettext(
        "In a month %(monthly)s of visitors leave without an order; in the whole period %(lost)s of %(visitors)s "
        "(%(share)s). What they spent elsewhere: %(amount)s."
    )
    return said % {
        "monthly": words.percent(monthly),
        "lost": words.number(whole["lost"]),
        "visitors": words.number(whole["visitors"]),
        "share": words.percent(ratio(whole["lost"], whole["visitors"])),
        "amount": words.money(loss),
    }


def _table(asked: Asked, months: list[dict[str, Any]], rates: list[float | None]) -> Table:
    columns = [
        Column("month", _("month")),
        Column("visitors", _("visitors"), Unit.COUNT),
        Column("lost", _("without an order"), Unit.COUNT),
        Column("loss_rate", _("visitor loss rate"), Unit.SHARE),
    ]
    rows: list[list[Any]] = [
        [month["month"], month["visitors"], month["lost"], rate] for month, rate in zip(months, rates, strict=True)
    ]
    if asked.shop_id is not None:
        columns.append(Column("elsewhere", _("spent in the brand's other shops"), Unit.MONEY))
        rows = [[*row, month["elsewhere"]] for row, month in zip(rows, months, strict=True)]
    return Table("months", _("By month"), columns, rows)


def _told_table(told: list[dict[str, Any]]) -> list[Table]:
    if not told:
        return []
    columns = [
        Column("first_on", _("from")),
        Column("last_on", _("to")),
        Column("amount", _("purchase-loss amount"), Unit.MONEY),
        Column("origin", _("where the figure comes from")),
    ]
    return [Table("told", _("Figures entered"), columns, [[row[name] for name in TOLD] for row in told])]


TOLD = ("first_on", "last_on", "amount_minor", "origin")


def _notes(asked: Asked, told: list[dict[str, Any]]) -> list[str]:
    if told or asked.shop_id is not None:
        return []
    return [
        gettext("What visitors spent with other sellers is not known: enter it under “Purchase losses” where you are told.")
    ]
