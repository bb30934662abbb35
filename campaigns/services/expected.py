"""What is to happen today: who waits for an hour that comes today, and whom triggers will find before the day is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q

from campaigns.models import Arm, Campaign, CampaignStatus, Enrolment, EnrolmentStatus
from campaigns.services.documents import trigger_of
from campaigns.services.freshness import hindrance
from campaigns.services.planning import let_in
from campaigns.triggers import TriggerUnable
from core.conf import shop_zone
from core.errors import DomainError
from core.periods import day_number, start_of
from retention.selectors import matching, state


@dataclass(frozen=True, slots=True)
class Expected:
    """One campaign's day from now on. `waiting` are due already and have a treatment coming; `coming` will become due by
    what is known now, less the share that will be held out. None: not counted, because everybody would have to be asked.
    """

    campaign: Campaign
    waiting: int
    coming: int | None

    @property
    def members(self) -> int:
        return self.waiting + (self.coming or 0)


def expected_today(*, now: datetime, whole: bool) -> Sequence[Expected]:
    """This function will foretell the rest of the shop's day for every running campaign that has something to do in it.

    Nothing is written. Caps, consent and limits are asked when the hour comes: it may be fewer. A trigger that goes through
    all members is asked only where `whole` says that they are few enough for a page to wait for.
    """
    zone = shop_zone()
    until = start_of(day_number(now, zone) + 1, zone) - timedelta(microseconds=1)
    running = (
        Campaign.objects.filter(status=CampaignStatus.RUNNING).select_related("version").order_by("-activated_at", "-pk")
    )
    waiting, known = _waiting(until), state().as_of is not None
    found = [
        Expected(campaign, waiting.get(campaign.pk, 0), _coming(campaign, now, until, whole) if known else 0)
        for campaign in running
    ]
    return [each for each in found if each.members or each.coming is None]


def _waiting(until: datetime) -> Mapping[int, int]:
    """Of each running campaign, who is due already and has a treatment coming before it or the day ends."""
    in_time = Q(campaign__ends_at__isnull=True) | Q(campaign__ends_at__gt=F("next_at"))
    waiting = Enrolment.objects.filter(in_time, campaign__status=CampaignStatus.RUNNING, next_at__lte=until)
    waiting = waiting.filter(status=EnrolmentStatus.WAITING, arm=Arm.TREATED)
    return dict(waiting.values_list("campaign_id").annotate(members=Count("pk")))


def _coming(campaign: Campaign, now: datetime, until: datetime, whole: bool) -> int | None:
    """Asked as planning asks, as if it were the day's last moment, or the campaign's."""
    version, begins, ends = campaign.version, campaign.starts_at, campaign.ends_at
    until = until if ends is None else min(until, ends - timedelta(microseconds=1))
    found = None if version is None else trigger_of(version.trigger)
    if version is None or found is None or until < now or (begins is not None and begins > until):
        return 0
    trigger, params = found
    try:
        candidates = trigger.candidates(campaign=campaign, params=params, now=until)
        if candidates is None or hindrance(version=version, now=now):
            return 0
        if trigger.asks_everybody and not whole:
            return None
        rows = candidates.rows.filter(let_in(version, until))
        inside = matching(rule=version.audience, exclusion=version.exclusion, member_ids=rows.values("member_id"))
        due = rows.filter(member_id__in=inside).values_list("member_id", "occurrence")
        one_each = version.re_entry.get("policy") in {"once", "every"}
        members = (due.values("member_id") if one_each else due).distinct().count()
    except (TriggerUnable, DomainError):
        return 0  # it will be paused with the reason, which stands under «Needs you» then
    return round(members * (1 - version.control_share))
