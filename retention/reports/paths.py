"""Paths: in which order members do things in a session."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, CharField, Count, F, Max, Min, Q, Value, When, Window
from django.db.models.functions import Lag, Lead, RowNumber
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_cte import CTE, with_cte

from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Flow, Rows, Series
from retention.reports.sessions import said_step, step_label
from retention.reports.visits import browsing, last_days, ordered_that_day, shop_note
from retention.reports.words import Unit

STEPS = 6
"""So many steps of a session are told apart; what comes after them is left out."""
SHOWN = 50
DRAWN = 10
TOLD_APART = 6
"""Kinds of steps that have a band of their own in the flow: as many as there are colours. All others go together."""
OTHERS = "*"


class Paths(Report):
    code = "paths"
    group = "behaviour"
    question = _("Which ways do members take through the shop?")
    term = _("visit paths")
    definition = _(
        "The steps of a session in their order: the page where a visit names one, else what was done. The same step several "
        "times in a row counts once. Sessions that go on after the sixth step are told by their first six."
    )
    formula = _("share of a path = sessions that took it ÷ sessions")
    figures = (
        Figure("sessions", _("sessions"), Unit.COUNT, better=1),
        Figure("top_share", _("share of the most common path"), Unit.SHARE),
        Figure("ordered_share", _("sessions with an order on their day"), Unit.SHARE, better=1),
    )

    version = 2

    def period(self, known_day: int) -> tuple[int, int]:
        return last_days(known_day)

    def count(self, asked: Asked) -> Counted:
        of_session: dict[str, Any] = {
            "partition_by": [F("member_id"), F("session_id")],
            "order_by": [F("occurred_at").asc(), F("id").asc()],
        }
        events = browsing(asked).exclude(session_id="").annotate(label=step_label())
        read = events.values("id", "member_id", "session_id", "day", "occurred_at", "label")
        steps = CTE(read.annotate(before=Window(Lag("label"), **of_session)), name="steps")
        new = Q(before__isnull=True) | ~Q(before=F("label"))
        changed = steps.queryset().filter(new).values("member_id", "session_id", "day", "label")
        number = {"place": Window(RowNumber(), **of_session), "following": Window(Lead("label"), **of_session)}
        numbered = CTE(changed.annotate(**number), name="numbered")
        places = {f"s{place}": Max(Case(When(place=place, then=F("label")))) for place in range(1, STEPS + 1)}
        whole = {"day": Min("day"), "steps": Count("place"), **places}
        sessions = CTE(numbered.queryset().values("member_id", "session_id").annotate(**whole), name="sessions")
        rows = sessions.queryset().annotate(ordered=Case(When(ordered_that_day(asked), then=1), default=0))
        found = with_cte(steps, numbered, sessions, select=rows)
        counts = {
            "sessions": Count("day"),
            "with_order": Count("day", filter=Q(ordered=1)),
            "longer": Count("day", filter=Q(steps__gt=STEPS)),
        }
        paths = found.values(*places).annotate(**counts).order_by("-sessions", *places)[:SHOWN]
        return {
            **found.aggregate(**counts),
            "moves": _moves(steps, numbered),
            "paths": [
                {"steps": [row[name] for name in places if row[name] is not None], **{name: row[name] for name in counts}}
                for row in paths
            ],
        }

    def show(self, asked: Asked, counted: Counted) -> Result:
        paths, sessions = counted["paths"], counted["sessions"]
        if not sessions:
            said = gettext(
                "No session is known of this time: events that carry a session number are what paths are made of."
            )
            return Result(sentences=[said], notes=shop_note(asked))
        values = {
            "sessions": sessions,
            "top_share": ratio(paths[0]["sessions"], sessions),
            "ordered_share": ratio(counted["with_order"], sessions),
        }
        drawn = paths[:DRAWN]
        return Result(
            sentences=[_headline(paths[0], values)],
            values=values,
            charts=[
                Flow(
                    _("From step to step: as thick as there are sessions, a grey stub where they end"),
                    [_ordinal(place) for place in range(1, STEPS + 1)],
                    _said_moves(counted["moves"]),
                    rest=_step(OTHERS),
                ),
                Rows(
                    _("The most common paths"),
                    [_said(path["steps"]) for path in drawn],
                    [
                        Series(_("with an order"), [path["with_order"] for path in drawn], colour="green"),
                        Series(_("without"), [path["sessions"] - path["with_order"] for path in drawn], colour="grey"),
                    ],
                ),
            ],
            tables=[_table(paths, sessions), _move_table(counted["moves"])],
            notes=[*_cut(counted), *shop_note(asked)],
        )


def _moves(steps: Any, numbered: Any) -> list[list[Any]]:
    """How many sessions went from which step to which, place by place; the rarer steps are one.

    The commonest steps are asked for first: a shop may have more pages than there are sessions, and their pairs.
    """
    first = numbered.queryset().filter(place__lte=STEPS)
    common = with_cte(steps, numbered, select=first.values("label").annotate(times=Count("place")))
    names = [row["label"] for row in common.order_by("-times", "label")[:TOLD_APART]]
    if not names:
        return []
    both = {"step": _folded("label", names), "after": _folded("following", names)}
    pairs = with_cte(steps, numbered, select=first.annotate(**both).values("place", "step", "after"))
    counted = pairs.annotate(times=Count("place")).order_by("place", "-times", "step", "after")
    return [[row["place"], row["step"], row["after"], row["times"]] for row in counted]


def _folded(column: str, names: list[str]) -> Case:
    missing = When(Q(**{f"{column}__isnull": True}), then=Value(None))
    return Case(
        missing, When(Q(**{f"{column}__in": names}), then=F(column)), default=Value(OTHERS), output_field=CharField()
    )


def _ordinal(place: int) -> str:
    return gettext("step %(place)s") % {"place": place}


def _step(label: str) -> str:
    return gettext("other steps") if label == OTHERS else str(said_step(label))


def _said_moves(moves: list[list[Any]]) -> list[tuple[int, str, str | None, int]]:
    return [(place - 1, _step(step), None if after is None else _step(after), times) for place, step, after, times in moves]


def _move_table(moves: list[list[Any]]) -> Table:
    columns = [
        Column("place", _("step"), Unit.COUNT),
        Column("from", _("what was done")),
        Column("to", _("what followed")),
        Column("sessions", _("sessions"), Unit.COUNT),
        Column("share", _("share of this step"), Unit.SHARE),
    ]
    sums: dict[tuple[int, str], int] = {}
    for place, step, _after, times in moves:
        sums[place, step] = sums.get((place, step), 0) + times
    rows = [
        [
            place,
            _step(step),
            gettext("end of the visit") if after is None else _step(after),
            times,
            times / sums[place, step],
        ]
        for place, step, after, times in moves
    ]
    return Table("moves", _("From step to step"), columns, rows)


def _said(steps: list[str]) -> str:
    return " → ".join(str(said_step(step)) for step in steps)


def _headline(first: dict[str, Any], values: dict[str, Any]) -> str:
    said = gettext("The most common of %(sessions)s sessions (%(share)s): %(path)s.")
    return said % {
        "sessions": words.number(values["sessions"]),
        "share": words.percent(values["top_share"]),
        "path": _said(first["steps"]),
    }


def _cut(counted: Counted) -> list[str]:
    if not counted["longer"]:
        return []
    said = gettext("%(count)s sessions went on after their sixth step.")
    return [said % {"count": words.number(counted["longer"])}]


def _table(paths: list[dict[str, Any]], sessions: int) -> Table:
    columns = [
        Column("path", _("path")),
        Column("steps", _("steps"), Unit.COUNT),
        Column("sessions", _("sessions"), Unit.COUNT),
        Column("share", _("share of sessions"), Unit.SHARE),
        Column("ordered", _("with an order that day"), Unit.COUNT),
        Column("ordered_share", _("share with an order"), Unit.SHARE),
    ]
    rows = [
        [
            _said(path["steps"]),
            len(path["steps"]),
            path["sessions"],
            ratio(path["sessions"], sessions),
            path["with_order"],
            ratio(path["with_order"], path["sessions"]),
        ]
        for path in paths
    ]
    return Table("paths", _("By path"), columns, rows)
