"""Lists of segments and of what happened to them, and of models, as other systems ask for them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet

from members.models import Member
from retention.models import Membership, ScoringModel, Segment, SegmentSize, SegmentVersion, Transition
from retention.selectors.overview import failing_segments


def segment_listing(*, search: str = "", static: bool | None = None, failing: bool | None = None) -> QuerySet[Segment]:
    """This function will return segments; `search` is a part of their name or short name."""
    segments = Segment.objects.select_related("version")
    if search:
        segments = segments.filter(Q(name__icontains=search) | Q(slug__icontains=search))
    if static is not None:
        segments = segments.filter(static=static)
    if failing is not None:
        broken = [each.pk for each in failing_segments()]
        segments = segments.filter(pk__in=broken) if failing else segments.exclude(pk__in=broken)
    return segments


def segment_called(slug: str) -> Segment | None:
    return segment_listing().filter(slug=slug).first()


def memberships(segment: Segment) -> QuerySet[Membership]:
    return Membership.objects.filter(segment=segment)


def transitions(
    segment: Segment,
    *,
    entered: bool | None = None,
    at_from: datetime | None = None,
    at_to: datetime | None = None,
) -> QuerySet[Transition]:
    """This function will return who came and went, from `at_from` and before `at_to`."""
    found = Transition.objects.filter(segment=segment)
    if entered is not None:
        found = found.filter(entered=entered)
    if at_from is not None:
        found = found.filter(at__gte=at_from)
    if at_to is not None:
        found = found.filter(at__lt=at_to)
    return found


def sizes(segment: Segment) -> QuerySet[SegmentSize]:
    return SegmentSize.objects.filter(segment=segment)


def versions(segment: Segment) -> QuerySet[SegmentVersion]:
    return SegmentVersion.objects.filter(segment=segment)


def models(*, history: bool = False) -> QuerySet[ScoringModel]:
    """This function will return the models in use, or with `history` every one that ever was; none that was refused."""
    published = ScoringModel.objects.filter(refusal__isnull=True)
    return published if history else published.filter(current=True)


def fits_shown(most: int) -> list[ScoringModel]:
    """This function will return the latest fits, refused ones too, newest first."""
    return list(ScoringModel.objects.order_by("-pk")[:most])


def last_refusals() -> dict[str, ScoringModel]:
    """This function will return, by kind, the fit that was refused last, where none was published after it."""
    return {fit.kind: fit for fit in ScoringModel.objects.filter(refusal__isnull=False).order_by("pk")}


def external_ids(member_ids: Collection[int]) -> dict[int, str]:
    """This function will return the shop's own ids of members, in one statement for a whole page."""
    return dict(Member.objects.filter(pk__in=set(member_ids)).values_list("pk", "external_id"))
