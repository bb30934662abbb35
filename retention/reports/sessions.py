"""Sessions: where they begin, how many end at once, how long they last."""

from __future__ import annotations

from typing import Any

import pandas as pd
from django.db.models import Case, CharField, Count, F, Max, Min, Q, Sum, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from core.periods import date_of
from members.models import EventKind
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Lines, Rows, Series
from retention.reports.visits import browsing, last_days, nothing_done, ordered_that_day, shop_note
from retention.reports.words import Unit

DWELLS: tuple[tuple[str, float | None, Any], ...] = (
    ("10s", 10, _("10 seconds")),
    ("30s", 30, _("30 seconds")),
    ("1m", 60, _("1 minute")),
    ("3m", 180, _("3 minutes")),
    ("10m", 600, _("10 minutes")),
    ("longer", None, _("longer")),
)
SHOWN = 50


def step_label() -> Case:
    """What a step of a session is called: the page where one is told of a visit, else the kind of event, as `:kind`."""
    visited = Q(kind=EventKind.VISIT) & ~Q(page="")
    kinds = [When(kind=kind, then=Value(f":{kind.value}")) for kind in EventKind]
    return Case(When(visited, then=F("page")), *kinds, output_field=CharField())


def said_step(label: str) -> Any:
    """This function will say a step's name in words: `:view` is «viewed a product»."""
    return EventKind(label[1:]).label if label.startswith(":") and label[1:] in EventKind.values else label


class BounceAndDwell(Report):
    code = "bounce"
    group = "behaviour"
    question = _("How many visits end where they began, and how long do they last?")
    term = _("bounce rate and time on site")
    definition = _(
        "A session is what a member did under one session number. It bounces when it holds a single event. Its time is the "
        "sum of the seconds told of its pages; sessions of which none is told have no time. The first event is where it "
        "begins."
    )
    formula = _("bounce rate = sessions with one event ÷ sessions; mean time = seconds of all sessions with a time ÷ those")
    figures = (
        Figure("bounce_rate", _("bounce rate"), Unit.SHARE, better=-1),
        Figure("mean_seconds", _("mean time in seconds"), Unit.NUMBER, better=1),
        Figure("events_per_session", _("events a session"), Unit.NUMBER, better=1),
        Figure("sessions", _("sessions"), Unit.COUNT, better=1),
    )

    def period(self, known_day: int) -> tuple[int, int]:
        return last_days(known_day)

    def count(self, asked: Asked) -> Counted:
        order: dict[str, Any] = {
            "partition_by": [F("member_id"), F("session_id")],
            "order_by": [F("occurred_at").asc(), F("id").asc()],
        }
        events = browsing(asked).exclude(session_id="")
        told = events.values("member_id", "session_id", "day", "dwell_seconds", label=step_label())
        steps = CTE(told.annotate(place=Window(RowNumber(), **order)), name="steps")
        whole = {
            "day": Min("day"),
            "events": Count("place"),
            "dwell": Sum("dwell_seconds"),
            "landing": Max(Case(When(place=1, then=F("label")))),
        }
        sessions = CTE(steps.queryset().values("member_id", "session_id").annotate(**whole), name="sessions")
        rows = sessions.queryset().annotate(ordered=Case(When(ordered_that_day(asked), then=1), default=0), band=_dwell())
        added = {
            "sessions": Count("day"),
            "bounced": Count("day", filter=Q(events=1)),
            "events": Sum("events"),
            "timed": Count("dwell"),
            "seconds": Sum("dwell"),
            "ordered": Sum("ordered"),
        }
        found = with_cte(steps, sessions, select=rows)
        # Each renamed: what is summed and the sum may not have one name.
        sums = {f"sum_{name}": expression for name, expression in added.items()}
        by_day = _frame(found.values("day").annotate(**sums).order_by("day"))
        by_landing = found.values("landing").annotate(**sums).order_by("-sum_sessions", "landing")[:SHOWN]
        bands = dict(found.exclude(band=None).values_list("band").annotate(sum_sessions=Count("day")))
        whole_row = by_day.drop(columns="day").sum() if len(by_day) else pd.Series(dtype=float)
        return {
            "whole": {name: float(value) for name, value in whole_row.items()},
            "days": by_day.to_dict("records"),
            "landings": _frame(by_landing).to_dict("records"),
            "bands": bands,
            "events": browsing(asked).exists(),
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        whole = counted["whole"]
        if not whole:
            return Result(sentences=[_no_sessions(counted)], notes=shop_note(asked))
        values = _figures(whole)
        days = counted["days"]
        return Result(
            sentences=[_headline(values)],
            values=values,
            charts=[
                Lines(
                    _("Bounce rate by day"),
                    [date_of(int(day["day"])).isoformat() for day in days],
                    [Series(_("bounce rate"), [ratio(day["bounced"], day["sessions"]) for day in days])],
                    Unit.SHARE,
                    figure="bounce_rate",
                ),
                Rows(
                    _("Sessions by time on site, up to"),
                    [label for _code, _seconds, label in DWELLS],
                    [Series(_("sessions"), [counted["bands"].get(code, 0) for code, _seconds, _label in DWELLS])],
                ),
            ],
            tables=[_landings(counted["landings"]), _days(days)],
            notes=shop_note(asked),
        )


def _dwell() -> Case:
    whens = [When(dwell__lte=seconds, then=Value(code)) for code, seconds, _label in DWELLS if seconds is not None]
    return Case(When(dwell__isnull=True, then=Value(None)), *whens, default=Value("longer"), output_field=CharField())


def _frame(rows: Any) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows))
    return frame.rename(columns=lambda name: name.removeprefix("sum_")).fillna({"seconds": 0.0})


def _figures(whole: dict[str, float]) -> dict[str, float | None]:
    return {
        "bounce_rate": ratio(whole["bounced"], whole["sessions"]),
        "mean_seconds": ratio(whole["seconds"], whole["timed"]),
        "events_per_session": ratio(whole["events"], whole["sessions"]),
        "sessions": whole["sessions"],
    }


def _no_sessions(counted: Counted) -> str:
    if counted["events"]:
        return gettext(
            "Events of this time name no session: without a session number nothing can be said of visits as a whole."
        )
    return nothing_done()


def _headline(values: dict[str, float | None]) -> str:
    said = gettext("%(share)s of %(sessions)s sessions ended with their first event; a session lasts %(time)s on average.")
    return said % {
        "share": words.percent(values["bounce_rate"]),
        "sessions": words.number(values["sessions"]),
        "time": seconds_text(values["mean_seconds"]),
    }


def seconds_text(seconds: float | None) -> str:
    """This function will write 95 seconds as 1 min 35 s."""
    if seconds is None:
        return gettext("an unknown time")
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return gettext("%(seconds)d s") % {"seconds": rest}
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return gettext("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
    return gettext("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}


_COLUMNS = (
    Column("sessions", _("sessions"), Unit.COUNT),
    Column("bounced", _("bounced"), Unit.COUNT),
    Column("bounce_rate", _("bounce rate"), Unit.SHARE),
    Column("events_per_session", _("events a session"), Unit.NUMBER),
    Column("mean_seconds", _("mean seconds"), Unit.NUMBER),
    Column("ordered", _("ordered that day"), Unit.COUNT),
)


def _row(found: dict[str, Any]) -> list[Any]:
    figures = _figures(found)
    return [
        int(found["sessions"]),
        int(found["bounced"]),
        figures["bounce_rate"],
        figures["events_per_session"],
        figures["mean_seconds"],
        int(found["ordered"]),
    ]


def _landings(rows: list[dict[str, Any]]) -> Table:
    table = [[said_step(row["landing"]), *_row(row)] for row in rows]
    return Table("landings", _("By where sessions begin"), [Column("landing", _("begins with")), *_COLUMNS], table)


def _days(rows: list[dict[str, Any]]) -> Table:
    table = [[int(row["day"]), *_row(row)] for row in rows]
    return Table("days", _("By day"), [Column("day", _("day"), Unit.DATE), *_COLUMNS], table)
