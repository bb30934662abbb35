"""Figures over time, read from the days that were kept: what stands now, a week ago, and what changed since yesterday."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from core.registry import Amount, Figure, figures
from retention.models import DaySnapshot, Segment, SegmentSize

WEEK, WEEKS = 7, 8
COUNTER_DAYS = 30
"""Over how many days a counter's growth is shown."""
MOST_CHANGES = 5


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure now, the same a week ago, and a point a week for the last eight, oldest first; None where it was not kept.

    A counter is shown by its growth: over COUNTER_DAYS days now and a week ago, week by week in the points.
    """

    figure: Figure
    now: Amount
    week_ago: Amount | None
    points: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is another number than before. `kind` is figure or segment; `key` its code or the segment's pk."""

    kind: str
    key: str
    name: str
    before: int
    now: int

    @property
    def size(self) -> float:
        """How large a change it is: against the ups and downs that a number of this size has anyway."""
        return abs(self.now - self.before) / sqrt(self.before + 1)


def latest_snapshot() -> DaySnapshot | None:
    return DaySnapshot.objects.order_by("-day").first()


def trends(latest: DaySnapshot) -> dict[str, Trend]:
    """This function will return the trend of every figure that was kept with `latest`, by code: one small read."""
    first = latest.day - max(WEEK * WEEKS, COUNTER_DAYS + WEEK)
    kept = DaySnapshot.objects.filter(day__gte=first, day__lt=latest.day).values_list("day", "figures")
    by_day = {**dict(kept), latest.day: latest.figures}
    return {figure.code: _trend(figure, by_day, latest.day) for figure in figures if figure.code in latest.figures}


def _trend(figure: Figure, by_day: Mapping[int, Mapping[str, list[int | None]]], today: int) -> Trend:
    known = {day: _amount(kept[figure.code]) for day, kept in by_day.items() if figure.code in kept}
    if figure.counter:
        points = [_grown(known, today - WEEK * back, WEEK) for back in reversed(range(WEEKS))]
        now, before = _grown(known, today, COUNTER_DAYS), _grown(known, today - WEEK, COUNTER_DAYS)
        # While fewer days were kept, what is known of them all.
        now = now or Amount(known[today].value - known[min(known)].value if len(known) > 1 else known[today].value)
        return Trend(figure, now, before, tuple(None if each is None else float(each.value) for each in points))
    levels = [known.get(today - WEEK * back) for back in reversed(range(WEEKS))]
    return Trend(figure, known[today], known.get(today - WEEK), tuple(level(each) for each in levels))


def _amount(kept: Sequence[int | None]) -> Amount:
    value, whole = kept
    return Amount(value or 0, whole)


def _grown(known: Mapping[int, Amount], day: int, days: int) -> Amount | None:
    if day not in known or day - days not in known:
        return None
    return Amount(known[day].value - known[day - days].value)


def level(amount: Amount | None) -> float | None:
    """This function will give an amount as one number: a share as a fraction, None where there is no whole."""
    if amount is None:
        return None
    if amount.whole is None:
        return float(amount.value)
    return amount.value / amount.whole if amount.whole else None


@dataclass(frozen=True, slots=True)
class Moves:
    """What changed since an earlier day, largest first."""

    since_day: int
    changes: tuple[Change, ...]


def moves(latest: DaySnapshot, *, most: int = MOST_CHANGES) -> Moves | None:
    """This function will name what changed since the day before, or the last one kept within a week; None where none was.

    Members by stage, what counters grew by, and segments; sums of money and shares move every day and are left out. So is a
    segment that would say a figure's numbers again, as one of a lifecycle stage does.
    """
    earlier = DaySnapshot.objects.filter(day__lt=latest.day, day__gte=latest.day - WEEK)
    before = earlier.order_by("-day").first()
    if before is None:
        return None
    told = [*_of_figures(before.figures, latest.figures)]
    numbers = {(change.before, change.now) for change in told}
    of_segments = _of_segments(before.day, latest.day)
    found = [*told, *(change for change in of_segments if (change.before, change.now) not in numbers)]
    moved = [change for change in found if change.now != change.before]
    return Moves(before.day, tuple(sorted(moved, key=lambda change: (-change.size, change.key))[:most]))


COUNTED = ("members", "new", "at_risk", "lost_lately", "returned")


def _of_figures(before: Mapping[str, list[int]], now: Mapping[str, list[int]]) -> Iterable[Change]:
    for figure in figures:
        if figure.code in before and figure.code in now and (figure.counter or figure.code in COUNTED):
            yield Change("figure", figure.code, str(figure.label), before[figure.code][0], now[figure.code][0])


def _of_segments(earlier: int, latest: int) -> Iterable[Change]:
    sizes = SegmentSize.objects.filter(day__in=(earlier, latest)).values_list("segment_id", "day", "members")
    by_day = {(segment_id, on): members for segment_id, on, members in sizes}
    for segment in Segment.objects.order_by("pk"):
        before, now = by_day.get((segment.pk, earlier)), by_day.get((segment.pk, latest))
        if before is not None and now is not None:
            yield Change("segment", str(segment.pk), segment.name, before, now)
