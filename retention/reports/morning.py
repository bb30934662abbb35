"""The figures of the first page, day by day: what the shop looked like each morning, and what it aims at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.registry import Figure as Kept
from core.registry import FigureUnit, figures
from retention.models import DaySnapshot
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Lines, Series
from retention.reports.words import Unit
from retention.selectors.trends import COUNTER_DAYS

UNITS = {
    FigureUnit.MEMBERS: Unit.COUNT,
    FigureUnit.COUNT: Unit.COUNT,
    FigureUnit.MONEY: Unit.MONEY,
    FigureUnit.SHARE: Unit.SHARE,
}
USUAL_DAYS = 56
DRAWN = (("active", "at_risk", "lost_lately", "returned"), ("revenue_30d",), ("repurchase",))


class Registered:
    """The figures that apps registered. Some do so after this module was read, so they are looked up when asked for."""

    def __get__(self, _report: object, _owner: type[object]) -> tuple[Figure, ...]:
        return tuple(Figure(each.code, each.label, UNITS[each.unit], _better(each)) for each in figures)


def _better(kept: Kept) -> int:
    return {True: 1, False: -1, None: 0}[kept.rising_is_good]


class Morning(Report):
    code = "morning"
    group = "shop"
    question = _("How does the shop stand each morning?")
    term = _("daily figures")
    definition = _(
        "The figures of the first page as they were last counted on each day. Messages and coupons are those of the 30 days "
        "before. Days on which nothing was counted are missing."
    )
    formula = _("see each figure on the first page")
    figures = cast(ClassVar[tuple[Figure, ...]], Registered())
    by_shop = False
    compares = False

    def period(self, known_day: int) -> tuple[int, int]:
        return known_day - USUAL_DAYS, known_day

    def count(self, asked: Asked) -> Counted:
        since = asked.first_day - COUNTER_DAYS
        kept = DaySnapshot.objects.filter(day__gte=since, day__lte=asked.last_day).order_by("day")
        by_day = dict(kept.values_list("day", "figures"))
        days = [day for day in by_day if day >= asked.first_day]
        return {"days": [{"day": day, "values": _values(by_day, day)} for day in days]}

    def show(self, asked: Asked, counted: Counted) -> Result:
        days = counted["days"]
        if not days:
            return Result(sentences=[gettext("No day of this period was kept: the first is kept after the next refresh.")])
        return Result(
            sentences=[_headline(days)],
            values=days[-1]["values"],
            charts=[chart for codes in DRAWN if (chart := _chart(codes, days)) is not None],
            tables=[_table(days)],
        )


def _values(by_day: Mapping[int, Mapping[str, Any]], day: int) -> dict[str, float | None]:
    return {each.code: _value(each, by_day, day) for each in figures if each.code in by_day[day]}


def _value(kept: Kept, by_day: Mapping[int, Mapping[str, Any]], day: int) -> float | None:
    value, whole = by_day[day][kept.code]
    if kept.counter:
        before = by_day.get(day - COUNTER_DAYS, {}).get(kept.code)
        return None if before is None else value - before[0]
    return value if kept.unit is not FigureUnit.SHARE else ratio(value, whole)


def _headline(days: list[dict[str, Any]]) -> str:
    first, last = days[0], days[-1]
    told = gettext("%(day)s: %(active)s active and %(at_risk)s at risk; %(first)s: %(active_then)s and %(at_risk_then)s.")
    return told % {
        "day": words.text_of(last["day"], Unit.DATE),
        "active": words.number(last["values"].get("active")),
        "at_risk": words.number(last["values"].get("at_risk")),
        "first": words.text_of(first["day"], Unit.DATE),
        "active_then": words.number(first["values"].get("active")),
        "at_risk_then": words.number(first["values"].get("at_risk")),
    }


COLOURS = {"active": "green", "at_risk": "amber", "lost_lately": "red", "returned": "violet"}


def _chart(codes: tuple[str, ...], days: list[dict[str, Any]]) -> Lines | None:
    known = [each for each in figures if each.code in codes]
    if not known:
        return None
    values = {each.code: [day["values"].get(each.code) for day in days] for each in known}
    series = [Series(each.label, values[each.code], colour=COLOURS.get(each.code, "")) for each in known]
    title = capfirst(str(known[0].label)) if len(known) == 1 else _("Members day by day")
    return Lines(
        title,
        [words.text_of(day["day"], Unit.DATE) for day in days],
        series,
        UNITS[known[0].unit],
        figure=known[0].code if len(known) == 1 else "",
    )


def _table(days: list[dict[str, Any]]) -> Table:
    shown = list(figures)
    columns = [Column("day", _("day"), Unit.DATE), *(Column(each.code, each.label, UNITS[each.unit]) for each in shown)]
    rows = [[day["day"], *(day["values"].get(each.code) for each in shown)] for day in reversed(days)]
    return Table("days", _("Day by day"), columns, rows)
