"""A campaign's balance line and its report in words, numbers and bars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.admin.marks import reason_words
from campaigns.models import Campaign, DeliveryState, EnrolmentStatus
from campaigns.reports.results import Balance, CampaignReport, Clicks
from core.admin.display import list_url, money, number, share
from core.admin.panels import Text

UNEVEN_BELOW = 0.001
"""Probability under which the sizes of the two groups are not what chance makes of the share that was set."""


@dataclass(frozen=True, slots=True)
class Part:
    """A term of the balance line."""

    label: Text
    count: str
    url: str
    colour: str
    share: float


def balance_line(campaign: Campaign, balance: Balance) -> dict[str, Any]:
    """This function will give `due = fired + held out + suppressed + failed + waiting`, each with its list behind it."""
    terms = (
        (EnrolmentStatus.FIRED, balance.fired, "green"),
        (EnrolmentStatus.HELD_OUT, balance.held_out, "violet"),
        (EnrolmentStatus.SUPPRESSED, sum(balance.suppressed.values()), "amber"),
        (EnrolmentStatus.FAILED, sum(balance.failed.values()), "red"),
        (EnrolmentStatus.WAITING, balance.waiting, "grey"),
    )
    due = balance.due
    parts = [
        Part(
            label=status.label,
            count=number(count),
            url=enrolments_url(campaign, status=status),
            colour=colour,
            share=count / due if due else 0.0,
        )
        for status, count, colour in terms
    ]
    return {"due": number(due), "url": enrolments_url(campaign), "parts": parts, "empty": not due}


def reasons_line(campaign: Campaign, status: str, reasons: Mapping[str, int]) -> list[tuple[str, str, str]]:
    return [
        (reason_words(reason), number(count), enrolments_url(campaign, status=status, reason=reason))
        for reason, count in reasons.items()
    ]


def clicks_line(campaign: Campaign, clicks: Clicks | None) -> dict[str, str] | None:
    """This function will say how many messages were clicked, with the lists behind both numbers and a segment of who did."""
    if clicks is None:
        return None
    tracked = {"campaign": str(campaign.pk), "state__exact": DeliveryState.SENT.value}
    rule = {"did": "message_clicked", "operator": ">=", "times": 1, "where": {"campaign": campaign.slug}}
    return {
        "clicked": number(clicks.clicked),
        "sent": number(clicks.sent),
        "rate": share(clicks.rate),
        "clicked_url": list_url("campaigns_delivery", **tracked, clicked="yes"),
        "sent_url": list_url("campaigns_delivery", **tracked, clicked="either"),
        "segment_url": f"{reverse('admin:retention_segment_add')}?{urlencode({'rule': json.dumps(rule)})}",
    }


def enrolments_url(campaign: Campaign, *, status: str = "", reason: str = "") -> str:
    return list_url("campaigns_enrolment", campaign__id__exact=campaign.pk, status__exact=str(status), reason=reason)


def result(campaign: Campaign, report: CampaignReport, *, still_open: bool) -> dict[str, Any]:
    """This function will say whether the campaign worked: the sentence, both groups as bars, cost and net."""
    days = campaign.version.attribution_days if campaign.version else 0
    arms = ((_("treated"), report.treated, "blue"), (_("control"), report.control, "violet"))
    highest = max((outcome.rate or 0.0 for _label, outcome, _colour in arms), default=0.0) or 1.0
    return {
        "sentence": verdict(report, days=days, still_open=still_open),
        "arms": [
            {
                "label": label,
                "colour": colour,
                "members": number(outcome.members),
                "converted": number(outcome.converted),
                "rate": share(outcome.rate, digits=1) if outcome.rate is not None else None,
                "width": (outcome.rate or 0.0) / highest,
                "orders": number(outcome.orders),
                "revenue": money(outcome.revenue_minor),
                "per_member": None if outcome.members == 0 else money(round(outcome.revenue_per_member_minor or 0)),
            }
            for label, outcome, colour in arms
        ],
        "interval": interval(report),
        "cost": money(report.cost_minor),
        "net": None if report.net_minor is None else money(report.net_minor),
        "uneven": report.sample_ratio_p is not None and report.sample_ratio_p < UNEVEN_BELOW,
        "known": report.treated.members > 0,
    }


def verdict(report: CampaignReport, *, days: int, still_open: bool) -> str:
    """This function will say in a sentence what difference the campaign made, and how sure that is.

    While orders still come in for some of the members nothing is certain yet, whatever the interval says today.
    """
    difference = report.difference
    if report.balance.due == 0:
        return gettext("Nobody has been due yet, so there is nothing to compare.")
    if difference is None:
        return gettext("One of the two groups is empty, so nothing can be compared.")
    values = {
        "days": days,
        "treated": share(report.treated.rate, digits=1),
        "control": share(report.control.rate, digits=1),
        "points": points(difference.absolute),
        "low": points(difference.low),
        "high": points(difference.high),
    }
    if still_open:
        text = _(
            "So far %(treated)s of the treated ordered against %(control)s of the control group: a difference of "
            "%(points)s points, between %(low)s and %(high)s. Not everybody's %(days)s days are over yet."
        )
    elif difference.low > 0:
        text = _(
            "%(treated)s of the treated ordered within %(days)s days against %(control)s of the control group: "
            "%(points)s points more. With 95%% certainty the campaign adds %(low)s to %(high)s points."
        )
    elif difference.high < 0:
        text = _(
            "%(treated)s of the treated ordered within %(days)s days against %(control)s of the control group: "
            "%(points)s points. With 95%% certainty the campaign does harm."
        )
    else:
        text = _(
            "%(treated)s of the treated ordered within %(days)s days against %(control)s of the control group. "
            "The difference of %(points)s points may be chance: it lies between %(low)s and %(high)s points."
        )
    return str(text) % values


def interval(report: CampaignReport) -> dict[str, Any] | None:
    """This function will place the difference and its interval on a line that has zero in the middle."""
    difference = report.difference
    if difference is None:
        return None
    reach = max(abs(difference.low), abs(difference.high), 0.01) * 1.15

    def place(value: float) -> float:
        return (value + reach) / (2 * reach)

    return {
        "left": place(difference.low),
        "width": place(difference.high) - place(difference.low),
        "at": place(difference.absolute),
        "low": points(difference.low),
        "high": points(difference.high),
        "points": points(difference.absolute),
    }


def points(value: float) -> str:
    """This function will write a difference of shares in points: 0.025 -> +2.5."""
    return f"{value * 100:+.1f}".replace("-", "−")
