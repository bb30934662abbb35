"""What kind of members a segment holds: their stages, what they spent, whom one may write to; and how it grew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Avg, Count, QuerySet, Sum

from members.models import Channel
from members.selectors import members_reachable
from retention.models import ListUpload, MemberFacts, Membership, Segment, SegmentBuild, SegmentSize, Transition
from retention.scored import Scored, current_parameters, scored
from retention.selectors.state import day_asked, state

CHURN = "churn_probability"
SIZES_SHOWN = 400
UPLOADS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Insight:
    """A segment's members as of the last refresh. `churn` is their mean, None where no such score is published."""

    members: int
    everybody: int
    revenue_minor: int
    orders: int
    stages: Mapping[str, int]
    reachable: Mapping[str, int]
    churn: float | None


def insight(segment: Segment) -> Insight:
    """This function will look at every member of a segment once; asked beside the page, and kept until the next refresh."""
    day = day_asked(None)
    everybody = MemberFacts.objects.count()
    if day is None:
        return Insight(0, everybody, 0, 0, {}, {}, None)
    inside = Membership.objects.filter(segment=segment).values("member_id")
    rows = scored(as_of_day=day, parameters=current_parameters(), scope=inside)
    by_stage = list(
        rows.values("lifecycle_stage").annotate(
            count=Count("member_id"), revenue=Sum("revenue_minor"), orders=Sum("order_count")
        )
    )
    return Insight(
        members=sum(row["count"] for row in by_stage),
        everybody=everybody,
        revenue_minor=sum(row["revenue"] for row in by_stage),
        orders=sum(row["orders"] for row in by_stage),
        stages={row["lifecycle_stage"]: row["count"] for row in by_stage},
        reachable={code: members_reachable(code).filter(pk__in=inside).count() for code in Channel.values},
        churn=_mean_churn(rows),
    )


def _mean_churn(rows: QuerySet[Scored, Scored]) -> float | None:
    if CHURN not in {field.name for field in Scored._meta.fields}:
        return None
    found = rows.aggregate(mean=Avg(CHURN))["mean"]
    return None if found is None else float(found)


def sizes_shown(segment: Segment) -> list[SegmentSize]:
    """This function will return the sizes of the last days, oldest first."""
    latest = SegmentSize.objects.filter(segment=segment).order_by("-day")[:SIZES_SHOWN]
    return list(latest)[::-1]


def size_before(segment: Segment, *, days: int) -> int | None:
    """This function will return the size so many days before the last refresh's day, None when nobody counted then."""
    day = state().day
    if day is None:
        return None
    sizes = SegmentSize.objects.filter(segment=segment, day__lte=day - days).order_by("-day")
    return sizes.values_list("members", flat=True).first()


@dataclass(frozen=True, slots=True)
class Moves:
    """How often members entered and left in a period; somebody who came twice counts twice."""

    entered: int
    left: int


def moves(segment: Segment, *, at_from: datetime, at_to: datetime) -> Moves:
    """This function will count comings and goings from `at_from` and before `at_to`."""
    period = Transition.objects.filter(segment=segment, at__gte=at_from, at__lt=at_to)
    counts = dict(period.values_list("entered").annotate(count=Count("pk")))
    return Moves(counts.get(True, 0), counts.get(False, 0))


def open_build(segment: Segment) -> SegmentBuild | None:
    """This function will return the filling of a segment that is under way or waits."""
    return SegmentBuild.objects.filter(segment=segment, state__in=SegmentBuild.OPEN).first()


def uploads_of(segment: Segment) -> list[ListUpload]:
    return list(ListUpload.objects.filter(segment=segment).select_related("source").order_by("-pk")[:UPLOADS_SHOWN])
