"""Members: how many join, how many of them buy, how many are active and stay."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Min, Q, Window
from django.db.models.functions import Lag
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.buying import not_whole
from retention.reports.calendar import month_place, months_of
from retention.reports.charts import Bars, Lines, Series
from retention.reports.membership import BEFORE, joined_members
from retention.reports.sources import orders_until, orders_within
from retention.reports.words import Unit

CONVERSION_DAYS = 30
"""Days after joining within which a first order counts as conversion."""


class MemberGrowth(Report):
    code = "member-growth"
    group = "staying"
    question = _("Do we win members, and do they buy and stay?")
    term = _("member growth")
    definition = _(
        "Joined: registered in the month; where that is not known, first ordered or first heard of. Conversion: of "
        "those who registered, the share that had ordered 30 days later, also before registering; known once 30 days have "
        "passed since the month's end. Active: ordered in the month. Retention: of those who ordered in the month before, "
        "the share that ordered in this one too."
    )
    formula = _(
        "growth = joined in the month ÷ members at its beginning\n"
        "activity = members who ordered in the month ÷ members at its end\n"
        "conversion = registered and ordered within 30 days ÷ registered\n"
        "retention = ordered this month and the month before ÷ ordered the month before"
    )
    figures = (
        Figure("joined", _("members joined"), Unit.COUNT, better=1),
        Figure("growth", _("growth a month"), Unit.SHARE, better=1),
        Figure("activity", _("activity a month"), Unit.SHARE, better=1),
        Figure("conversion", _("conversion within 30 days"), Unit.SHARE, better=1),
        Figure("retention", _("retention from month to month"), Unit.SHARE, better=1),
    )

    def count(self, asked: Asked) -> Counted:
        months = months_of(asked.first_day, asked.last_day)
        first_orders = CTE(orders_until(asked).values("member_id").annotate(first=Min("placed_day")), name="first_orders")
        joined = first_orders.join(
            joined_members(asked, months), id=first_orders.col.member_id, _join_type="LEFT OUTER JOIN"
        ).annotate(first_order=first_orders.col.first)
        # Whose registration is not known is known by the order itself: no conversion can be told of them. Who ordered before
        # registering was won by the order.
        registered = Q(registered_day__isnull=False)
        won = registered & Q(first_order__lte=F("registered_day") + CONVERSION_DAYS)
        counts = {
            "members": Count("pk"),
            "registered": Count("pk", filter=registered),
            "converted": Count("pk", filter=won),
        }
        rows = with_cte(first_orders, select=joined.values("joined").annotate(**counts))
        found = {row["joined"]: row for row in rows}
        pairs = CTE(
            orders_within(asked).values("member_id", month=month_place("placed_day", months)).distinct(), name="pairs"
        )
        before = Window(Lag("month"), partition_by=[F("member_id")], order_by=[F("month").asc()])
        marked = CTE(pairs.queryset().values("month", before=before), name="marked")
        stayed = Count("month", filter=Q(before=F("month") - 1))
        active = with_cte(
            pairs, marked, select=marked.queryset().values("month").annotate(active=Count("month"), stayed=stayed)
        )
        ordered = {row["month"]: row for row in active}
        return {
            "before": found.get(BEFORE, {}).get("members", 0),
            "months": [
                {
                    "month": month.code,
                    "whole": month.whole,
                    "settled": month.last_day + CONVERSION_DAYS <= asked.last_day,
                    **{name: found.get(place, {}).get(name, 0) for name in ("members", "registered", "converted")},
                    **{name: ordered.get(place, {}).get(name, 0) for name in ("active", "stayed")},
                }
                for place, month in enumerate(months)
            ],
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        months = _told(counted)
        if not months[-1]["members_at_end"]:
            return Result(sentences=[gettext("There were no members yet in this period.")])
        whole = [month for month in months if month["whole"]] or months
        settled = [month for month in months if month["settled"]]
        values = {
            "joined": sum(month["joined"] for month in months),
            "growth": _mean([month["growth"] for month in whole]),
            "activity": _mean([month["activity"] for month in whole]),
            "conversion": ratio(sum(month["converted"] for month in settled), sum(month["registered"] for month in settled)),
            "retention": ratio(sum(month["stayed"] for month in whole[1:]), sum(month["active"] for month in whole[:-1])),
        }
        told = gettext("%(joined)s joined, %(members)s at the end. In a month %(activity)s of all members order.")
        sentences = [
            told
            % {
                "joined": words.members(values["joined"]),
                "members": words.number(months[-1]["members_at_end"]),
                "activity": words.percent(values["activity"]),
            }
        ]
        if values["conversion"] is not None:
            share = words.percent(values["conversion"])
            sentences.append(gettext("%(share)s of those who registered ordered within 30 days.") % {"share": share})
        labels = [month["month"] for month in months]
        rates = (("activity", _("activity")), ("conversion", _("conversion")), ("retention", _("retention")))
        return Result(
            sentences=sentences,
            values=values,
            charts=[
                Bars(_("Members joined by month"), labels, [Series(_("joined"), [month["joined"] for month in months])]),
                Lines(
                    _("Activity, conversion and retention by month"),
                    labels,
                    [Series(label, [month[name] for month in months]) for name, label in rates],
                    Unit.SHARE,
                ),
            ],
            tables=[_table(months)],
            notes=_notes(asked, months),
        )


def _told(counted: Counted) -> list[dict[str, Any]]:
    members, active_before, told = counted["before"], None, []
    for month in counted["months"]:
        begins = members
        members += month["members"]
        told.append(
            {
                "month": month["month"],
                "whole": month["whole"],
                "settled": month["settled"],
                "joined": month["members"],
                "members_at_end": members,
                "growth": ratio(month["members"], begins),
                "active": month["active"],
                "activity": ratio(month["active"], members),
                "registered": month["registered"],
                "converted": month["converted"],
                "conversion": ratio(month["converted"], month["registered"]) if month["settled"] else None,
                "stayed": month["stayed"],
                "retention": ratio(month["stayed"], active_before),
            }
        )
        active_before = month["active"]
    return told


def _mean(rates: list[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) / len(known) if known else None


def _table(months: list[dict[str, Any]]) -> Table:
    columns = [
        Column("month", _("month")),
        Column("joined", _("joined"), Unit.COUNT),
        Column("members_at_end", _("members at the end"), Unit.COUNT),
        Column("growth", _("growth"), Unit.SHARE),
        Column("active", _("active"), Unit.COUNT),
        Column("activity", _("activity"), Unit.SHARE),
        Column("conversion", _("conversion"), Unit.SHARE),
        Column("retention", _("retention"), Unit.SHARE),
    ]
    return Table("months", _("By month"), columns, [[month[column.code] for column in columns] for month in months])


def _notes(asked: Asked, months: list[dict[str, Any]]) -> list[str]:
    notes = not_whole(asked, months)
    if asked.shop:
        notes.append(gettext("Members join the brand: of one shop are the orders alone."))
    if not all(month["settled"] for month in months):
        notes.append(gettext("Conversion is not known yet for months that ended less than 30 days ago."))
    return notes
