"""How orders are paid and by which channel they come."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Q, Sum
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members.models import OrderStatus
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Rows, Series
from retention.reports.sources import orders_within
from retention.reports.words import Unit

PAID = Q(status__in=(OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.COMPLETED)) | Q(paid_at__isnull=False)
"""Orders that were paid: by their status, or because a moment of payment is told."""
BY = {
    "payment": ("payment_method", _("payment method")),
    "channel": ("channel", _("channel")),
}
SHOWN = 50
DRAWN = 12


class PaymentsAndChannels(Report):
    code = "payments"
    group = "buying"
    question = _("How do members pay, and by which channel do they order?")
    term = _("payment method and channel")
    definition = _(
        "Orders that count, by payment method and by channel. An order without one stands under “not known”. Paid are "
        "orders whose status is paid or later, or of which a moment of payment is told."
    )
    formula = _("share = orders of a payment method (or channel) ÷ orders; average order = revenue ÷ orders")
    figures = (
        Figure("orders", _("orders"), Unit.COUNT, better=1),
        Figure("paid_share", _("orders that are paid"), Unit.SHARE, better=1),
        Figure("average_minor", _("average order"), Unit.MONEY, better=1),
        Figure("top_share", _("share of the payment method used most, where known"), Unit.SHARE),
    )

    def count(self, asked: Asked) -> Counted:
        return {code: _grouped(asked, column) for code, (column, _label) in BY.items()}

    def show(self, asked: Asked, counted: Counted) -> Result:
        rows = counted["payment"]
        if not rows:
            return Result(sentences=[gettext("Nobody ordered in this time.")])
        known = [row for row in rows if row["name"]]
        orders = sum(row["orders"] for row in rows)
        values = {
            "orders": orders,
            "paid_share": ratio(sum(row["paid"] for row in rows), orders),
            "average_minor": ratio(sum(row["revenue"] for row in rows), orders),
            "top_share": ratio(known[0]["orders"], sum(row["orders"] for row in known)) if known else None,
        }
        return Result(
            sentences=[_headline(known, values)],
            values=values,
            charts=[_chart(code, counted[code]) for code in BY if any(row["name"] for row in counted[code])],
            tables=[_table(code, counted[code], orders) for code in BY],
        )


def _grouped(asked: Asked, column: str) -> list[dict[str, Any]]:
    told = (
        orders_within(asked)
        .values(name=F(column))
        .annotate(
            orders=Count("pk"),
            paid=Count("pk", filter=PAID),
            members=Count("member_id", distinct=True),
            revenue=Sum("revenue_minor"),
            refunded=Count("pk", filter=Q(refund_count__gt=0)),
        )
    )
    rows = [{**row, "revenue": int(row["revenue"])} for row in told]
    return sorted(rows, key=lambda row: (-row["orders"], row["name"]))


def _name(row: dict[str, Any]) -> str:
    return row["name"] or gettext("not known")


def _headline(known: list[dict[str, Any]], values: dict[str, Any]) -> str:
    average = words.money(values["average_minor"])
    if not known:
        said = gettext("No order of this time says how it was paid; an order brings %(average)s on average.")
        return said % {"average": average}
    said = gettext(
        "“%(name)s” leads with %(share)s of the orders whose payment is known; an order brings %(average)s on average."
    )
    return said % {"name": known[0]["name"], "share": words.percent(values["top_share"]), "average": average}


def _chart(code: str, rows: list[dict[str, Any]]) -> Rows:
    drawn = rows[:DRAWN]
    title = {"payment": _("Orders by payment method"), "channel": _("Orders by channel")}[code]
    return Rows(title, [_name(row) for row in drawn], [Series(_("orders"), [row["orders"] for row in drawn])])


def _table(code: str, rows: list[dict[str, Any]], orders: int) -> Table:
    title = {"payment": _("By payment method"), "channel": _("By channel")}[code]
    columns = [
        Column("name", BY[code][1]),
        Column("orders", _("orders"), Unit.COUNT),
        Column("share", _("share"), Unit.SHARE),
        Column("members", _("members"), Unit.COUNT),
        Column("revenue", _("revenue"), Unit.MONEY),
        Column("average", _("average order"), Unit.MONEY),
        Column("paid_share", _("paid"), Unit.SHARE),
        Column("refunded_share", _("refunded"), Unit.SHARE),
    ]
    table = [
        [
            _name(row),
            row["orders"],
            ratio(row["orders"], orders),
            row["members"],
            row["revenue"],
            ratio(row["revenue"], row["orders"]),
            ratio(row["paid"], row["orders"]),
            ratio(row["refunded"], row["orders"]),
        ]
        for row in rows[:SHOWN]
    ]
    return Table(code, title, columns, table)
