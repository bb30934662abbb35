"""All members at a glance: how many stand in each lifecycle stage, and in each cell of the RFM grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.lookups import LessThanOrEqual

from retention.expressions import decimal
from retention.fields import CHURN_REASON, STAGE_LABELS
from retention.models import MemberFacts, Membership, Reason, Segment
from retention.scored import MORE_THAN_ANY_TABLE, NEWEST_FIRST, OLDEST_FIRST, Scored, current_parameters, scored
from retention.scoring.lifecycle import Stage
from retention.selectors.reasons import rows_asked
from retention.selectors.rules import Rulebook
from retention.selectors.state import Asked, asked_at, day_asked
from rules.errors import RuleErrors

LISTED_BY_REASON = 50_000
"""Members up to whom a list by churn reason is asked at once. Origin: 0.3 s at 20,000 members, 1.3 s at 100,000."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the grid: its members and what they have spent."""

    members: int
    revenue_minor: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everybody once by stage, and once by (R, F) score; members who never ordered have no scores."""

    members: int
    revenue_minor: int
    orders: int
    repeat_buyers: int
    buyers: int
    stages: Mapping[str, int]
    grid: Mapping[tuple[int, int], Cell]
    last_order_day: int | None = None
    revenue_minor_30d: int = 0
    lost_lately: int = 0

    def as_json(self) -> dict[str, Any]:
        """This function will write it as JSON, cells as [recency, frequency, members, revenue]."""
        cells = [[*place, cell.members, cell.revenue_minor] for place, cell in sorted(self.grid.items())]
        return {**{name: getattr(self, name) for name in SUMS}, "stages": dict(self.stages), "grid": cells}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Overview:
        grid = {(r, f): Cell(members, revenue) for r, f, members, revenue in kept["grid"]}
        return cls(**{name: kept[name] for name in SUMS}, stages=kept["stages"], grid=grid)


SUMS = (
    *("members", "revenue_minor", "orders", "repeat_buyers", "buyers"),
    *("last_order_day", "revenue_minor_30d", "lost_lately"),
)
LATELY_DAYS = 30
"""Within how many days somebody was lost who counts as lost lately."""


def overview(as_of: datetime | None = None) -> Overview:
    """This function will count everybody by stage and by recency and frequency: one scan, grouped by all three."""
    day = day_asked(as_of)
    if day is None:
        return Overview(0, 0, 0, 0, 0, {}, {})
    parameters = current_parameters()
    everybody = scored(as_of_day=day, parameters=parameters, scope=None)
    rows = everybody.values("lifecycle_stage", "r_score", "f_score").annotate(
        count=Count("member_id"),
        revenue=Sum("revenue_minor"),
        orders=Sum("order_count"),
        repeated=Count("member_id", filter=Q(order_count__gte=2)),
        bought=Count("member_id", filter=Q(order_count__gte=1)),
        newest=Max("last_order_day"),
        revenue_30d=Sum("revenue_minor_30d"),
        lost_lately=Count("member_id", filter=_became_lost_lately(parameters.bands.lost_ratio)),
    )
    return _summed([dict(row) for row in rows])


def _became_lost_lately(lost_ratio: float) -> Q:
    """Lost now, and not yet lost LATELY_DAYS ago by the rhythm of today."""
    overdue_then = decimal(F("days_since_last_order") - LATELY_DAYS) / F("rhythm_days")
    return Q(lifecycle_stage=Stage.LOST) & Q(LessThanOrEqual(overdue_then, decimal(lost_ratio)))


def _summed(rows: list[dict[str, Any]]) -> Overview:
    stages: dict[str, int] = {}
    grid: dict[tuple[int, int], Cell] = {}
    for row in rows:
        stages[row["lifecycle_stage"]] = stages.get(row["lifecycle_stage"], 0) + row["count"]
        if row["r_score"] is not None and row["f_score"] is not None:
            place = (row["r_score"], row["f_score"])
            known = grid.get(place, Cell(0, 0))
            grid[place] = Cell(known.members + row["count"], known.revenue_minor + row["revenue"])
    return Overview(
        members=sum(row["count"] for row in rows),
        revenue_minor=sum(row["revenue"] for row in rows),
        orders=sum(row["orders"] for row in rows),
        repeat_buyers=sum(row["repeated"] for row in rows),
        buyers=sum(row["bought"] for row in rows),
        stages=stages,
        grid=grid,
        last_order_day=max((row["newest"] for row in rows if row["newest"] is not None), default=None),
        revenue_minor_30d=sum(row["revenue_30d"] for row in rows),
        lost_lately=sum(row["lost_lately"] for row in rows),
    )


def members_at(**scores: Any) -> QuerySet[Scored, Any]:
    """This function will select the ids of the members with exactly these scores, such as lifecycle_stage="lost".

    For lists with the newest member on top. Who leaves for a reason is looked for among everybody.
    """
    asked = asked_at(None)
    if CHURN_REASON in scores:
        everybody = _with_reasons(asked)
    else:
        scope: list[int] | None = [] if asked is None else None
        day = 0 if asked is None else asked.day
        about: dict[str, Any] = {"as_of_day": day, "parameters": current_parameters(), "scope": scope}
        everybody = scored(**about, order=NEWEST_FIRST, reads=scores.keys())
    # A limit that no table reaches: without one Django drops the order from a subquery.
    return everybody.filter(**scores).values("member_id").order_by("-member_id")[:MORE_THAN_ANY_TABLE]


def members_at_stage(value: str) -> QuerySet[Scored, Any] | None:
    """This function will select the ids of the members at a lifecycle stage, for lists in the order in which they were first
    seen; None for what is none."""
    asked = asked_at(None)
    if value not in STAGE_LABELS:
        return None
    if asked is None:
        return Scored.objects.none()
    about: dict[str, Any] = {"as_of_day": asked.day, "parameters": current_parameters(), "reads": ["lifecycle_stage"]}
    there = scored(**about, order=OLDEST_FIRST).filter(lifecycle_stage=value)
    return there.values("member_id").order_by(*OLDEST_FIRST)[:MORE_THAN_ANY_TABLE]


def can_list_by_reason() -> bool:
    """This function will say whether the shop is small enough for a list by reason: everybody's behaviour is looked at anew.

    In a larger one a segment of the reason answers: the night keeps it.
    """
    return not MemberFacts.objects.order_by("pk").values("pk")[LISTED_BY_REASON : LISTED_BY_REASON + 1].exists()


def members_leaving_for(value: str) -> QuerySet[Scored, Any] | None:
    """This function will select the ids of the members who leave for a reason; None for what is none."""
    return _with_reasons(asked_at(None)).filter(churn_reason=value).values("member_id") if value in Reason.values else None


def _with_reasons(asked: Asked | None) -> QuerySet[Scored, Any]:
    """Nobody, while a rule of the list cannot be asked."""
    about: dict[str, Any] = {"rulebook": Rulebook(), "parameters": current_parameters()}
    try:
        if asked is not None:
            return rows_asked(day=asked.day, as_of=asked.instant, with_reason=True, **about)
        return rows_asked(day=0, as_of=None, scope=[], with_reason=True, **about)
    except RuleErrors:
        return Scored.objects.none()


def members_in(slug: str) -> QuerySet[Membership, Any]:
    """This function will select the ids of a segment's members as the last refresh wrote them, for lists as above."""
    segment_id = Segment.objects.filter(slug=slug).values_list("pk", flat=True).first()
    inside = Membership.objects.filter(segment_id=segment_id or 0)
    return inside.values("member_id").order_by("-member_id")[:MORE_THAN_ANY_TABLE]


def members_in_known(slug: str) -> QuerySet[Membership, Any] | None:
    """This function will do the same, or return None when no segment is called so."""
    known = Segment.objects.filter(slug=slug).values_list("pk", flat=True).first()
    return None if known is None else Membership.objects.filter(segment_id=known).values("member_id")


def memberships_of(segment: Segment) -> QuerySet[Membership]:
    return Membership.objects.filter(segment=segment).order_by("member_id")


def segments_of(member_id: int) -> list[Membership]:
    return list(Membership.objects.filter(member_id=member_id).select_related("segment").order_by("segment__name"))


def failing_segments() -> list[Segment]:
    return list(Segment.objects.filter(failure__isnull=False).order_by("name"))
