"""Survival: how long new customers go on buying, by group, with those who are still buying counted fairly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from django.db.models import Case, Count, F, IntegerField, Min, QuerySet, Value, When, Window
from django.db.models.functions import Coalesce, Lead, NullIf
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Option, Report, Result, Table
from retention.reports.calendar import months_before
from retention.reports.charts import Lines, Series
from retention.reports.churn import horizon_of, horizon_option
from retention.reports.gaps import order_days
from retention.reports.groups import GROUPINGS, LARGEST_GROUPS, group_label, label_of_members
from retention.reports.words import Unit
from retention.scoring.survival import Curve, Observed, kaplan_meier, log_rank, observed

MARKS = (30, 60, 90, 120, 180, 270, 365, 540, 730)
"""Days on which survival is told."""
MOST_POINTS = 120
MOST_BANDS = 3
FEWEST_MEMBERS = 5
"""Members of a group below which its curve is noise and is not drawn."""


class Survival(Report):
    code = "survival"
    group = "staying"
    question = _("How long do new customers go on buying?")
    term = _("survival curve")
    definition = _(
        "Each customer is followed from the first order to the day on which the horizon passed without a new order, "
        "when they count as lost; whoever is not lost yet is known to have lasted until now, and is counted for as "
        "long as that (censored). The curve is the Kaplan-Meier estimate with a 95% band; the log-rank test says "
        "whether groups differ."
    )
    formula = _("S(t) = product over the days up to t of (1 − lost on that day ÷ still followed just before it)")
    source = _("Kaplan & Meier 1958; Greenwood 1926; Mantel 1966")
    figures = (
        Figure("survival_180", _("still with us after 180 days"), Unit.SHARE, better=1),
        Figure("survival_365", _("still with us after 365 days"), Unit.SHARE, better=1),
        Figure("median", _("half are lost after"), Unit.DAYS, better=1),
    )
    options = (
        Option("by", _("by"), (("none", _("nobody apart")), *((each.code, each.label) for each in GROUPINGS))),
        horizon_option(),
    )

    def period(self, known_day: int) -> tuple[int, int]:
        """Two years: survival needs time to be seen."""
        return months_before(known_day, 24), known_day

    def count(self, asked: Asked) -> Counted:
        by = asked.options["by"]
        largest: list[str] = []
        lives = _lives(asked)
        if by == "none":
            rows = with_cte(*lives, select=_added(lives[-1].queryset(), Value(0, output_field=IntegerField())))
        else:
            labels = CTE(label_of_members(by, asked, lives[-1]), name="labels")
            labelled = labels.join(lives[-1].queryset(), member_id=labels.col.member_id, _join_type="LEFT OUTER JOIN")
            told = CTE(labelled.annotate(label=Coalesce(NullIf(labels.col.label, Value("")), Value(""))), name="told")
            counted = told.queryset().values("label").annotate(members=Count("member_id")).order_by("-members", "label")
            known = with_cte(*lives, labels, told, select=counted)
            largest = [row["label"] for row in known if row["label"]][:LARGEST_GROUPS]
            others = Case(
                *(When(label=name, then=Value(place)) for place, name in enumerate(largest)),
                When(label="", then=Value(-1)),
                default=Value(len(largest)),
                output_field=IntegerField(),
            )
            rows = with_cte(*lives, labels, told, select=_added(told.queryset(), others))
        found = list(rows.order_by("group", "days", "lost").values_list("group", "days", "lost", "members"))
        return {"labels": largest, "rows": [list(row) for row in found]}

    def show(self, asked: Asked, counted: Counted) -> Result:
        if not counted["rows"]:
            return Result(
                sentences=[gettext("Nobody ordered for the first time in this period: there is nobody to follow.")]
            )
        groups = _groups(counted, asked.options["by"])
        everybody = _observed(counted["rows"])
        curve = kaplan_meier(everybody)
        shown = [each for each in groups if each[1].members >= FEWEST_MEMBERS]
        sentences = [_headline(everybody, curve, horizon_of(asked))]
        if asked.options["by"] != "none" and not counted["labels"]:
            sentences.append(gettext("Nothing is known by which these members could be told apart."))
        elif len(groups) > 1:
            sentences.append(_verdict([group for _name, group, known in groups if known and group.members]))
        return Result(
            sentences=sentences,
            values=_values(curve),
            charts=[_picture(shown if len(groups) > 1 else [(gettext("all"), everybody, True)], everybody)],
            tables=[_table(groups, everybody), *([_group_table(groups)] if len(groups) > 1 else [])],
            notes=_notes(groups),
        )


def _lives(asked: Asked) -> list[CTE]:
    """(member_id, first, days, lost) of everybody who first ordered in the period: how long they were followed until they
    were first lost, or until the period's end."""
    horizon = horizon_of(asked)
    days = CTE(order_days(asked), name="days")
    following = Window(Lead("day"), partition_by=[F("member_id")], order_by=[F("day").asc()])
    told = CTE(days.queryset().values("member_id", "day", following=following), name="gaps")
    silent = Case(
        When(following__gt=F("day") + horizon, then=F("day") + horizon),
        When(following__isnull=True, day__lte=asked.last_day - horizon, then=F("day") + horizon),
        output_field=IntegerField(),
    )
    ends = CTE(
        told.queryset()
        .values("member_id")
        .annotate(first=Min("day"), lost_on=Min(silent))
        .filter(first__gte=asked.first_day),
        name="ends",
    )
    lives = CTE(
        ends.queryset().values(
            "member_id",
            "first",
            days=Coalesce(F("lost_on"), Value(asked.last_day)) - F("first"),
            lost=Case(When(lost_on__isnull=True, then=Value(0)), default=Value(1), output_field=IntegerField()),
        ),
        name="lives",
    )
    return [days, told, ends, lives]


def _added(rows: QuerySet[Any, Any], group: Any) -> QuerySet[Any, Any]:
    return rows.values("days", "lost", group=group).annotate(members=Count("member_id"))


def _observed(rows: list[list[int]]) -> Observed:
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return observed(table[:, 1], table[:, 2] == 1, table[:, 3])


def _groups(counted: Counted, by: str) -> list[tuple[str, Observed, bool]]:
    """Name, observations, and whether it is a group of its own rather than a rest; the largest first, the unknown last."""
    rows, labels = counted["rows"], counted["labels"]
    if by == "none":
        return [(gettext("all"), _observed(rows), True)]
    names = [group_label(by, label) for label in labels]
    found = [(name, _observed([row for row in rows if row[0] == place]), True) for place, name in enumerate(names)]
    for place, name in ((len(labels), gettext("others")), (-1, gettext("not known"))):
        rest = [row for row in rows if row[0] == place]
        if rest:
            found.append((name, _observed(rest), False))
    return found


def _values(curve: Curve) -> dict[str, float | None]:
    values = {f"survival_{day}": _known(curve.at(day)[0]) for day in (180, 365)}
    return {**values, "median": _known(curve.median)}


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _headline(everybody: Observed, curve: Curve, horizon: int) -> str:
    told = [day for day in MARKS if day >= horizon and day <= curve.day[-1]]
    if not told:
        return gettext("%(members)s were followed, none of them for the %(days)s that make somebody lost.") % {
            "members": words.members(everybody.members),
            "days": words.days(horizon),
        }
    day = 180 if 180 in told else told[-1]
    survival, low, high = curve.at(day)
    said = gettext("%(days)s after the first order %(share)s of customers are still with us%(band)s; %(half)s")
    half = gettext("fewer than half are lost so far.")
    if math.isfinite(curve.median):
        half = gettext("half of them are lost after %(days)s.") % {"days": words.days(curve.median)}
    return said % {"days": words.days(day), "share": words.percent(survival), "band": _band(low, high), "half": half}


def _band(low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return gettext(" (between %(low)s and %(high)s)") % {"low": words.percent(low), "high": words.percent(high)}


def _verdict(groups: list[Observed]) -> str:
    tested = log_rank(groups)
    if tested is None:
        return gettext("The groups cannot be compared: nobody of them was lost, or there is one group only.")
    p_value = "< 0.001" if tested.p_value < 0.001 else f"= {tested.p_value:.3f}"
    if tested.p_value < 0.05:
        return gettext("The groups differ by more than chance explains (log-rank test, p %(p)s).") % {"p": p_value}
    return gettext("The groups do not differ by more than chance explains (log-rank test, p %(p)s).") % {"p": p_value}


def _picture(groups: list[tuple[str, Observed, bool]], everybody: Observed) -> Lines:
    longest = int(everybody.day[-1]) if len(everybody.day) else 0
    step = max(1, math.ceil(longest / MOST_POINTS))
    x = [*range(0, longest, step), longest]
    series = []
    for name, group, own in groups:
        curve = kaplan_meier(group)
        points = [curve.at(day) for day in x]
        survival, low, high = ([_known(point[place]) for point in points] for place in range(3))
        # A band where it is defined; before the first loss there is none to be unsure of. Many bands hide each other.
        band = [(one, one) if a is None or b is None else (a, b) for one, a, b in zip(survival, low, high, strict=True)]
        lower, upper = ([each[place] for each in band] if len(groups) <= MOST_BANDS else [] for place in (0, 1))
        series.append(Series(name, survival, lower, upper, colour="" if own else "grey"))
    return Lines(
        _("Share of customers still with us, by days since the first order"),
        (),
        series,
        Unit.SHARE,
        x=[float(day) for day in x],
        x_unit=Unit.NUMBER,
        steps=True,
    )


def _table(groups: list[tuple[str, Observed, bool]], everybody: Observed) -> Table:
    columns = [
        Column("group", _("group")),
        Column("days", _("days since the first order"), Unit.COUNT),
        Column("survival", _("still with us"), Unit.SHARE),
        Column("low", _("at least"), Unit.SHARE, blank=True),
        Column("high", _("at most"), Unit.SHARE, blank=True),
        Column("at_risk", _("still followed"), Unit.COUNT),
    ]
    rows: list[list[Any]] = []
    for name, group, _own in groups:
        curve = kaplan_meier(group)
        for day in MARKS:
            if day > curve.day[-1]:
                break
            survival, low, high = curve.at(day)
            still = int(group.members - (group.lost + group.censored)[group.day < day].sum())
            rows.append([name, day, _known(survival), _known(low), _known(high), still])
    return Table("curve", _("Survival by days since the first order"), columns, rows)


def _group_table(groups: list[tuple[str, Observed, bool]]) -> Table:
    own = [group for _name, group, known in groups if known]
    tested = log_rank([group for group in own if group.members])
    expected = dict(zip([id(group) for group in own if group.members], tested.expected, strict=True)) if tested else {}
    columns = [
        Column("group", _("group")),
        Column("members", _("members"), Unit.COUNT),
        Column("lost", _("lost"), Unit.COUNT),
        Column("expected", _("lost, were all groups alike"), Unit.NUMBER, blank=True),
        Column("median", _("half are lost after"), Unit.DAYS, blank=True),
    ]
    rows = [
        [name, group.members, int(group.lost.sum()), expected.get(id(group)), _known(kaplan_meier(group).median)]
        for name, group, _known_one in groups
    ]
    return Table("groups", _("Groups compared"), columns, rows)


def _notes(groups: list[tuple[str, Observed, bool]]) -> list[str]:
    notes = [gettext("Where few are still followed the curve is a guess: the band says how far.")]
    if any(not own for _name, _group, own in groups):
        notes.append(gettext("“Others” and “not known” are shown, but not tested: they are no groups of their own."))
    return notes
