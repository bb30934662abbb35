"""Why members who are leaving leave, counted."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from django.db.models import Count, Sum
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retention.models import Reason
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Rows, Series
from retention.reports.sources import orders_until
from retention.reports.words import Unit
from retention.scored import current_parameters
from retention.scoring.lifecycle import LEAVING, Stage
from retention.selectors.reasons import listed, rows_asked
from retention.selectors.rules import Rulebook
from rules.errors import RuleErrors

COLOURS = {Stage.AT_RISK: "amber", Stage.DORMANT: "orange", Stage.LOST: "red"}
LABELS = {Stage.AT_RISK: _("at risk"), Stage.DORMANT: _("dormant"), Stage.LOST: _("lost")}


class ChurnReasons(Report):
    code = "churn-reasons"
    group = "service"
    question = _("Why do members leave?")
    term = _("churn reasons")
    definition = _(
        "Members who are at risk, dormant or lost now and whose last order lies in the period. The reason is the first of "
        "the list whose rule holds, or what the member answered in a survey since that order. Reasons are inferred: they "
        "say what stands out, not what a member thought."
    )
    formula = _("share of a reason = leaving members with this reason ÷ leaving members")
    figures = (
        Figure("leaving", _("members leaving"), Unit.COUNT, better=-1),
        Figure("known_share", _("with a reason other than none known"), Unit.SHARE),
        Figure("revenue_minor", _("what they had spent"), Unit.MONEY, better=-1),
    )
    compares = False

    def hangs_on(self) -> str:
        """The list of reasons: whoever changed it looks here for what came of it, before the next refresh."""
        lines = [[each.reason, each.rule] for each in listed() if each.active]
        return sha256(msgspec.json.encode(lines)).hexdigest()[:12]

    def count(self, asked: Asked) -> Counted:
        try:
            return {"rows": self._rows(asked)}
        except RuleErrors:
            return {"rows": [], "broken": True}

    def _rows(self, asked: Asked) -> list[dict[str, Any]]:
        scope = None if asked.shop_id is None else orders_until(asked).order_by().values("member_id")
        members = rows_asked(
            rulebook=Rulebook(),
            parameters=current_parameters(),
            day=asked.known_day,
            as_of=asked.as_of,
            scope=scope,
            with_reason=True,
        )
        leaving = members.filter(
            lifecycle_stage__in=[stage.value for stage in LEAVING],
            last_order_day__range=(asked.first_day, asked.last_day),
        )
        counted = leaving.values("churn_reason", "lifecycle_stage").annotate(
            members=Count("member_id"), revenue=Sum("revenue_minor")
        )
        return [
            {
                "reason": row["churn_reason"],
                "stage": row["lifecycle_stage"],
                "members": row["members"],
                "revenue": int(row["revenue"]),
            }
            for row in counted
        ]

    def show(self, asked: Asked, counted: Counted) -> Result:
        if counted.get("broken"):
            return Result(sentences=[gettext("A rule of the list of churn reasons cannot be asked: mend it there first.")])
        rows = counted["rows"]
        leaving = sum(row["members"] for row in rows)
        if not leaving:
            return Result(sentences=[gettext("Nobody whose last order lies in this time is at risk, dormant or lost.")])
        added = [{"reason": reason, **_added(rows, reason)} for reason in {row["reason"] for row in rows}]
        added.sort(key=lambda row: (-row["members"], str(row["reason"])))
        known = sum(row["members"] for row in added if row["reason"] not in (None, Reason.NATURAL))
        values = {
            "leaving": leaving,
            "known_share": ratio(known, leaving),
            "revenue_minor": sum(row["revenue"] for row in added),
        }
        series = [Series(LABELS[stage], [row[stage] for row in added], colour=COLOURS[stage]) for stage in LEAVING]
        return Result(
            sentences=[_headline(added, leaving, known)],
            values=values,
            charts=[Rows(_("Leaving members by reason"), [_name(row["reason"]) for row in added], series)],
            tables=[_table(added, leaving)],
            notes=[_by_what(asked)],
        )


def _by_what(asked: Asked) -> str:
    said = gettext("Stages and reasons are those of %(day)s, the last refresh, by the list of reasons as it is now.")
    return said % {"day": words.text_of(asked.known_day, Unit.DATE)}


def _added(rows: list[dict[str, Any]], reason: str | None) -> dict[str, int]:
    mine = [row for row in rows if row["reason"] == reason]
    stages = {stage.value: sum(row["members"] for row in mine if row["stage"] == stage) for stage in LEAVING}
    return {
        **stages,
        "members": sum(row["members"] for row in mine),
        "revenue": sum(row["revenue"] for row in mine),
    }


def _name(reason: str | None) -> str:
    return str(Reason(reason).label) if reason else gettext("not told")


def _headline(added: list[dict[str, Any]], leaving: int, known: int) -> str:
    """Of most members nothing tells why they leave: that is said before the reason that stands out most."""
    first = next((row for row in added if row["reason"] not in (None, Reason.NATURAL)), None)
    if first is None:
        return gettext("%(members)s are leaving; for none of them a reason stands out.") % {
            "members": words.members(leaving)
        }
    said = gettext(
        "%(members)s are leaving; for %(known)s of them (%(share)s) a reason stands out, most often %(reason)s (%(count)s)."
    )
    return said % {
        "members": words.members(leaving),
        "known": words.number(known),
        "share": words.percent(known / leaving),
        "reason": _name(first["reason"]),
        "count": words.number(first["members"]),
    }


def _table(added: list[dict[str, Any]], leaving: int) -> Table:
    columns = [
        Column("reason", _("reason")),
        *(Column(stage.value, LABELS[stage], Unit.COUNT) for stage in LEAVING),
        Column("members", _("members"), Unit.COUNT),
        Column("share", _("share"), Unit.SHARE),
        Column("revenue", _("what they had spent"), Unit.MONEY),
    ]
    rows = [
        [
            _name(row["reason"]),
            *(row[stage] for stage in LEAVING),
            row["members"],
            ratio(row["members"], leaving),
            row["revenue"],
        ]
        for row in added
    ]
    return Table("reasons", _("By reason"), columns, rows)
