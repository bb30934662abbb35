"""What a month was like, as numbers: nothing here is words, so that each reader gets them in their own language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Q, Sum

from campaigns.models import Campaign, CampaignStatus
from campaigns.reports.results import campaign_report
from core.conf import shop_zone
from core.periods import day_of, start_of
from core.registry import figures
from members.models import Order, OrderStatus
from retention.models import DaySnapshot, MemberFacts, Segment, SegmentSize

MOST_CAMPAIGNS = 12
MOST_SEGMENTS = 6
NEAR_DAYS = 3
"""How many days a kept day may lie from a month's end and still stand for it."""

Json = dict[str, Any]


def month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def month_after(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def month_content(*, month: date) -> Json:
    """This function will count the month that begins on `month`, beside the one before it.

    Levels are those of the last kept day of each month; what was not kept is not known (null), never 0.
    """
    before = month_before(month)
    now_kept, before_kept = _kept_at_end(month), _kept_at_end(before)
    return {
        "trade": _trade(month),
        "trade_before": _trade(before),
        "figures": _figures(now_kept, before_kept),
        "standing": now_kept.standing if now_kept else None,
        "standing_before": before_kept.standing if before_kept else None,
        "segments": _segments(now_kept, before_kept),
        "campaigns": _campaigns(month),
    }


def _days(month: date) -> tuple[int, int]:
    """The first shop day of a month, and the first after it."""
    return day_of(month), day_of(month_after(month))


def _kept_at_end(month: date) -> DaySnapshot | None:
    first, end = _days(month)
    near = DaySnapshot.objects.filter(day__gte=max(first, end - NEAR_DAYS), day__lt=end)
    return near.order_by("-day").first()


# --- what was sold


def _trade(month: date) -> Json:
    """Orders placed in the month that count; revenue is less refunds. A new buyer is one whose first order ever it holds."""
    first, end = _days(month)
    placed = Order.objects.filter(placed_day__gte=first, placed_day__lt=end).exclude(status=OrderStatus.CANCELLED)
    sums = placed.aggregate(
        orders=Count("pk"),
        buyers=Count("member_id", distinct=True),
        revenue_minor=Sum("revenue_minor"),
        off=Sum("discount_minor"),
    )
    fresh = MemberFacts.objects.filter(first_order_day__gte=first, first_order_day__lt=end).count()
    orders = sums["orders"]
    return {
        "orders": orders,
        "buyers": sums["buyers"],
        "new_buyers": fresh,
        "revenue_minor": sums["revenue_minor"] or 0,
        "discount_minor": sums["off"] or 0,
        "average_minor": round((sums["revenue_minor"] or 0) / orders) if orders else None,
    }


# --- where members stand


def _figures(now: DaySnapshot | None, before: DaySnapshot | None) -> Json:
    """{code: [now, before]}, each [value, whole] or null; of a counter what it grew by within the month."""
    told: Json = {}
    for figure in figures:
        at_end, at_begin = _kept(now, figure.code), _kept(before, figure.code)
        if figure.counter:
            grown = [at_end[0] - at_begin[0], None] if at_end and at_begin else None
            told[figure.code] = [grown, None]
        else:
            told[figure.code] = [at_end, at_begin]
    return told


def _kept(snapshot: DaySnapshot | None, code: str) -> list[Any] | None:
    return None if snapshot is None else snapshot.figures.get(code)


def _segments(now: DaySnapshot | None, before: DaySnapshot | None) -> list[Json]:
    """The segments that changed most, by members."""
    if now is None or before is None:
        return []
    sizes = SegmentSize.objects.filter(day__in=(before.day, now.day)).values_list("segment_id", "day", "members")
    known: dict[int, dict[int, int]] = {}
    for segment_id, day, members in sizes:
        known.setdefault(segment_id, {})[day] = members
    names: Mapping[int, str] = dict(Segment.objects.values_list("pk", "name"))
    rows: list[Json] = [
        {"name": names[pk], "now": by_day[now.day], "before": by_day[before.day]}
        for pk, by_day in known.items()
        if pk in names and len(by_day) == 2
    ]
    return sorted(rows, key=lambda row: -abs(row["now"] - row["before"]))[:MOST_SEGMENTS]


# --- what campaigns did


def _campaigns(month: date) -> list[Json]:
    """The campaigns that were under way in the month, newest first, with their outcome so far."""
    starts, ends = (start_of(day, shop_zone()) for day in _days(month))
    live = Campaign.objects.filter(activated_at__lt=ends).exclude(status=CampaignStatus.DRAFT)
    live = live.filter(Q(finished_at__isnull=True) | Q(finished_at__gte=starts)).select_related("version")
    return [_campaign(campaign) for campaign in live.order_by("-activated_at", "-pk")[:MOST_CAMPAIGNS]]


def _campaign(campaign: Campaign) -> Json:
    told = campaign_report(campaign=campaign).as_json()
    kept = ("due", "fired", "held_out", "treated", "control", "conversions", "lift", "cost_minor", "net_minor")
    return {"slug": campaign.slug, "name": campaign.name, **{name: told[name] for name in kept}}
