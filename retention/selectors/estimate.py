"""How many a rule means, near enough and soon: counted among members drawn at random, more of them as time allows.

Every member has a random bucket that nothing about them decides, so the members of some buckets are a sample of all, and two
ranges of buckets have nobody in common. What was counted in one range is kept while the next is counted: where all buckets
are done before time is up, the estimate is the count.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from django.db.models import F, Q, QuerySet

from members.models import Channel, Member
from retention.models import MemberFacts
from retention.selectors.matching import Rule, matching
from retention.selectors.rules import readable, writer
from retention.selectors.stopping import TooSlow, within
from rules.ast import kinds_in
from rules.compile import OneOf

BUCKETS = 10_000
FIRST_MEMBERS = 5_000
"""Members of the first sample: some milliseconds even for behaviour windows, and a share within 1.4 points."""
Z_95 = 1.959964
"""The standard normal's quantile: 95 of 100 such ranges hold the true count."""
LEAST_GROWTH = 1.5
"""A sample that can grow by less is not worth waiting for: its range would be a fifth narrower."""
SPENT = 5 / 6
"""Of the time left, what a larger sample may take by reckoning: it grows a bit faster than the sample."""
PATIENCE = 0.75
"""The part of the time for which the count itself is tried: stored fields are one scan, a second for a million members."""
PATIENCE_WITH_BEHAVIOUR = 0.35
"""The same for rules that read orders and events: enough for a shop of a hundred thousand."""
FEW = 20_000
"""Members of a shop in which everybody is looked at to say who is inside."""
FEW_BUCKETS = 200
"""Buckets that are looked at to say who is among very many: 20,000 of a million members."""
LEAST_INSIDE = 2_000
"""Members found there who are enough to tell: shares within 2.2 points. Of fewer everybody is looked at."""
MOST_INSIDE = 150_000
"""Members who are looked at at most."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """About `count`, between `low` and `high` in 95 of 100 cases; exact where the two are the same."""

    count: int
    low: int
    high: int
    share: float

    @property
    def exact(self) -> bool:
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class Inside:
    """Who is among those a rule means. `looked_at` of them were: all where `exact`."""

    stages: Mapping[str, int]
    reachable: Mapping[str, int]
    sample: tuple[int, ...]
    looked_at: int
    exact: bool


def estimate(*, rule: Rule, seconds: float) -> Estimate | None:
    """This function will estimate whom a rule means, as of the last refresh, within `seconds`.

    1. Count everybody, and the rule's members in the first few buckets.
    2. While the time left is enough for a larger range, count in the next buckets too.
    None where not even the first range was done in time.
    """
    until = time.monotonic() + seconds
    everybody = MemberFacts.objects.count()
    if not everybody:
        return Estimate(0, 0, 0, 0.0)
    done, seen, hits = 0, 0, 0
    width = min(BUCKETS, ceil(BUCKETS * FIRST_MEMBERS / everybody))
    while width:
        began = time.monotonic()
        try:
            with within(until - began):
                found = _counted(rule, done, done + width)
        except TooSlow:
            break
        done, seen, hits = done + width, seen + found[0], hits + found[1]
        width = _next_width(done, width, took=time.monotonic() - began, left=until - time.monotonic())
    return _estimate(hits, seen, max(everybody, seen)) if seen else None


def wilson(hits: int, seen: int, everybody: int, *, z: float = Z_95) -> tuple[float, float]:
    """This function will give the range of a share of `everybody` after `hits` of `seen` drawn without putting back.

    Returns
        lower and upper end, 0..1; both hits / seen when everybody was seen.
    Source
        Wilson 1927, with the variance of sampling without replacement: `seen` grows by (everybody - 1) / (everybody - seen).
    """
    share = hits / seen
    if seen >= everybody:
        return share, share
    size = seen * (everybody - 1) / (everybody - seen)
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return max(0.0, middle - half), min(1.0, middle + half)


def count_soon(*, rule: Rule, seconds: float) -> Estimate | None:
    """This function will count whom a rule means: exactly where that is quick, else about.

    The count itself is tried first, for a part of the time; what is left of it pays for the estimate.
    """
    until = time.monotonic() + seconds
    behaviour = kinds_in(readable(rule, prefix="rule")[1])
    patience = seconds * (PATIENCE_WITH_BEHAVIOUR if behaviour else PATIENCE)
    if patience:
        try:
            with within(patience):
                return count_exactly(rule=rule)
        except TooSlow:
            pass
    return estimate(rule=rule, seconds=until - time.monotonic())


def count_exactly(*, rule: Rule) -> Estimate:
    """This function will count whom a rule means, as of the last refresh."""
    count, everybody = matching(rule=rule).count(), MemberFacts.objects.count()
    return Estimate(count, count, count, count / everybody if everybody else 0.0)


def inside(*, rule: Rule) -> Inside:
    """This function will say who is among those a rule means: all of them, or of so many that a few tell, some at random."""
    rows = _stages_of(rule, _buckets(0, FEW_BUCKETS)) if _is_large() else []
    exact = len(rows) < LEAST_INSIDE
    if exact:
        rows = _stages_of(rule, None)
    ids = sorted(member_id for member_id, _stage in rows)
    among = Q(OneOf(F("pk"), ids))
    return Inside(
        stages=Counter(stage for _member_id, stage in rows),
        reachable={
            channel.value: Member.objects.contactable(channel=channel.value).filter(among).count() for channel in Channel
        },
        sample=tuple(ids[:10]),
        looked_at=len(ids),
        exact=exact,
    )


def said(rule: Rule) -> str:
    """This function will say a rule in words, or raise InvalidInput."""
    return writer().sentence(readable(rule, prefix="rule")[0])


def _stages_of(rule: Rule, drawn: QuerySet[Member, Any] | None) -> list[tuple[int, str]]:
    found = matching(rule=rule, member_ids=drawn).values_list("member_id", "lifecycle_stage")
    return [(member_id, stage) for member_id, stage in found[:MOST_INSIDE]]


def _is_large() -> bool:
    return MemberFacts.objects.all()[FEW:].exists()


def _counted(rule: Rule, low: int, high: int) -> tuple[int, int]:
    """This function will count the members of the buckets from `low` to before `high`, and the rule's among them."""
    drawn = _buckets(low, high)
    return MemberFacts.objects.filter(pk__in=drawn).count(), matching(rule=rule, member_ids=drawn).count()


def _buckets(low: int, high: int) -> QuerySet[Member, Any]:
    return Member.objects.filter(random_bucket__gte=low, random_bucket__lt=high).values("pk")


def _next_width(done: int, width: int, *, took: float, left: float) -> int:
    """This function will say how many buckets more can be counted in the time left; 0 where it is not worth it."""
    possible = min(BUCKETS - done, int(width * left * SPENT / max(took, 1e-4)))
    return possible if possible == BUCKETS - done or possible >= done * (LEAST_GROWTH - 1) else 0


def _estimate(hits: int, seen: int, everybody: int) -> Estimate:
    low, high = wilson(hits, seen, everybody)
    # What was seen is certain; only the others are guessed.
    least, most = hits, everybody - (seen - hits)
    fewest, largest = max(least, round(low * everybody)), min(most, round(high * everybody))
    if fewest == largest and seen < everybody:  # rounded away; as long as somebody was not asked it is no count
        fewest, largest = max(least, fewest - 1), min(most, largest + 1)
    return Estimate(count=round(hits / seen * everybody), low=fewest, high=largest, share=hits / seen)
