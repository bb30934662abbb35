"""When a work is next due: every so many seconds, daily at a shop hour, or on one weekday at a shop hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS_TO_LOOK_AT = 9
"""A weekday comes back within 7 days; one more for today's hour being past, one for a calendar that skips a day."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """Either `every_seconds`, or `daily_at` with or without `weekday` (Monday is 0)."""

    every_seconds: int | None = None
    daily_at: time | None = None
    weekday: int | None = None

    def next_after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """This function will return the first due instant after `instant`, in UTC; days and hours are those of `zone`."""
        if self.every_seconds is not None:
            return instant + timedelta(seconds=self.every_seconds)
        today = instant.astimezone(zone).date()
        # From yesterday: an hour that its day skipped may fall on the next one.
        for offset in range(-1, DAYS_TO_LOOK_AT):
            day = today + timedelta(days=offset)
            if self.weekday is not None and day.weekday() != self.weekday:
                continue
            due = _instant_of(day, self.daily_at or time.min, zone)
            if due > instant:
                return due
        raise ValueError(f"{self} never comes")


def _instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """This function will return when clocks on the wall of `zone` first show `at` on `day`, in UTC.

    An hour that comes twice (clocks go back) counts once, the first time. An hour that does not come (clocks go forward) is
    the instant at which they jump over it.
    """
    before = datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)
    if before.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, at):
        return before
    after = datetime.combine(day, at.replace(fold=1), tzinfo=zone).astimezone(UTC)
    return _jump_between(after, before, zone)


def _jump_between(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The whole second at which the zone's offset changes, between an instant before the jump and one not before it."""
    old_offset = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old_offset:
            early = middle
        else:
            late = middle
    return late
