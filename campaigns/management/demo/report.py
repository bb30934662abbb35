"""What the demonstration tells at its end: one JSON, and the same as a table."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from campaigns.management.demo import story
from campaigns.management.demo.source import MADE_UP, Year
from campaigns.models import Campaign
from campaigns.reports.results import campaign_report
from core.registry import checks
from members.models import Member, Order, OrderLine
from retention.models import Segment


def build_report(year: Year, *, shift_weeks: int) -> dict[str, Any]:
    """This function will gather the counts, each campaign's report, and whether everything can be proved."""
    segments = {segment.slug: segment for segment in Segment.objects.all()}
    campaigns = {campaign.slug: campaign for campaign in Campaign.objects.all()}
    problems = [problem for check in checks for problem in check.rows()]
    return {
        "members": Member.objects.count(),
        "orders": Order.objects.count(),
        "lines": OrderLine.objects.count(),
        "first_day": year.first_day.isoformat(),
        "last_day": year.last_day.isoformat(),
        "shift_weeks": shift_weeks,
        "made_up_fields": list(MADE_UP),
        "segments": [_segment(segments[document["slug"]]) for document in story.SEGMENTS],
        "campaigns": [_campaign(campaigns[document["slug"]]) for document in story.CAMPAIGNS],
        "verify": not problems,
        "problems": problems[:20],
    }


def print_report(report: dict[str, Any], console: Console) -> None:
    """This function will print the report for a person."""
    console.print(
        f"{report['members']:,} members, {report['orders']:,} orders, {report['lines']:,} lines "
        f"from {report['first_day']} to {report['last_day']} (the real dates moved by {report['shift_weeks']} whole weeks)."
    )
    made_up = ", ".join(report["made_up_fields"]).replace("_", " ")
    console.print(f"Made up for the demonstration: {made_up}. Everything else is the retailer's.")
    console.print(_segments_table(report["segments"]))
    console.print(_campaigns_table(report["campaigns"]))
    for campaign in report["campaigns"]:
        console.print(_outcome(campaign))
    console.print(
        "Nobody really received a message or a coupon: a difference near zero is the honest result, the rest is chance."
    )
    proof = "Everything adds up (verify)." if report["verify"] else f"Something does not add up: {report['problems']}"
    console.print(proof)


def _segment(segment: Segment) -> dict[str, Any]:
    return {"slug": segment.slug, "name": segment.name, "members": segment.member_count}


def _campaign(campaign: Campaign) -> dict[str, Any]:
    return {"slug": campaign.slug, "name": campaign.name, **campaign_report(campaign=campaign).as_json()}


def _segments_table(segments: list[dict[str, Any]]) -> Table:
    table = Table("Segment", "Members", title="Segments on the last day")
    for segment in segments:
        table.add_row(segment["name"], f"{segment['members']:,}")
    return table


def _campaigns_table(campaigns: list[dict[str, Any]]) -> Table:
    table = Table("Campaign", "Due", "= Fired", "+ Held out", "+ Suppressed", "+ Failed", "+ Waiting", title="Campaigns")
    for campaign in campaigns:
        outcomes = {**campaign, "suppressed": sum(campaign["suppressed"].values())}
        keys = ("due", "fired", "held_out", "suppressed", "failed", "waiting")
        table.add_row(campaign["name"], *(f"{outcomes[key]:,}" for key in keys))
    return table


def _outcome(campaign: dict[str, Any]) -> str:
    treated, control = campaign["arms"]["treated"], campaign["arms"]["control"]
    reasons = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in campaign["suppressed"].items())
    sentence = f"{campaign['name']}: " + (f"suppressed for {reasons}; " if reasons else "")
    sentence += f"{treated['conversions']:,} of {treated['members']:,} treated and {control['conversions']:,} of "
    sentence += f"{control['members']:,} held-out members ordered within the window"
    lift = campaign["lift"]
    if lift["interval_95"] is None:
        return sentence + "."
    low, high = (100 * bound for bound in lift["interval_95"])
    return sentence + f"; a difference of {100 * lift['absolute']:+.1f} points (95% between {low:+.1f} and {high:+.1f})."
