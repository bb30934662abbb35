"""How far segments are that are being filled by a new rule."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from retention.models import Segment, SegmentBuild


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """A segment that is being filled: so many of so many members are asked; the old members are served until the end."""

    segment_id: int
    version: int | None
    running: bool
    scanned: int
    total: int
    opened_at: datetime
    heartbeat_at: datetime | None

    @property
    def share(self) -> float:
        return min(self.scanned / self.total, 1.0) if self.total else 0.0


def builds_under_way(segment_ids: Collection[int]) -> dict[int, BuildProgress]:
    """This function will say which of these segments are being filled, and how far each is: one statement for a page."""
    builds = SegmentBuild.objects.filter(segment_id__in=segment_ids, state__in=SegmentBuild.OPEN)
    return {
        build.segment_id: BuildProgress(
            segment_id=build.segment_id,
            version=vars(build)["number"],
            running=build.state == SegmentBuild.State.RUNNING,
            scanned=build.scanned,
            total=build.total,
            opened_at=build.opened_at,
            heartbeat_at=build.heartbeat_at,
        )
        for build in builds.annotate(number=F("version__number"))
    }


def is_being_filled(segment: Segment) -> bool:
    """This function will say whether a segment's members are still those of what its rule meant before."""
    if segment.version_id != segment.evaluated_version_id:
        return True
    return SegmentBuild.objects.filter(segment=segment, state__in=SegmentBuild.OPEN).exists()
