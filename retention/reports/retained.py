"""Retention after 7, 30 and 90 days, by both formulas that are called so."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Option, Report, Result, Table, ratio
from retention.reports.calendar import months_of
from retention.reports.charts import Bars, Lines, Series
from retention.reports.gaps import active_days, gaps_between, order_days, spans_of
from retention.reports.words import Unit

AFTER = (7, 30, 90)
"""Days. Origin: what shops and the sources ask for."""


class Retained(Report):
    code = "retention"
    group = "staying"
    question = _("How many stay after 7, 30 and 90 days?")
    term = _("retention rate")
    definition = _(
        "Two formulas go by this name and answer two questions. Day-n retention looks at newcomers: of those who came "
        "in the period and whose day n is known, how many were seen on day n or later. Active retention looks at "
        "regulars: of those active in the n days before, how many were active again in the n days after. Buyers are "
        "seen when they order; members when they register, order or visit."
    )
    formula = _(
        "day-n retention = newcomers seen on day n or later ÷ newcomers of day 1\n"
        "active retention = active after and before ÷ active before"
    )
    figures = (
        Figure("day_7", _("day-7 retention"), Unit.SHARE, better=1),
        Figure("day_30", _("day-30 retention"), Unit.SHARE, better=1),
        Figure("day_90", _("day-90 retention"), Unit.SHARE, better=1),
        Figure("active_7", _("active retention, 7 days"), Unit.SHARE, better=1),
        Figure("active_30", _("active retention, 30 days"), Unit.SHARE, better=1),
        Figure("active_90", _("active retention, 90 days"), Unit.SHARE, better=1),
    )
    options = (Option("who", _("of whom"), (("buyers", _("buyers")), ("members", _("all members")))),)

    def count(self, asked: Asked) -> Counted:
        days = active_days if asked.options["who"] == "members" else order_days
        gaps = gaps_between(days(asked), longest=2 * max(AFTER), since=asked.first_day - 2 * max(AFTER))
        spans = spans_of(days(asked), longest=max(AFTER), since=asked.first_day)
        entered, windows = [], []
        for after in AFTER:
            last_entry = asked.last_day - after
            newcomers, still = spans.still_there(asked.first_day, last_entry, after=after)
            _same, back = gaps.back_within(asked.first_day, last_entry, days=after)
            entered.append({"days": after, "newcomers": newcomers, "still": still, "back": back})
        for month in months_of(asked.first_day, asked.last_day):
            row: dict[str, Any] = {"month": month.code}
            for window in AFTER:
                row[f"before_{window}"], row[f"again_{window}"] = gaps.stayed(month.last_day, window=window)
            windows.append(row)
        return {"entered": entered, "windows": windows}

    def show(self, asked: Asked, counted: Counted) -> Result:
        entered, windows = counted["entered"], counted["windows"]
        last = windows[-1]
        newcomers = max(row["newcomers"] for row in entered)
        if not newcomers and not any(row["before_90"] for row in windows):
            return Result(sentences=[gettext("Nobody came in this time, and nobody was active before: nothing to retain.")])
        values: dict[str, float | None] = {f"day_{row['days']}": ratio(row["still"], row["newcomers"]) for row in entered}
        values |= {f"active_{days}": ratio(last[f"again_{days}"], last[f"before_{days}"]) for days in AFTER}
        return Result(
            sentences=_sentences(entered, last),
            values=values,
            charts=[_picture_of_newcomers(entered), _picture_of_regulars(windows)],
            tables=[_table_of_newcomers(entered), _table_of_regulars(windows)],
            notes=_notes(asked),
        )


def _sentences(entered: list[dict[str, Any]], last: dict[str, Any]) -> list[str]:
    told = []
    known = next((row for row in entered if row["days"] == 30 and row["newcomers"]), None)
    if known:
        words_of = gettext("Of %(newcomers)s newcomers %(share)s were seen on day 30 or later.")
        share = words.percent(ratio(known["still"], known["newcomers"]))
        told.append(words_of % {"newcomers": words.number(known["newcomers"]), "share": share})
    if last["before_30"]:
        words_of = gettext("Of %(before)s active in one 30 days %(share)s were active in the next, at the period's end.")
        share = words.percent(ratio(last["again_30"], last["before_30"]))
        told.append(words_of % {"before": words.number(last["before_30"]), "share": share})
    return told or [gettext("Thirty days have not passed yet since anybody came.")]


def _picture_of_newcomers(entered: list[dict[str, Any]]) -> Bars:
    return Bars(
        _("Newcomers: seen on day n or later, and back within n days"),
        [words.days(row["days"]) for row in entered],
        [
            Series(_("seen on day n or later"), [ratio(row["still"], row["newcomers"]) for row in entered]),
            Series(_("back within n days"), [ratio(row["back"], row["newcomers"]) for row in entered]),
        ],
        Unit.SHARE,
    )


def _picture_of_regulars(windows: list[dict[str, Any]]) -> Lines:
    return Lines(
        _("Active retention at each month's end"),
        [row["month"] for row in windows],
        [
            Series(words.days(days), [ratio(row[f"again_{days}"], row[f"before_{days}"]) for row in windows])
            for days in AFTER
        ],
        Unit.SHARE,
    )


def _table_of_newcomers(entered: list[dict[str, Any]]) -> Table:
    columns = [
        Column("days", _("day n"), Unit.COUNT),
        Column("newcomers", _("newcomers"), Unit.COUNT),
        Column("still", _("seen on day n or later"), Unit.COUNT),
        Column("retention", _("day-n retention"), Unit.SHARE),
        Column("back", _("back within n days"), Unit.COUNT),
        Column("back_share", _("share back within n days"), Unit.SHARE),
    ]
    rows = [
        [
            row["days"],
            row["newcomers"],
            row["still"],
            ratio(row["still"], row["newcomers"]),
            row["back"],
            ratio(row["back"], row["newcomers"]),
        ]
        for row in entered
    ]
    return Table("newcomers", _("Newcomers: day-n retention"), columns, rows)


def _table_of_regulars(windows: list[dict[str, Any]]) -> Table:
    columns = [Column("month", _("month"))]
    for days, before, again, rate in (
        (7, _("active, 7 days"), _("again, 7 days"), _("retention, 7 days")),
        (30, _("active, 30 days"), _("again, 30 days"), _("retention, 30 days")),
        (90, _("active, 90 days"), _("again, 90 days"), _("retention, 90 days")),
    ):
        columns += [
            Column(f"before_{days}", before, Unit.COUNT),
            Column(f"again_{days}", again, Unit.COUNT),
            Column(f"rate_{days}", rate, Unit.SHARE),
        ]
    rows = []
    for row in windows:
        told: list[Any] = [row["month"]]
        for days in AFTER:
            before, again = row[f"before_{days}"], row[f"again_{days}"]
            told += [before, again, ratio(again, before)]
        rows.append(told)
    return Table("regulars", _("Regulars: active retention at each month's end"), columns, rows)


def _notes(asked: Asked) -> list[str]:
    notes = [
        gettext(
            "Who was not seen yet may still come back: day-n retention of the newest is a lower bound. “Back within n "
            "days” is fair to all of them."
        )
    ]
    if asked.shop and asked.options["who"] == "members":
        notes.append(
            gettext("Visits and registrations belong to no shop: beside this shop's orders they count for everybody.")
        )
    return notes
