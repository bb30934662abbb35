"""Around a date of the member's own: the birthday, by the member's own calendar; by the shop's calendar the day on which the
member registered, and the last day of points and coupons."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from campaigns.conf import MISSED_DAYS_MADE_UP_FOR
from campaigns.models import Campaign
from campaigns.triggers.base import Candidates, Trigger
from campaigns.triggers.expiries import BY_FIELD
from campaigns.triggers.hours import DEFAULT_HOUR, Hour, time_of
from core.conf import shop_zone
from members.models import LeapDay as LeapDayPolicy
from members.models import Member
from members.services.birthdays import birthdays_on, possible_keys
from members.services.profile import leap_day_of_shop

DaysBefore = Annotated[int, msgspec.Meta(ge=0, le=60)]
# The calendar runs from 12 hours behind Greenwich to 14 ahead of it.
MOST_BEHIND, MOST_AHEAD = timedelta(hours=-12), timedelta(hours=14)


class DateField(Enum):
    BIRTH_DATE = "birth_date"
    REGISTERED_AT = "registered_at"
    POINTS_EXPIRY = "points_expiry"
    COUPON_EXPIRY = "coupon_expiry"


class LeapDay(Enum):
    FEB_28 = LeapDayPolicy.FEB_28.value
    MAR_1 = LeapDayPolicy.MAR_1.value
    LEAP_YEARS = LeapDayPolicy.LEAP_YEARS.value


class DateTrigger(Trigger):
    """An occasion is (member, year of the birthday or anniversary), or (member, last day of points or coupons). It stays
    open from the hour on until that day ends where the member lives; days on which nothing ran are made up for, but never
    one before the day on which the campaign started.
    """

    code = "date"
    label = _("around a date of the member's own")
    default_re_entry = "per_occurrence"

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        """`leap_day` says when those born on 29 February have their birthday in common years; left out: as the shop does."""

        field: DateField = DateField.BIRTH_DATE
        days_before: DaysBefore = 0
        at: Hour = DEFAULT_HOUR
        leap_day: LeapDay | None = None

    def candidates(self, *, campaign: Campaign, params: Any, now: datetime) -> Candidates | None:
        if campaign.activated_at is None:
            return None
        if params.field is not DateField.BIRTH_DATE:
            days = [
                on + timedelta(days=params.days_before) for on in _open_dates(campaign, params, zone=shop_zone(), now=now)
            ]
            return Candidates(rows=BY_FIELD[params.field.value](days), progress={"planned_at": now})
        leap_day = LeapDayPolicy(params.leap_day.value if params.leap_day else leap_day_of_shop())
        zones = _zones(_possible_keys(params, leap_day, now))
        by_date: dict[date, list[str]] = {}
        for name in zones:
            for on in _open_dates(campaign, params, zone=zone_named(name), now=now):
                by_date.setdefault(on + timedelta(days=params.days_before), []).append(name)
        # Noted also when nobody has a birthday: a day on which the campaign ran is not one that was missed.
        return Candidates(rows=_having(by_date, leap_day), progress={"planned_at": now})


def _having(by_date: Mapping[date, Sequence[str]], leap_day: LeapDayPolicy) -> QuerySet[Any, Any]:
    """Members with a birthday on one of the dates, in one of that date's zones."""
    if not by_date:
        return Member.objects.none().annotate(member_id=F("pk"), occurrence=Value(""))
    whens = [
        When(Q(time_zone__in=names) & kept, then=Value(f"birth_date:{year}"))
        for on, names in sorted(by_date.items())
        for year, kept in birthdays_on(on, leap_day)
    ]
    keys = {key for on in by_date for key in possible_keys(on, leap_day)}
    rows = Member.objects.filter(birth_key__in=keys).annotate(member_id=F("pk"), occurrence=Case(*whens))
    return rows.filter(occurrence__isnull=False)


def zone_named(name: str) -> tzinfo:
    """This function will return the zone a member lives in: the shop's when none is known, or none that exists."""
    try:
        return ZoneInfo(name) if name else shop_zone()
    except (KeyError, ValueError, OSError):
        return shop_zone()


def _open_dates(campaign: Campaign, params: DateTrigger.Params, *, zone: tzinfo, now: datetime) -> Iterator[date]:
    """The local dates whose hour has come and which are not over: today, and those since the last planning."""
    assert campaign.activated_at is not None
    started = max(campaign.activated_at, campaign.starts_at or campaign.activated_at)
    since = campaign.planned_at or started
    today = now.astimezone(zone).date()
    first = max(
        started.astimezone(zone).date(),
        since.astimezone(zone).date(),
        today - timedelta(days=MISSED_DAYS_MADE_UP_FOR),
    )
    on = first
    while on <= today:
        if _hour_has_come(on, time_of(params.at), zone=zone, now=now):
            yield on
        on += timedelta(days=1)


def _hour_has_come(on: date, at: time, *, zone: tzinfo, now: datetime) -> bool:
    return datetime.combine(on, at, tzinfo=zone) <= now


def _possible_keys(params: DateTrigger.Params, leap_day: LeapDayPolicy, now: datetime) -> set[int]:
    """Birthdays that some place on earth may be keeping now, or may have missed: few, so that asking for zones is cheap."""
    first = (now.astimezone(UTC) + MOST_BEHIND).date() - timedelta(days=MISSED_DAYS_MADE_UP_FOR)
    last = (now.astimezone(UTC) + MOST_AHEAD).date()
    days = (last - first).days + 1
    dates = (first + timedelta(days=params.days_before + offset) for offset in range(days))
    return {key for on in dates for key in possible_keys(on, leap_day)}


def _zones(keys: Collection[int]) -> list[str]:
    return list(Member.objects.filter(birth_key__in=keys).values_list("time_zone", flat=True).distinct())
