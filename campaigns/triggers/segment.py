"""When members enter a segment: read from the transitions that refreshes wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from campaigns.models.pauses import because
from campaigns.triggers.base import Candidates, Trigger, TriggerUnable
from core.errors import FieldProblem
from retention.models import Membership, RefreshState, Segment, Transition
from retention.selectors.builds import is_being_filled


class SegmentEntered(Trigger):
    """An occasion is (member, refresh run). With `include_current`, whoever is inside at the first planning is due too."""

    code = "segment_entered"
    label = _("when a member enters a segment")

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        segment: str
        include_current: bool = False

    def problems(self, params: Any) -> Iterator[FieldProblem]:
        if not Segment.objects.filter(slug=params.segment).exists():
            yield FieldProblem("segment", "unknown_segment", _("There is no segment “%(slug)s”.") % {"slug": params.segment})

    def segments(self, params: Any) -> tuple[str, ...]:
        return (str(params.segment),)

    def starting_point(self, params: Any) -> Mapping[str, Any]:
        return {} if params.include_current else {"planned_run_id": last_run_id() or 0}

    def candidates(self, *, campaign: Campaign, params: Any, now: datetime) -> Candidates | None:
        segment = Segment.objects.filter(slug=params.segment).first()
        if segment is None:
            raise TriggerUnable(because("segment_gone", slug=params.segment))
        # Read before the rows: a refresh that commits in between is left, whole, to the next planning.
        until = last_run_id()
        if until is None or segment.as_of is None or campaign.planned_run_id == until:
            return None
        if campaign.planned_run_id is None:
            if is_being_filled(segment):
                return None  # whoever is inside is who another rule meant
            rows: QuerySet[Any, Any] = _inside(segment, until)
        else:
            rows = _entered(segment, campaign, after=campaign.planned_run_id, until=until)
        return Candidates(rows=rows, progress={"planned_run_id": until})


def last_run_id() -> int | None:
    """This function will return the last refresh that wrote transitions; their ids grow with the order of commits."""
    return RefreshState.objects.values_list("last_run_id", flat=True).first()


def _entered(segment: Segment, campaign: Campaign, *, after: int, until: int) -> QuerySet[Any, Any]:
    rows = Transition.objects.filter(segment=segment, entered=True, run_id__gt=after, run_id__lte=until)
    if campaign.starts_at is not None:
        rows = rows.filter(at__gte=campaign.starts_at)
    return rows.annotate(occurrence=Concat(Value("run:"), Cast("run_id", CharField())))


def _inside(segment: Segment, until: int) -> QuerySet[Any, Any]:
    """Members inside as of run `until`; who entered in a later one has an occasion of his own, at the next planning."""
    later = Transition.objects.filter(segment=segment, entered=True, member_id=OuterRef("member_id"), run_id__gt=until)
    rows = Membership.objects.filter(~Exists(later), segment=segment)
    return rows.annotate(occurrence=Value("current"))
