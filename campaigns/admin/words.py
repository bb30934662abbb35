"""A campaign as it is said: when, what, within."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.dates import WEEKDAYS
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext

from campaigns.actions import actions
from campaigns.models import CampaignVersion
from campaigns.selectors.reach import Reach
from campaigns.selectors.screens import templates_called, tier_called
from campaigns.triggers import triggers
from campaigns.triggers.schedule import WEEKDAYS as WEEKDAY_CODES
from core.admin.display import money, number, share
from core.errors import DomainError
from members.models import Channel, Purpose
from retention.models import Segment
from retention.services.rules import sentence


def trigger_words(trigger: Mapping[str, Any]) -> str:
    """This function will say when a campaign fires: every Monday at 09:00, when a member enters “Tea lovers”."""
    match trigger.get("kind"):
        case "manual":
            return gettext("once, when the campaign is started")
        case "schedule":
            return _schedule(trigger)
        case "segment_entered":
            return _entering(trigger)
        case "date":
            return _around(trigger)
        case "tier_changed":
            return _tier_change(trigger)
        case "tier_dropping":
            return _tier_drop(trigger)
        case kind:
            known = triggers.get(str(kind))
            return str(known.label) if known else str(kind)


def _schedule(trigger: Mapping[str, Any]) -> str:
    hour = {"hour": trigger.get("at", "")}
    match trigger.get("every"):
        case "week":
            codes = [each.value for each in WEEKDAY_CODES]
            weekday = WEEKDAYS[codes.index(str(trigger["weekday"]))] if trigger.get("weekday") in codes else ""
            return gettext("every %(weekday)s at %(hour)s") % {"weekday": weekday, **hour}
        case "month":
            return gettext("on day %(day)s of every month at %(hour)s") % {"day": trigger.get("day"), **hour}
        case _:
            return gettext("every day at %(hour)s") % hour


def _entering(trigger: Mapping[str, Any]) -> str:
    slug = str(trigger.get("segment", ""))
    segment = Segment.objects.filter(slug=slug).first()
    said = gettext("when a member enters “%(segment)s”") % {"segment": segment.name if segment else slug}
    if trigger.get("include_current"):
        return gettext("%(said)s, and for those who are in it at the start") % {"said": said}
    return said


def _around(trigger: Mapping[str, Any]) -> str:
    told: Mapping[str, tuple[str, str]] = {
        "registered_at": (
            gettext("on the anniversary of the registration at %(hour)s"),
            gettext("%(days)d days before the anniversary of the registration at %(hour)s"),
        ),
        "points_expiry": (
            gettext("on the last day of a member's points at %(hour)s"),
            gettext("%(days)d days before the last day of a member's points at %(hour)s"),
        ),
        "coupon_expiry": (
            gettext("on the last day of a member's coupon at %(hour)s"),
            gettext("%(days)d days before the last day of a member's coupon at %(hour)s"),
        ),
    }
    words = told.get(str(trigger.get("field")))
    if words is None:
        return _birthday(trigger)
    days = int(trigger.get("days_before") or 0)
    return words[1 if days else 0] % {"days": days, "hour": trigger.get("at", "")}


def _birthday(trigger: Mapping[str, Any]) -> str:
    days = int(trigger.get("days_before") or 0)
    hour = trigger.get("at", "")
    if not days:
        return gettext("on the member's birthday at %(hour)s") % {"hour": hour}
    words = ngettext(
        "%(days)d day before the member's birthday at %(hour)s",
        "%(days)d days before the member's birthday at %(hour)s",
        days,
    )
    return words % {"days": days, "hour": hour}


def _tier_change(trigger: Mapping[str, Any]) -> str:
    name = tier_called(str(trigger.get("tier") or ""))
    match trigger.get("direction"):
        case "upgraded":
            return (
                gettext("when a member moves up to “%(tier)s”") % {"tier": name}
                if name
                else gettext("when a member moves up")
            )
        case "downgraded":
            words = gettext("when a member falls to “%(tier)s”")
            return words % {"tier": name} if name else gettext("when a member falls to a lower tier")
        case _:
            words = gettext("when a member comes to hold “%(tier)s”")
            return words % {"tier": name} if name else gettext("when a member's tier changes")


def _tier_drop(trigger: Mapping[str, Any]) -> str:
    days = int(trigger.get("days_before") or 30)
    words = ngettext("%(days)d day before a member's tier drops", "%(days)d days before a member's tier drops", days)
    return words % {"days": days}


def step_words(steps: list[Mapping[str, Any]]) -> list[str]:
    """This function will say each step: gives the coupon “10 off”, sends an SMS “…”."""
    templates = templates_called([str(step.get("template", "")) for step in steps])
    said = []
    for step in steps:
        match step.get("kind"):
            case "issue_coupon":
                slug = str(step.get("template", ""))
                said.append(
                    gettext("gives the coupon “%(name)s”") % {"name": templates[slug].name if slug in templates else slug}
                )
            case "grant_points":
                points = int(step.get("points") or 0)
                said.append(
                    ngettext("gives %(points)s point", "gives %(points)s points", points) % {"points": number(points)}
                )
            case "send_message":
                channel = str(step.get("channel", ""))
                label = Channel(channel).label if channel in Channel.values else channel
                body = Truncator(step.get("body", "")).chars(80)
                words = (
                    gettext("sends by %(channel)s, and tells who clicks: “%(body)s”")
                    if step.get("track")
                    else gettext("sends by %(channel)s: “%(body)s”")
                )
                said.append(words % {"channel": label, "body": body})
            case kind:
                known = actions.get(str(kind))
                said.append(str(known.label) if known else str(kind))
    return said


def rule_words(rule: Any) -> str:
    """This function will say a rule; what it names may be gone, and a campaign's page must open all the same."""
    try:
        return sentence(rule)
    except DomainError as error:
        return str(error)


def re_entry_words(re_entry: Mapping[str, Any]) -> str:
    match re_entry.get("policy"):
        case "every":
            days = int(re_entry.get("days") or 0)
            return ngettext(
                "again after %(days)d day at the earliest", "again after %(days)d days at the earliest", days
            ) % {"days": days}
        case "per_occurrence":
            return gettext("again at each occasion")
        case _:
            return gettext("once ever")


def within_words(version: CampaignVersion) -> list[str]:
    days = version.attribution_days
    return [
        gettext("control group %(share)s: due, but left alone") % {"share": share(version.control_share)},
        ngettext("orders count for %(days)d day", "orders count for %(days)d days", days) % {"days": days},
        gettext("a member gets it %(again)s") % {"again": re_entry_words(version.re_entry)},
    ]


def start_words(version: CampaignVersion, reach: Reach) -> list[str]:
    """This function will say what starting does, with counts, before anybody does it."""
    counts = {"members": number(reach.members), "held": number(reach.held_out)}
    said = []
    if version.trigger.get("kind") in {"manual", "schedule"}:
        said.append(
            gettext("This will reach up to %(members)s members, about %(held)s of them held back as the control group.")
            % counts
        )
    else:
        said.append(
            gettext(
                "%(members)s members fit the audience today; each becomes due %(when)s. "
                "About %(share)s of them are held back as the control group."
            )
            % {**counts, "when": trigger_words(version.trigger), "share": share(version.control_share)}
        )
    for (code, purpose), count in reach.reachable.items():
        sentence = (
            gettext("%(count)s of them can be written to by %(channel)s.")
            if purpose == Purpose.MARKETING
            else gettext("%(count)s of them agreed to service messages by %(channel)s.")
        )
        said.append(sentence % {"count": number(count), "channel": Channel(code).label})
    for promise in reach.promises:
        values = {"count": number(promise.coupons), "name": promise.name, "worth": money(promise.worth_minor)}
        if promise.worth_minor is None:
            said.append(gettext("It will issue up to %(count)s coupons “%(name)s”.") % values)
        else:
            said.append(gettext("It will issue up to %(count)s coupons “%(name)s”, worth %(worth)s.") % values)
    said.append(gettext("Once started, what it does can no longer be changed."))
    return said
