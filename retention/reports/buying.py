"""Repurchase, order value and penetration: what members buy, month by month."""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, Count, Q, Sum
from django.db.models.functions import Cast
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.calendar import Month, month_place, months_of
from retention.reports.charts import Bars, Lines, Series
from retention.reports.membership import members_by_month
from retention.reports.sources import orders_within
from retention.reports.words import Unit


def not_whole(asked: Asked, months: list[dict[str, Any]]) -> list[str]:
    """This function will say that the last month is still under way."""
    if months[-1]["whole"]:
        return []
    day = words.text_of(asked.last_day, Unit.DATE)
    return [gettext("The last month is not whole: it is counted up to %(day)s.") % {"day": day}]


class Repurchase(Report):
    code = "repurchase"
    group = "buying"
    question = _("How many buyers buy again?")
    term = _("repurchase rate")
    definition = _(
        "Of those who bought in a time, the share that bought on two days or more of it. Orders of one day are one "
        "purchase: an order that was split is not bought again."
    )
    formula = _("repurchase rate = buyers with two purchases or more ÷ buyers")
    figures = (
        Figure("repurchase_rate", _("repurchase rate of the period"), Unit.SHARE, better=1),
        Figure("monthly_rate", _("repurchase rate within a month"), Unit.SHARE, better=1),
        Figure("purchases", _("purchases a buyer"), Unit.NUMBER, better=1),
    )

    def count(self, asked: Asked) -> Counted:
        months = months_of(asked.first_day, asked.last_day)
        days = CTE(orders_within(asked).values("member_id", "placed_day").distinct(), name="days")
        of_month = CTE(
            days.queryset()
            .values("member_id", month=month_place("placed_day", months))
            .annotate(purchases=Count("placed_day")),
            name="of_month",
        )
        monthly = with_cte(days, of_month, select=of_month.queryset().values("month").annotate(**_buyers()))
        found = {row["month"]: row for row in monthly}
        of_all = CTE(days.queryset().values("member_id").annotate(purchases=Count("placed_day")), name="of_all")
        spread = with_cte(
            days, of_all, select=of_all.queryset().values("purchases").annotate(members=Count("member_id"))
        ).order_by("purchases")
        return {
            "months": [
                {"month": month.code, "whole": month.whole, **_row(found.get(place), "buyers", "again", "purchases_made")}
                for place, month in enumerate(months)
            ],
            "spread": [[row["purchases"], row["members"]] for row in spread],
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        months, spread = counted["months"], counted["spread"]
        buyers = sum(members for _purchases, members in spread)
        if not buyers:
            return Result(sentences=[gettext("Nobody bought in this period.")])
        again = buyers - sum(members for purchases, members in spread if purchases == 1)
        made = sum(purchases * members for purchases, members in spread)
        rates = [ratio(month["again"], month["buyers"]) for month in months]
        whole = [month for month in months if month["whole"]] or months
        told = gettext(
            "Of %(buyers)s who bought in this period %(share)s bought again; they bought %(purchases)s times each."
        )
        return Result(
            sentences=[
                told
                % {
                    "buyers": words.members(buyers),
                    "share": words.percent(again / buyers),
                    "purchases": words.number(round(made / buyers, 2)),
                }
            ],
            values={
                "repurchase_rate": again / buyers,
                "monthly_rate": ratio(sum(month["again"] for month in whole), sum(month["buyers"] for month in whole)),
                "purchases": made / buyers,
            },
            charts=[
                Lines(
                    _("Repurchase rate within each month"),
                    [month["month"] for month in months],
                    [Series(_("repurchase rate"), rates)],
                    Unit.SHARE,
                    figure="monthly_rate",
                ),
                _spread_picture(spread),
            ],
            tables=[_repurchase_table(months, rates), _spread_table(spread, buyers)],
            notes=[
                gettext("The longer the period, the higher the rate: compare periods of equal length alone."),
                *not_whole(asked, months),
            ],
        )


def _buyers() -> dict[str, Any]:
    return {
        "buyers": Count("member_id"),
        "again": Count("member_id", filter=Q(purchases__gte=2)),
        "purchases_made": Cast(Sum("purchases"), BigIntegerField()),
    }


def _row(found: dict[str, Any] | None, *names: str) -> dict[str, int]:
    return {name: (found or {}).get(name) or 0 for name in names}


MOST_PURCHASES = 10


def _folded(spread: list[list[int]]) -> list[tuple[str, int]]:
    """How many bought how often, ten times and more together."""
    few = [(str(purchases), members) for purchases, members in spread if purchases < MOST_PURCHASES]
    many = sum(members for purchases, members in spread if purchases >= MOST_PURCHASES)
    return [*few, *([(f"{MOST_PURCHASES}+", many)] if many else [])]


def _spread_picture(spread: list[list[int]]) -> Bars:
    folded = _folded(spread)
    series = [Series(_("buyers"), [float(members) for _label, members in folded])]
    return Bars(_("Buyers by how often they bought"), [label for label, _members in folded], series)


def _spread_table(spread: list[list[int]], buyers: int) -> Table:
    columns = [
        Column("purchases", _("purchases")),
        Column("buyers", _("buyers"), Unit.COUNT),
        Column("share", _("share of buyers"), Unit.SHARE),
    ]
    rows: list[list[Any]] = [[label, members, members / buyers] for label, members in _folded(spread)]
    return Table("spread", _("Buyers by how often they bought"), columns, rows)


def _repurchase_table(months: list[dict[str, Any]], rates: list[float | None]) -> Table:
    columns = [
        Column("month", _("month")),
        Column("buyers", _("buyers"), Unit.COUNT),
        Column("again", _("bought again"), Unit.COUNT),
        Column("purchases", _("purchases"), Unit.COUNT),
        Column("repurchase_rate", _("repurchase rate"), Unit.SHARE),
    ]
    rows = [
        [month["month"], month["buyers"], month["again"], month["purchases_made"], rate]
        for month, rate in zip(months, rates, strict=True)
    ]
    return Table("months", _("By month"), columns, rows)


class OrderValue(Report):
    code = "order-value"
    group = "buying"
    question = _("What is an order worth, and what a buyer?")
    term = _("average order value")
    definition = _(
        "Revenue is order totals less refunds. It is taken apart into buyers, orders a buyer and revenue an order: what has "
        "changed is seen where it has changed."
    )
    formula = _(
        "average order value = revenue ÷ orders\n"
        "revenue a buyer = revenue ÷ buyers\n"
        "revenue = buyers × orders a buyer × average order value"
    )
    figures = (
        Figure("order_value", _("average order value"), Unit.MONEY, better=1),
        Figure("buyer_value", _("revenue a buyer"), Unit.MONEY, better=1),
        Figure("orders_per_buyer", _("orders a buyer"), Unit.NUMBER, better=1),
        Figure("revenue", _("revenue"), Unit.MONEY, better=1),
    )

    def count(self, asked: Asked) -> Counted:
        months = months_of(asked.first_day, asked.last_day)
        of_month = CTE(
            orders_within(asked)
            .values("member_id", month=month_place("placed_day", months))
            .annotate(orders=Count("placed_day"), revenue=Cast(Sum("revenue_minor"), BigIntegerField())),
            name="of_month",
        )
        sums = {"orders_made": Cast(Sum("orders"), BigIntegerField()), "earned": Cast(Sum("revenue"), BigIntegerField())}
        rows = with_cte(of_month, select=of_month.queryset().values("month").annotate(buyers=Count("member_id"), **sums))
        found = {row["month"]: row for row in rows}
        buyers = orders_within(asked).aggregate(buyers=Count("member_id", distinct=True))["buyers"]
        return {
            "buyers": buyers,
            "months": [
                {"month": month.code, "whole": month.whole, **_row(found.get(place), "buyers", "orders_made", "earned")}
                for place, month in enumerate(months)
            ],
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        months, buyers = counted["months"], counted["buyers"]
        orders, earned = (sum(month[name] for month in months) for name in ("orders_made", "earned"))
        if not orders:
            return Result(sentences=[gettext("Nobody bought in this period.")])
        values = {
            "order_value": earned / orders,
            "buyer_value": earned / buyers,
            "orders_per_buyer": orders / buyers,
            "revenue": earned,
        }
        told = gettext("An order was worth %(order)s and a buyer %(buyer)s: %(buyers)s × %(orders)s orders × %(order)s.")
        labels = [month["month"] for month in months]
        return Result(
            sentences=[
                told
                % {
                    "order": words.money(values["order_value"]),
                    "buyer": words.money(values["buyer_value"]),
                    "buyers": words.members(buyers),
                    "orders": words.number(round(values["orders_per_buyer"], 2)),
                }
            ],
            values=values,
            charts=[
                Lines(
                    _("Average order value by month"),
                    labels,
                    [Series(_("average order value"), [ratio(month["earned"], month["orders_made"]) for month in months])],
                    Unit.MONEY,
                    figure="order_value",
                ),
                Bars(
                    _("Revenue by month"), labels, [Series(_("revenue"), [month["earned"] for month in months])], Unit.MONEY
                ),
            ],
            tables=[_value_table(months)],
            notes=not_whole(asked, months),
        )


def _value_table(months: list[dict[str, Any]]) -> Table:
    columns = [
        Column("month", _("month")),
        Column("buyers", _("buyers"), Unit.COUNT),
        Column("orders", _("orders"), Unit.COUNT),
        Column("revenue", _("revenue"), Unit.MONEY),
        Column("order_value", _("average order value"), Unit.MONEY),
        Column("buyer_value", _("revenue a buyer"), Unit.MONEY),
        Column("orders_per_buyer", _("orders a buyer"), Unit.NUMBER),
    ]
    rows = [
        [
            month["month"],
            month["buyers"],
            month["orders_made"],
            month["earned"],
            ratio(month["earned"], month["orders_made"]),
            ratio(month["earned"], month["buyers"]),
            ratio(month["orders_made"], month["buyers"]),
        ]
        for month in months
    ]
    return Table("months", _("By month"), columns, rows)


class Penetration(Report):
    code = "penetration"
    group = "buying"
    question = _("How many of our members buy at all?")
    term = _("penetration")
    definition = _(
        "The share of all members that bought in the time. A member is counted from the day of registration on; where "
        "that is not known, from the first order or from when we first heard of them."
    )
    formula = _("penetration = members who bought ÷ members at the end of the time")
    figures = (
        Figure("penetration", _("penetration of the period"), Unit.SHARE, better=1),
        Figure("monthly_penetration", _("penetration within a month"), Unit.SHARE, better=1),
        Figure("members", _("members"), Unit.COUNT, better=1),
    )

    def count(self, asked: Asked) -> Counted:
        months = months_of(asked.first_day, asked.last_day)
        joined = members_by_month(asked, months)
        rows = (
            orders_within(asked)
            .values(month=month_place("placed_day", months))
            .annotate(buyers=Count("member_id", distinct=True))
        )
        found = {row["month"]: row["buyers"] for row in rows}
        buyers = orders_within(asked).aggregate(buyers=Count("member_id", distinct=True))["buyers"]
        return {"buyers": buyers, "months": _members_at_ends(months, joined, found)}

    def show(self, asked: Asked, counted: Counted) -> Result:
        months, buyers = counted["months"], counted["buyers"]
        members = months[-1]["members"]
        if not members:
            return Result(sentences=[gettext("There were no members yet in this period.")])
        rates = [ratio(month["buyers"], month["members"]) for month in months]
        whole = [month for month in months if month["whole"]] or months
        monthly = [rate for month in whole if (rate := ratio(month["buyers"], month["members"])) is not None]
        told = gettext("%(share)s of %(members)s bought in this period; %(month)s do in a month on average.")
        average = sum(monthly) / len(monthly) if monthly else None
        columns = [
            Column("month", _("month")),
            Column("members", _("members at the end"), Unit.COUNT),
            Column("buyers", _("buyers"), Unit.COUNT),
            Column("penetration", _("penetration"), Unit.SHARE),
        ]
        table = [
            [month["month"], month["members"], month["buyers"], rate] for month, rate in zip(months, rates, strict=True)
        ]
        return Result(
            sentences=[
                told
                % {
                    "share": words.percent(buyers / members),
                    "members": words.members(members),
                    "month": words.percent(average),
                }
            ],
            values={"penetration": buyers / members, "monthly_penetration": average, "members": members},
            charts=[
                Lines(
                    _("Penetration by month"),
                    [month["month"] for month in months],
                    [Series(_("penetration"), rates)],
                    Unit.SHARE,
                    figure="monthly_penetration",
                )
            ],
            tables=[Table("months", _("By month"), columns, table)],
            notes=not_whole(asked, months),
        )


def _members_at_ends(months: list[Month], joined: dict[int, int], buyers: dict[int, int]) -> list[dict[str, Any]]:
    told, members = [], joined.get(-1, 0)
    for place, month in enumerate(months):
        members += joined.get(place, 0)
        told.append({"month": month.code, "whole": month.whole, "members": members, "buyers": buyers.get(place, 0)})
    return told
