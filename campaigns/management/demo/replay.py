"""The year, played: load what was known, set the shop up, then live the last sixty days one by one.

Every step may be repeated, so a run that was stopped goes on from the day it had reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from campaigns.management.demo import story
from campaigns.management.demo.source import MADE_UP, PROOF, Year
from campaigns.models import Campaign, CampaignStatus, CouponTemplate
from campaigns.services.lifecycle import activate, create_campaign
from campaigns.services.running import run_campaigns
from campaigns.services.templates import create_template
from core.batching import batches
from core.conf import shop_zone
from core.models import Job
from core.periods import day_of, start_of
from members.ingest.load import IngestResult, ingest_members, ingest_orders
from members.models import Member, TierScheme
from members.services.tiers.samples import sample
from retention.models import Segment
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from retention.services.segments import create_segment
from retention.services.snapshots import keep_snapshot
from retention.services.tier_changes import apply_scheme

BATCH = 2_000
MOMENT = timedelta(microseconds=1)

Say = Callable[[str], None]


def set_up(year: Year, *, say: Say) -> None:
    """This function will load everything before the replayed days, refresh, fit, and start the three campaigns."""
    begins = year.first_replayed_day
    opening = _midnight(begins)
    say(f"loading {len(year.households):,} members")
    _load(ingest_members, year.member_items(), now=opening, proof=PROOF)
    Member.objects.filter(source="The Complete Journey").update(made_up_fields=list(MADE_UP))
    known = int((year.baskets["day"].dt.date < begins).sum())
    say(f"loading {known:,} orders placed before {begins}")
    _load(ingest_orders, year.order_items(before=begins), now=opening)
    eve = opening - MOMENT
    say(f"counting facts as of {eve.astimezone(shop_zone()):%Y-%m-%d}, fitting models")
    refresh(as_of=eve, full=True)
    fit_models(as_of=eve, now=eve)
    _make_segments(now=eve)
    refresh(as_of=eve)
    _make_campaigns(now=eve)
    run_campaigns(now=eve)
    keep_snapshot(now=eve)


def replay(year: Year, job: Job, *, say: Say) -> None:
    """This function will live the days that `job` has not seen yet: the day's orders, a refresh, the campaigns. In the end
    the models are fitted again: only by then is the year long enough to test them on half a year before."""
    begins = year.first_replayed_day
    days = (year.last_day - begins).days + 1
    for number in range(job.done, days):
        _live(year, begins + timedelta(days=number))
        Job.objects.filter(pk=job.pk).update(done=number + 1, total=days)
        if number % 10 == 9 or number + 1 == days:
            say(f"lived {number + 1} of {days} days")
    night = _midnight(begins + timedelta(days=days)) - MOMENT
    say("fitting models on the whole year")
    fit_models(as_of=night, now=night)
    refresh(as_of=night)
    _give_tiers(now=night)


def _live(year: Year, today: date) -> None:
    """Every order of the day comes in, facts and segments follow, and the campaigns run at the day's end."""
    night = _midnight(today + timedelta(days=1)) - MOMENT
    _load(ingest_orders, year.order_items(since=today, before=today + timedelta(days=1)), now=night)
    refresh(as_of=night)
    run_campaigns(now=night)
    keep_snapshot(now=night)


def _midnight(on: date) -> datetime:
    return start_of(day_of(on), shop_zone())


def _load(ingest: Callable[..., IngestResult], items: Iterable[dict[str, Any]], **options: Any) -> None:
    for batch in batches(items, BATCH):
        result = ingest(batch, **options)
        if result.rejected:
            first = result.rejected[0]
            raise RuntimeError(f"the demonstration's own data was refused: {batch[first.index]} {first.errors}")


def _give_tiers(*, now: datetime) -> None:
    """Four tiers by what members spent in the year, once it is over: everybody is counted once."""
    draft = sample("spend")
    if draft is not None and not TierScheme.objects.exists():
        apply_scheme(draft=draft, moves_down=False, now=now, by="demo")


def _make_segments(*, now: datetime) -> None:
    have = set(Segment.objects.values_list("slug", flat=True))
    for segment in story.SEGMENTS:
        if segment["slug"] not in have:
            create_segment(**segment, now=now)


def _make_campaigns(*, now: datetime) -> None:
    """A campaign and its start are one transaction: a stop in between leaves neither half done."""
    templates = set(CouponTemplate.objects.values_list("slug", flat=True))
    for document in story.TEMPLATES:
        if document["slug"] not in templates:
            create_template(document=document, now=now)
    have = set(Campaign.objects.values_list("slug", flat=True))
    for document in story.CAMPAIGNS:
        if document["slug"] not in have:
            with transaction.atomic():
                campaign = create_campaign(document=document, now=now)
                activate(campaign_id=campaign.pk, now=now)
    running = Campaign.objects.filter(status=CampaignStatus.RUNNING).count()
    if running != len(story.CAMPAIGNS):
        raise RuntimeError(f"{running} campaigns run, {len(story.CAMPAIGNS)} should")
