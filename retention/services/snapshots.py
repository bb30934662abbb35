"""Keeping each day's figures: one scan after a refresh, and a few counters of the other apps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from core.registry import figure_sources
from core.sql import insert_rows
from retention.models import DaySnapshot, RefreshState
from retention.selectors.figures import figure_json, figures_of
from retention.selectors.overview import overview
from retention.selectors.state import state

STALE_AFTER = timedelta(hours=1)
"""How old the counters of other apps may grow on a day on which nothing is refreshed."""
COLUMNS = ("day", "as_of", "run_id", "standing", "figures", "kept_at")


def keep_snapshot(*, now: datetime) -> Mapping[str, int]:
    """This function will keep the figures of the last refresh's day, unless they stand already, and say how many it kept.

    Kept again after every refresh, and once an hour for what changes without one. Two that keep at once write the same.
    """
    known = state()
    if known.as_of is None or known.day is None or _is_current(known, known.day, now):
        return {"kept": 0}
    seen = overview()
    amounts = figures_of(seen)
    for source in figure_sources:
        amounts |= source.measure()
    kept = {code: figure_json(amount) for code, amount in amounts.items()}
    row = (known.day, known.as_of, known.last_run_id or 0, seen.as_json(), kept, now)
    insert_rows(DaySnapshot, COLUMNS, [row], conflict=["day"], update=COLUMNS[1:])
    return {"kept": len(kept)}


def _is_current(known: RefreshState, day: int, now: datetime) -> bool:
    """Whether what is kept of the day is what the last refresh counted, and not too old."""
    young = DaySnapshot.objects.filter(kept_at__gt=now - STALE_AFTER, run_id=known.last_run_id or 0, day=day)
    return young.exists()
