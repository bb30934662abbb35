"""Today: the first page. How many members stand where, what needs a person, how the campaigns under way are doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from campaigns.admin.marks import CAMPAIGN
from campaigns.admin.results import balance_line, enrolments_url
from campaigns.models import CampaignStatus, EnrolmentStatus
from campaigns.reports.results import balance
from campaigns.selectors.screens import live_campaigns, unknown_messages
from campaigns.services.expected import Expected, expected_today
from config.figures import tiles, what_changed
from core.admin.clock import failing_works
from core.admin.display import badge, change_url, list_url, money, number, share
from core.conf import has_broker, shop_zone
from core.periods import day_number
from core.services.clock import clock_is_ticking
from members.services.imports import imports_with_rejects
from retention.admin.marks import STAGES
from retention.models import DaySnapshot, RefreshState
from retention.selectors import state
from retention.selectors.notices import notices
from retention.selectors.overview import Cell, Overview
from retention.selectors.trends import latest_snapshot
from retention.services.builds import are_few
from retention.services.snapshots import keep_snapshot

NOBODY = Overview(0, 0, 0, 0, 0, {}, {})
NIGHT_IS_OVER = 4
"""Shop hour by which the nightly pass should have counted the new day."""
QUIET_DAYS = 3
"""Days without any order after which a shop that sells daily should ask whether its orders still come in."""
SCORES = range(1, 6)
AT_RISK = ("at_risk", "dormant")


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person, and where to settle it."""

    sentence: str
    url: str
    verb: str
    colour: str = "amber"


def today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """This function will gather the first page, each part only for those who may see it."""
    now = timezone.now()
    may = request.user.has_perm
    latest = _latest(state(), now)
    context.update(
        title=gettext("Today"),
        clock=_clock_banner(now),
        fresh=_freshness(latest, now) if latest else None,
        needs=[need for permission, find in NEEDS if may(permission) for need in find()],
    )
    if may("retention.view_memberfacts"):
        context["standing"] = _standing(Overview.from_json(latest.standing) if latest else NOBODY, now)
    if latest is not None and latest.standing["members"]:
        context["figures"] = tiles(latest, may=may)
        context["changes"] = what_changed(latest, may=may)
    if may("campaigns.view_campaign"):
        context["expected"] = _expected(now)
        context["campaigns"] = _campaigns()
    return context


# --- where members stand


def _latest(known: RefreshState, now: datetime) -> DaySnapshot | None:
    """What was kept last. In a small shop it is counted again at once after a refresh; a large one waits for the clock."""
    if known.as_of is not None and are_few():
        keep_snapshot(now=now)
    return latest_snapshot()


def _standing(seen: Overview, now: datetime) -> dict[str, Any]:
    at_risk = sum(seen.stages.get(stage, 0) for stage in AT_RISK)
    return {
        "empty": not seen.members,
        "sentence": _headline(at_risk, seen.members),
        "quiet": _quiet(seen.last_order_day, now),
        "stages": _stages(seen),
        "grid": _grid(seen),
        "has_grid": bool(seen.grid),
    }


def _headline(at_risk: int, members: int) -> str:
    if not members:
        return gettext("Nobody is here yet.")
    words = ngettext(
        "%(count)s member is at risk or dormant (%(share)s).",
        "%(count)s members are at risk or dormant (%(share)s).",
        at_risk,
    )
    return words % {"count": number(at_risk), "share": share(at_risk / members)}


def _quiet(last_order_day: int | None, now: datetime) -> str:
    """This function will say that orders stopped coming in: whoever seems to be leaving may only be missing from them."""
    days = 0 if last_order_day is None else day_number(now, shop_zone()) - last_order_day
    if days < QUIET_DAYS:
        return ""
    words = ngettext(
        "The newest order is %(days)d day old. Until newer ones are brought in, members seem to drift away who may not.",
        "The newest order is %(days)d days old. Until newer ones are brought in, members seem to drift away who may not.",
        days,
    )
    return words % {"days": days}


def _stages(seen: Overview) -> list[dict[str, Any]]:
    return [
        {
            "word": mark.word,
            "colour": mark.colour,
            "icon": mark.icon,
            "count": number(seen.stages[code]),
            "share": seen.stages[code] / seen.members,
            "share_text": share(seen.stages[code] / seen.members),
            "url": list_url("members_member", stage=code),
        }
        for code, mark in STAGES.items()
        if seen.stages.get(code)
    ]


def _grid(seen: Overview) -> list[tuple[int, list[dict[str, Any]]]]:
    """This function will draw the RFM grid: recency down, frequency across; shade is members, the number is revenue."""
    most = max((cell.members for cell in seen.grid.values()), default=0) or 1
    revenue = sum(cell.revenue_minor for cell in seen.grid.values()) or 1
    rows = []
    for recency in reversed(SCORES):
        cells = [seen.grid.get((recency, frequency), Cell(0, 0)) for frequency in SCORES]
        rows.append((recency, [_cell(recency, place, cell, most, revenue) for place, cell in enumerate(cells, start=1)]))
    return rows


def _cell(recency: int, frequency: int, cell: Cell, most: int, revenue: int) -> dict[str, Any]:
    return {
        "recency": recency,
        "frequency": frequency,
        "shade": cell.members / most,
        "members": number(cell.members),
        "revenue_share": share(cell.revenue_minor / revenue) if cell.members else "",
        "revenue": money(cell.revenue_minor),
        "url": list_url("members_member", cell=f"{recency}-{frequency}") if cell.members else "",
    }


# --- campaigns under way


def _campaigns() -> list[dict[str, Any]]:
    """This function will show each campaign under way with its balance line; there are few at a time."""
    return [
        {
            "campaign": campaign,
            "url": change_url("campaigns_campaign", campaign.pk),
            "state": badge(CAMPAIGN[CampaignStatus(campaign.status)]),
            "balance": balance_line(campaign, balance(campaign=campaign)),
        }
        for campaign in live_campaigns()
    ]


# --- what will fire today


def _expected(now: datetime) -> dict[str, Any]:
    """This function will say how many the rest of the day will reach, campaign by campaign."""
    found = expected_today(now=now, whole=are_few())
    members = sum(each.members for each in found)
    words = ngettext(
        "Up to %(count)s occasion will fire before the day is over.",
        "Up to %(count)s occasions will fire before the day is over.",
        members,
    )
    return {"sentence": words % {"count": number(members)}, "campaigns": [_expected_of(each) for each in found]}


def _expected_of(expected: Expected) -> dict[str, Any]:
    """Who waits is a list; who is to come is foretold, and not yet written anywhere."""
    campaign, told = expected.campaign, []
    if expected.waiting:
        words = ngettext("%(count)s is due and waits", "%(count)s are due and wait", expected.waiting)
        told.append(words % {"count": number(expected.waiting)})
    if expected.coming is None:
        told.append(gettext("its next run asks the whole audience, counted then"))
    elif expected.coming:
        words = ngettext("%(count)s more is expected", "%(count)s more are expected", expected.coming)
        told.append(words % {"count": number(expected.coming)})
    waiting_url = enrolments_url(campaign, status=EnrolmentStatus.WAITING) if expected.waiting else ""
    return {
        "name": campaign.name,
        "url": change_url("campaigns_campaign", campaign.pk),
        "count": "" if expected.coming is None and not expected.waiting else number(expected.members),
        "count_url": waiting_url,
        "told": " · ".join(told),
    }


# --- what needs a person


def _unknown() -> Sequence[Need]:
    count = unknown_messages()
    if not count:
        return ()
    words = ngettext(
        "Of %(count)d message nobody knows whether it arrived.",
        "Of %(count)d messages nobody knows whether they arrived.",
        count,
    )
    return (Need(words % {"count": count}, list_url("campaigns_delivery", state__exact="unknown"), gettext("Decide")),)


def _about_counts() -> Sequence[Need]:
    verbs = {"segment_failed": gettext("Mend it"), "proof_differs": gettext("See what")}
    return [
        Need(
            notice.sentence,
            change_url(notice.page, notice.pk),
            verbs.get(notice.code, gettext("Look")),
            "red" if notice.urgent else "amber",
        )
        for notice in notices(now=timezone.now())
    ]


def _paused() -> Sequence[Need]:
    words = gettext("The campaign “%(name)s” was paused: %(reason)s")
    return [
        Need(
            words % {"name": campaign.name, "reason": campaign.paused_reason},
            change_url("campaigns_campaign", campaign.pk),
            gettext("Look"),
        )
        for campaign in live_campaigns()
        if campaign.paused_reason
    ]


def _failing_works() -> Sequence[Need]:
    words = gettext("%(work)s failed when it last ran.")
    return [
        Need(words % {"work": label}, change_url("core_clockentry", pk), gettext("See why"), "red")
        for pk, label in failing_works()
    ]


def _refused(count: int) -> str:
    return ngettext(
        "%(count)s row of “%(name)s” was refused and can be corrected.",
        "%(count)s rows of “%(name)s” were refused and can be corrected.",
        count,
    )


def _refused_rows() -> Sequence[Need]:
    return [
        Need(
            _refused(found.rejected) % {"count": number(found.rejected), "name": found},
            change_url("members_import", found.pk),
            gettext("Correct them"),
        )
        for found in imports_with_rejects(now=timezone.now())
    ]


NEEDS = (
    ("campaigns.view_delivery", _unknown),
    ("retention.view_segment", _about_counts),
    ("campaigns.view_campaign", _paused),
    ("members.view_import", _refused_rows),
    ("core.view_clockentry", _failing_works),
)


# --- how fresh, and whether anything moves


def _clock_banner(now: datetime) -> dict[str, str] | None:
    """This function will say that nothing is being done, and how to change that; None while the clock ticks."""
    if clock_is_ticking(now=now):
        return None
    command = "celery -A config.celery worker" if has_broker() else "python manage.py tick --loop"
    told = gettext("No clock is ticking: nothing is counted, planned or sent. Start it on the server:")
    return {"told": told, "command": command}


def _freshness(latest: DaySnapshot, now: datetime) -> dict[str, Any]:
    """This function will say what the counts are true for; they are late when a night passed without the nightly pass."""
    local = now.astimezone(shop_zone())
    missed = day_number(now, shop_zone()) - latest.day
    late = missed > 1 or (missed == 1 and local >= local.replace(hour=NIGHT_IS_OVER, minute=0))
    return {"as_of": latest.as_of, "late": late}
