"""How much of what is sold goes by discounts, coupons and points."""

from __future__ import annotations

from typing import Any

import pandas as pd
from django.db.models import BigIntegerField, Case, CharField, Count, ExpressionWrapper, F, IntegerField, Q, Sum, Value, When
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.calendar import month_place, months_of
from retention.reports.charts import Lines, Rows, Series
from retention.reports.sources import orders_within
from retention.reports.words import Unit

DEPTHS: tuple[tuple[str, float | None, Any], ...] = (
    ("none", 0.0, _("no discount")),
    ("10", 0.1, _("up to 10%")),
    ("20", 0.2, _("up to 20%")),
    ("30", 0.3, _("up to 30%")),
    ("50", 0.5, _("up to 50%")),
    ("more", None, _("more than 50%")),
)
SUMS = ("orders", "revenue", "total", "discount", "points")


class DiscountsAndPoints(Report):
    code = "discounts"
    group = "loyalty"
    question = _("How many orders need a discount, a coupon or points?")
    term = _("discounts, coupons and points used")
    definition = _(
        "Orders that count. The depth of a discount is what was taken off the list price: the discount over the total and "
        "the discount together. A coupon was used when the order names one; points, when it says how many."
    )
    formula = _("coupon share = orders with a coupon ÷ orders; discount share = discounts ÷ (totals + discounts)")
    figures = (
        Figure("coupon_share", _("orders with a coupon"), Unit.SHARE),
        Figure("discounted_share", _("orders with a discount"), Unit.SHARE),
        Figure("points_share", _("orders with points"), Unit.SHARE),
        Figure("discount_share", _("discounts, of the list price"), Unit.SHARE, better=-1),
        Figure("discount_minor", _("discounts given"), Unit.MONEY, better=-1),
    )

    def count(self, asked: Asked) -> Counted:
        months = months_of(asked.first_day, asked.last_day)
        kinds = {
            "month": month_place("placed_day", months),
            "coupon": _flag(~Q(coupon_code="")),
            "pointed": _flag(Q(points_used__gt=0)),
            "depth": _depth(),
        }
        added = (
            orders_within(asked)
            .values(**kinds)
            .annotate(
                orders=Count("pk"),
                revenue=Sum("revenue_minor"),
                total=Sum("total_minor"),
                discount=Sum("discount_minor"),
                points=Sum("points_used"),
            )
        )
        found: list[dict[str, Any]] = [dict(row) for row in added]
        rows = [{**row, **{name: int(row[name]) for name in SUMS}} for row in found]
        return {"rows": rows, "months": [month.code for month in months]}

    def show(self, asked: Asked, counted: Counted) -> Result:
        frame = pd.DataFrame(counted["rows"])
        if frame.empty:
            return Result(sentences=[gettext("Nobody ordered in this time.")])
        values = _figures(frame)
        months = [frame[frame["month"] == place] for place in range(len(counted["months"]))]
        by_month = [_figures(part) for part in months]
        lines = {
            "coupon_share": _("with a coupon"),
            "discounted_share": _("with a discount"),
            "points_share": _("with points"),
        }
        depths = [frame[frame["depth"] == code] for code, _most, _label in DEPTHS]
        return Result(
            sentences=[_headline(values)],
            values=values,
            charts=[
                Lines(
                    _("Share of orders by month"),
                    counted["months"],
                    [Series(label, [found[code] for found in by_month]) for code, label in lines.items()],
                    Unit.SHARE,
                    figure="coupon_share",
                ),
                Rows(
                    _("Orders by depth of the discount"),
                    [label for _code, _most, label in DEPTHS],
                    [Series(_("orders"), [int(part["orders"].sum()) for part in depths])],
                ),
            ],
            tables=[_kinds(frame), _depths(depths), _months(counted["months"], months)],
        )


def _flag(condition: Q) -> Case:
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


def _depth() -> Case:
    """Bands without a division: the discount against a share of the list price, in whole numbers."""
    tenths = ExpressionWrapper(F("discount_minor") * 10, output_field=BigIntegerField())
    listed = F("total_minor") + F("discount_minor")
    bands = [(code, round(most * 10)) for code, most, _label in DEPTHS if most is not None]
    whens = [
        When(LessThanOrEqual(tenths, ExpressionWrapper(listed * most, output_field=BigIntegerField())), then=Value(code))
        for code, most in bands
    ]
    return Case(*whens, default=Value("more"), output_field=CharField())


def _figures(frame: pd.DataFrame) -> dict[str, float | None]:
    orders, discount = int(frame["orders"].sum()), int(frame["discount"].sum())
    return {
        "coupon_share": ratio(_orders(frame[frame["coupon"] == 1]), orders),
        "discounted_share": ratio(_orders(frame[frame["depth"] != "none"]), orders),
        "points_share": ratio(_orders(frame[frame["pointed"] == 1]), orders),
        "discount_share": ratio(discount, int(frame["total"].sum()) + discount),
        "discount_minor": discount,
    }


def _orders(frame: pd.DataFrame) -> int:
    return int(frame["orders"].sum())


def _headline(values: dict[str, float | None]) -> str:
    said = gettext(
        "%(discounted)s of orders had a discount, %(coupon)s a coupon and %(points)s points; discounts took %(share)s off "
        "the list price (%(amount)s)."
    )
    return said % {
        "discounted": words.percent(values["discounted_share"]),
        "coupon": words.percent(values["coupon_share"]),
        "points": words.percent(values["points_share"]),
        "share": words.percent(values["discount_share"]),
        "amount": words.money(values["discount_minor"]),
    }


_COLUMNS = (
    Column("orders", _("orders"), Unit.COUNT),
    Column("share", _("share of orders"), Unit.SHARE),
    Column("revenue", _("revenue"), Unit.MONEY),
    Column("average", _("average order"), Unit.MONEY),
    Column("discount", _("discounts"), Unit.MONEY),
    Column("discount_share", _("of the list price"), Unit.SHARE),
    Column("points", _("points used"), Unit.COUNT),
)


def _row(part: pd.DataFrame, orders: int) -> list[Any]:
    sums = {name: int(part[name].sum()) for name in SUMS}
    return [
        sums["orders"],
        ratio(sums["orders"], orders),
        sums["revenue"],
        ratio(sums["revenue"], sums["orders"]),
        sums["discount"],
        ratio(sums["discount"], sums["total"] + sums["discount"]),
        sums["points"],
    ]


def _kinds(frame: pd.DataFrame) -> Table:
    orders = _orders(frame)
    parts = (
        (_("with a coupon"), frame[frame["coupon"] == 1]),
        (_("without a coupon"), frame[frame["coupon"] == 0]),
        (_("with points"), frame[frame["pointed"] == 1]),
        (_("without points"), frame[frame["pointed"] == 0]),
        (_("all orders"), frame),
    )
    rows = [[label, *_row(part, orders)] for label, part in parts]
    return Table("kinds", _("With and without"), [Column("kind", _("orders that are")), *_COLUMNS], rows)


def _depths(depths: list[pd.DataFrame]) -> Table:
    orders = sum(_orders(part) for part in depths)
    rows = [[label, *_row(part, orders)] for (_code, _most, label), part in zip(DEPTHS, depths, strict=True)]
    return Table("depths", _("By depth of the discount"), [Column("depth", _("off the list price")), *_COLUMNS], rows)


def _months(codes: list[str], months: list[pd.DataFrame]) -> Table:
    orders = sum(_orders(part) for part in months)
    rows = [[code, *_row(part, orders)] for code, part in zip(codes, months, strict=True)]
    return Table("months", _("By month"), [Column("month", _("month")), *_COLUMNS], rows)
