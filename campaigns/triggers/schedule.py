"""On a schedule of the shop's calendar: everyone in the audience at each run."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any

import msgspec
from django.db.models import F, Value
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from campaigns.triggers.base import Candidates, Trigger
from campaigns.triggers.hours import DEFAULT_HOUR, Hour, time_of
from core.conf import shop_zone
from core.errors import FieldProblem
from core.periods import date_of, day_number, day_of, instant_at
from members.models import Member


class Every(Enum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Weekday(Enum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


WEEKDAYS = tuple(Weekday)
DayOfMonth = Annotated[int, msgspec.Meta(ge=1, le=31)]
LONGEST_GAP_DAYS = 31


class Schedule(Trigger):
    """A run's occurrence is its date. Of runs missed while nothing ran, only the latest is made up for."""

    code = "schedule"
    label = _("on a schedule")
    asks_everybody = True

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        """`day` 31 is the last day of shorter months."""

        every: Every = Every.DAY
        weekday: Weekday | None = None
        day: DayOfMonth | None = None
        at: Hour = DEFAULT_HOUR

    def problems(self, params: Any) -> Iterator[FieldProblem]:
        yield from _belongs("weekday", given=params.weekday is not None, wanted=params.every is Every.WEEK)
        yield from _belongs("day", given=params.day is not None, wanted=params.every is Every.MONTH)

    def candidates(self, *, campaign: Campaign, params: Any, now: datetime) -> Candidates | None:
        run = latest_run(params, now=now)
        if run is None or campaign.activated_at is None:
            return None
        zone = shop_zone()
        started = max(campaign.activated_at, campaign.starts_at or campaign.activated_at)
        if instant_at(day_of(run), time_of(params.at), zone) < started:
            return None
        if campaign.planned_day is not None and campaign.planned_day >= day_of(run):
            return None
        return Candidates(
            rows=Member.objects.annotate(member_id=F("pk"), occurrence=Value(run.isoformat())),
            progress={"planned_day": day_of(run)},
        )


def latest_run(params: Schedule.Params, *, now: datetime) -> date | None:
    """This function will return the date of the last run whose hour has come, or None when no date fits."""
    zone = shop_zone()
    at = time_of(params.at)
    today = date_of(day_number(now, zone))
    for back in range(LONGEST_GAP_DAYS + 1):
        on = today - timedelta(days=back)
        if _runs_on(params, on) and instant_at(day_of(on), at, zone) <= now:
            return on
    return None


def _runs_on(params: Schedule.Params, on: date) -> bool:
    if params.every is Every.WEEK:
        return params.weekday is WEEKDAYS[on.weekday()]
    if params.every is Every.MONTH:
        return on.day == min(params.day or 1, monthrange(on.year, on.month)[1])
    return True


def _belongs(name: str, *, given: bool, wanted: bool) -> Iterator[FieldProblem]:
    if wanted and not given:
        yield FieldProblem(name, "required", _("Say on which day."))
    if given and not wanted:
        yield FieldProblem(name, "not_used", _("This says nothing for such a schedule; leave it out."))
