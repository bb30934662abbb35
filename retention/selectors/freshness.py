"""How old segments may be, how old they are."""

from __future__ import annotations

from datetime import datetime, timedelta

from retention.models import Segment, Upkeep


def upkeep() -> Upkeep:
    """This function will return the limits in use: the defaults before anybody tuned them."""
    return Upkeep.objects.first() or Upkeep()


def stale_after() -> timedelta:
    return timedelta(days=upkeep().stale_days)


def is_stale(segment: Segment, *, limit: timedelta, now: datetime) -> bool:
    """This function will say whether a segment is too old to be relied on.

    A list that somebody put together does not age. A segment that was never counted is as old as itself.
    """
    return not segment.static and now - (segment.as_of or segment.created_at) > limit
