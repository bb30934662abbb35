"""Lifecycle: how many members stand in each stage, at the end of each month."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Max, Min
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from retention import expressions
from retention.features.statistics import Different, SecondLargest
from retention.fields import STAGE_LABELS
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table
from retention.reports.calendar import months_of
from retention.reports.charts import Lines, Series, Stacked
from retention.reports.sources import orders_until
from retention.reports.words import Unit
from retention.scored import MORE_THAN_ANY_TABLE, current_parameters
from retention.scoring.lifecycle import Stage
from retention.scoring.parameters import Parameters

COLOURS = {
    Stage.NEW: "blue",
    Stage.ACTIVE: "green",
    Stage.REACTIVATED: "violet",
    Stage.AT_RISK: "amber",
    Stage.DORMANT: "orange",
    Stage.LOST: "red",
}
"""The stages of those who have ordered, in the colours that they have everywhere."""


class Lifecycle(Report):
    code = "lifecycle"
    group = "leaving"
    question = _("How do members move through the lifecycle?")
    term = _("lifecycle stages")
    definition = _(
        "Each member who has ordered stands in one stage, judged by the days since the last order against the own "
        "rhythm: new, active, at risk, dormant, lost, or reactivated. Past months are judged by the orders known then, "
        "with the bands and the shop's rhythm of today: a change of bands changes no history, it changes how history "
        "is read."
    )
    formula = _(
        "overdue = days since the last order ÷ own rhythm; at risk, dormant and lost begin at the bands' multiples of it"
    )
    figures = (
        Figure("active_share", _("new, active or reactivated"), Unit.SHARE, better=1),
        Figure("warned_share", _("at risk or dormant"), Unit.SHARE, better=-1),
        Figure("lost_share", _("lost"), Unit.SHARE, better=-1),
        Figure("customers", _("members who have ordered"), Unit.COUNT, better=1),
    )

    def count(self, asked: Asked) -> Counted:
        """One statement a month: the stages of a month's end need every order up to it."""
        parameters = current_parameters()
        months = [
            {"month": month.code, "whole": month.whole, "stages": _stages_at(asked, month.last_day, parameters)}
            for month in months_of(asked.first_day, asked.last_day)
        ]
        return {"months": months}

    def show(self, asked: Asked, counted: Counted) -> Result:
        months = counted["months"]
        totals = [sum(month["stages"].values()) for month in months]
        last, total = months[-1]["stages"], totals[-1]
        if not total:
            return Result(sentences=[gettext("Nobody has ordered up to the end of this period.")])

        def share(*stages: Stage) -> float:
            return float(sum(last.get(stage.value, 0) for stage in stages) / total)

        values = {
            "active_share": share(Stage.NEW, Stage.ACTIVE, Stage.REACTIVATED),
            "warned_share": share(Stage.AT_RISK, Stage.DORMANT),
            "lost_share": share(Stage.LOST),
            "customers": total,
        }
        told = gettext("Of %(members)s who have ordered %(warned)s are at risk or dormant and %(lost)s are lost.")
        labels = [month["month"] for month in months]
        return Result(
            sentences=[
                told
                % {
                    "members": words.members(total),
                    "warned": words.percent(values["warned_share"]),
                    "lost": words.percent(values["lost_share"]),
                }
            ],
            values=values,
            charts=[
                Stacked(
                    _("Members by stage at each month's end"),
                    labels,
                    [
                        Series(
                            STAGE_LABELS[stage.value],
                            [month["stages"].get(stage.value, 0) for month in months],
                            colour=colour,
                        )
                        for stage, colour in COLOURS.items()
                    ],
                    whole=True,
                ),
                Lines(
                    _("At risk or dormant, and lost, as a share of all who have ordered"),
                    labels,
                    [
                        Series(_("at risk or dormant"), _shares(months, Stage.AT_RISK, Stage.DORMANT), colour="amber"),
                        Series(_("lost"), _shares(months, Stage.LOST), colour="red"),
                    ],
                    Unit.SHARE,
                    figure="warned_share",
                ),
            ],
            tables=[_table(asked, months)],
            notes=_notes(asked, months),
        )


def _stages_at(asked: Asked, day: int, parameters: Parameters) -> dict[str, int]:
    """The stages of everybody who had ordered up to a day, by the very expressions that score members today."""
    orders = orders_until(asked).filter(placed_day__lte=day)
    added = {
        "order_days": Different("placed_day"),
        "first_order_day": Min("placed_day"),
        "last_order_day": Max("placed_day"),
        "previous_order_day": SecondLargest("placed_day"),
    }
    facts = CTE(orders.values("member_id").annotate(**added), name="facts")
    columns = ("member_id", *added)
    habits = {
        "days_since_last_order": expressions.days_since("last_order_day", as_of_day=day),
        "mean_gap_days": expressions.mean_gap_days(),
    }
    # Each layer is fenced, as in retention.scored: a rhythm is worked out once, not once for every comparison with it.
    known = CTE(facts.queryset().values(*columns).annotate(**habits)[:MORE_THAN_ANY_TABLE], name="known")
    rhythm = expressions.rhythm_days(parameters.median_gap_days)
    weighed = CTE(
        known.queryset().values(*columns, *habits).annotate(rhythm_days=rhythm)[:MORE_THAN_ANY_TABLE], name="weighed"
    )
    staged = weighed.queryset().values(stage=expressions.lifecycle_stage(parameters.bands, as_of_day=day))
    rows = with_cte(facts, known, weighed, select=staged.annotate(members=Count(F("member_id"))))
    return {row["stage"]: row["members"] for row in rows}


def _shares(months: list[dict[str, Any]], *stages: Stage) -> list[float | None]:
    told: list[float | None] = []
    for month in months:
        total = sum(month["stages"].values())
        told.append(sum(month["stages"].get(stage.value, 0) for stage in stages) / total if total else None)
    return told


def _table(asked: Asked, months: list[dict[str, Any]]) -> Table:
    columns = [Column("month", _("month"))]
    columns += [Column(stage.value, STAGE_LABELS[stage.value], Unit.COUNT) for stage in COLOURS]
    columns += [Column("members", _("members who have ordered"), Unit.COUNT)]
    rows = [
        [month["month"], *(month["stages"].get(stage.value, 0) for stage in COLOURS), sum(month["stages"].values())]
        for month in months
    ]
    now = asked.last_day == asked.known_day and asked.shop_id is None
    rules = {
        (len(rows) - 1, stage.value): {"field": "lifecycle_stage", "operator": "=", "value": stage.value}
        for stage in COLOURS
        if now
    }
    return Table("months", _("Members by stage at each month's end"), columns, rows, rules)


def _notes(asked: Asked, months: list[dict[str, Any]]) -> list[str]:
    notes = []
    if not months[-1]["whole"]:
        day = words.text_of(asked.last_day, Unit.DATE)
        notes.append(gettext("The last month is not whole: its stages are those of %(day)s.") % {"day": day})
    if _nobody_late(months):
        notes.append(
            gettext("Nobody is late here. Before the first weekly fit the shop's rhythm is not known, and nobody can be.")
        )
    return notes


def _nobody_late(months: list[dict[str, Any]]) -> bool:
    late = (Stage.AT_RISK, Stage.DORMANT, Stage.LOST)
    return not any(month["stages"].get(stage.value) for month in months for stage in late)
