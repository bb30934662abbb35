"""Campaigns side by side: whom each reached, whether it worked, and what it cost."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Enrolment
from campaigns.reports.results import CampaignReport, campaign_report
from core.conf import shop_zone
from core.periods import start_of
from retention.reports import words
from retention.reports.base import Asked, Column, Counted, Figure, Report, Result, Table, ratio
from retention.reports.charts import Intervals, Rows, Series
from retention.reports.experience import by_chance
from retention.reports.words import Unit

MOST = 50
CERTAIN = 0.05


class CampaignsSideBySide(Report):
    code = "campaigns"
    group = "loyalty"
    question = _("Which campaigns worked?")
    term = _("campaign results side by side")
    definition = _(
        "Campaigns that had somebody due in the period, each over its whole life: everyone assigned to it, treated or kept "
        "as control, and who of them ordered within its attribution window. Only orders in a member's first window are "
        "compared."
    )
    formula = _("lift = share of the treated who ordered − share of the control group who ordered")
    source = _("Interval: Newcombe 1998, method 10. Test: pooled z, or Fisher's exact test where numbers are small.")
    figures = (
        Figure("campaigns", _("campaigns"), Unit.COUNT),
        Figure("worked", _("campaigns with more orders than chance gives"), Unit.COUNT, better=1),
        Figure("due", _("times somebody was due"), Unit.COUNT),
        Figure("cost_minor", _("cost of coupons"), Unit.MONEY, better=-1),
        Figure("net_minor", _("revenue beyond the control groups"), Unit.MONEY, better=1),
    )
    by_shop = False
    compares = False

    def count(self, asked: Asked) -> Counted:
        begins, ends = start_of(asked.first_day, shop_zone()), start_of(asked.last_day + 1, shop_zone())
        due = Enrolment.objects.filter(due_at__gte=begins, due_at__lt=min(ends, asked.as_of))
        campaigns = Campaign.objects.filter(pk__in=due.values("campaign_id")).select_related("version").order_by("-pk")
        # A loop because each campaign has a window of its own; there are few of them.
        rows = [_row(campaign, campaign_report(campaign=campaign)) for campaign in campaigns[:MOST]]
        return {"rows": rows, "campaigns": campaigns.count()}

    def show(self, asked: Asked, counted: Counted) -> Result:
        rows = counted["rows"]
        if not rows:
            said = gettext("No campaign had anybody due in this time.")
            return Result(sentences=[said], values={"campaigns": 0, "worked": 0, "due": 0})
        judged = [row for row in rows if row["difference"] is not None]
        worked = [row for row in judged if _worked(row)]
        known = [row["net_minor"] for row in rows if row["net_minor"] is not None]
        values = {
            "campaigns": counted["campaigns"],
            "worked": len(worked),
            "due": sum(row["due"] for row in rows),
            "cost_minor": sum(row["cost_minor"] for row in rows),
            "net_minor": sum(known) if known else None,
        }
        return Result(
            sentences=[_headline(rows, judged, worked)],
            values=values,
            charts=[*_lifts(judged), _fates(rows)],
            tables=[_outcomes(rows), _balances(rows)],
            notes=_notes(rows, counted["campaigns"], unsure=len(judged) > len(worked), compared=len(judged)),
        )


def _row(campaign: Campaign, report: CampaignReport) -> dict[str, Any]:
    balance, difference = report.balance, report.difference
    return {
        "slug": campaign.slug,
        "name": campaign.name,
        "status": campaign.status,
        "due": balance.due,
        "fired": balance.fired,
        "held_out": balance.held_out,
        "suppressed": sum(balance.suppressed.values()),
        "failed": sum(balance.failed.values()),
        "waiting": balance.waiting,
        "treated": report.treated.members,
        "control": report.control.members,
        "treated_rate": report.treated.rate,
        "control_rate": report.control.rate,
        "difference": None if difference is None else difference.absolute,
        "low": None if difference is None else difference.low,
        "high": None if difference is None else difference.high,
        "p_value": None if difference is None else difference.p_value,
        "revenue_minor": report.treated.revenue_minor,
        "cost_minor": report.cost_minor,
        "net_minor": report.net_minor,
    }


def _worked(row: dict[str, Any]) -> bool:
    return bool(row["difference"] > 0 and row["p_value"] < CERTAIN)


def _headline(rows: list[dict[str, Any]], judged: list[dict[str, Any]], worked: list[dict[str, Any]]) -> str:
    if not judged:
        return gettext(
            "None of %(campaigns)s campaigns has a control group with members: nothing says whether they worked."
        ) % {"campaigns": words.number(len(rows))}
    if not worked:
        said = gettext("None of %(campaigns)s campaigns brought more members to order than chance alone may.")
        return said % {"campaigns": words.number(len(judged))}
    best = max(worked, key=lambda row: row["difference"])
    said = gettext(
        "%(worked)s of %(campaigns)s campaigns brought more members to order than chance gives, most of all “%(name)s” "
        "(%(points)s)."
    )
    return said % {
        "worked": words.number(len(worked)),
        "campaigns": words.number(len(judged)),
        "name": best["name"],
        "points": words.points(best["difference"]),
    }


def _lifts(judged: list[dict[str, Any]]) -> list[Intervals]:
    if not judged:
        return []
    labels, values, low, high = ([row[name] for row in judged] for name in ("name", "difference", "low", "high"))
    return [Intervals(_("Lift with its interval"), labels, values, low, high, Unit.SHARE)]


def _fates(rows: list[dict[str, Any]]) -> Rows:
    parts = (
        ("fired", _("fired"), "green"),
        ("held_out", _("held out"), "violet"),
        ("suppressed", _("suppressed"), "amber"),
        ("failed", _("failed"), "red"),
        ("waiting", _("waiting"), "grey"),
    )
    series = [Series(label, [row[code] for row in rows], colour=colour) for code, label, colour in parts]
    return Rows(_("What became of those who were due"), [row["name"] for row in rows], series)


def _outcomes(rows: list[dict[str, Any]]) -> Table:
    columns = [
        Column("name", _("campaign")),
        Column("treated", _("treated"), Unit.COUNT),
        Column("treated_rate", _("ordered"), Unit.SHARE),
        Column("control", _("control"), Unit.COUNT),
        Column("control_rate", _("ordered"), Unit.SHARE),
        Column("difference", _("lift"), Unit.SHARE),
        Column("low", _("at least"), Unit.SHARE),
        Column("high", _("at most"), Unit.SHARE),
        Column("p_value", _("by chance alone"), Unit.SHARE),
        Column("revenue_minor", _("revenue of the treated"), Unit.MONEY),
        Column("cost_minor", _("cost of coupons"), Unit.MONEY),
        Column("net_minor", _("beyond the control group"), Unit.MONEY),
        Column("net_per_treated", _("the same a treated member"), Unit.MONEY),
    ]
    table = [[*(row[column.code] for column in columns[:-1]), ratio(row["net_minor"], row["treated"])] for row in rows]
    return Table("outcomes", _("Outcome"), columns, table)


def _balances(rows: list[dict[str, Any]]) -> Table:
    columns = [
        Column("name", _("campaign")),
        Column("due", _("due"), Unit.COUNT),
        Column("fired", _("fired"), Unit.COUNT),
        Column("held_out", _("held out"), Unit.COUNT),
        Column("suppressed", _("suppressed"), Unit.COUNT),
        Column("failed", _("failed"), Unit.COUNT),
        Column("waiting", _("waiting"), Unit.COUNT),
    ]
    return Table("balance", _("Who was due"), columns, [[row[column.code] for column in columns] for row in rows])


def _notes(rows: list[dict[str, Any]], campaigns: int, *, unsure: bool, compared: int) -> list[str]:
    told = [gettext("Revenue is what is left after discounts, so the cost of coupons is taken off already.")]
    if unsure:
        told.append(
            gettext(
                "Where the interval of the lift reaches across zero, the revenue beyond the control group may be chance as "
                "well: it is added up with the rest, and proves nothing there."
            )
        )
    told += by_chance(compared)
    if campaigns > len(rows):
        said = gettext("Of %(campaigns)s campaigns the newest %(shown)s are shown.")
        told.append(said % {"campaigns": words.number(campaigns), "shown": words.number(len(rows))})
    return told
