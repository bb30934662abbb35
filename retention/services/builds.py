"""Segments filled by a new rule beside the refreshes: chunk by chunk, their old members served until the swap.

A refresh opens a build for each segment whose rule means something new, where everybody is too many to be asked inside it.
From then on

1. the segment's members stand still: no refresh asks it, so that what a chunk found differing still differs at the swap;
2. each chunk of members is one transaction: their answers are kept beside the segment, and the position moves with them;
3. every refresh notes whose facts it wrote (BuildTouched): they may have been asked before;
4. the swap, under the lock of refreshes, asks the touched members again and writes what differs, as a full pass would.

A newer version, a turned day, a new fit end a build at its next chunk; the refresh that notices opens another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Max, QuerySet

from core.scratch import execute
from retention.models import BuildAnswer, BuildTouched, DueMember, MemberFacts, Segment, SegmentBuild
from retention.services.inforce import InForce

State = SegmentBuild.State

FEW = 20_000
"""Members who are asked at once, inside the refresh: it takes well under a second, less than the talk about it."""
CHUNK = 100_000
"""Members asked in one transaction. Origin: about a second at a million members."""


def are_few() -> bool:
    """This function will say whether everybody can be asked inside a refresh."""
    return not MemberFacts.objects.order_by("pk").values("pk")[FEW : FEW + 1].exists()


def any_open() -> bool:
    return builds_open().exists()


def open_builds(
    wanted: Mapping[int, Segment], *, meanings: Mapping[int, str], given: InForce, day: int, now: datetime
) -> int:
    """This function will have these segments filled, and no others, and return how many are newly begun.

    A build that is under way for the same goes on; each other is cancelled. Called under the lock of refreshes, after facts
    were written: every later refresh sees the builds and notes whose facts it writes.
    """
    same = {build.segment_id: build for build in builds_open() if still_wanted(build, wanted, meanings, given.measures, day)}
    cancel(builds_open().exclude(pk__in=[build.pk for build in same.values()]), now=now)
    if same:
        _note_touched()
    else:
        BuildTouched.objects.all().delete()
    new = [segment for segment in wanted.values() if segment.pk not in same]
    if new:
        last = MemberFacts.objects.aggregate(last=Max("pk"))["last"] or 0
        asked = {"measures": given.measures, "day": day, "until": last, "chunk": CHUNK, "opened_at": now}
        total = MemberFacts.objects.count()
        SegmentBuild.objects.bulk_create(
            SegmentBuild(segment=each, version_id=each.version_id, rule_key=meanings[each.pk], total=total, **asked)
            for each in new
        )
    return len(new)


def still_wanted(
    build: SegmentBuild, wanted: Mapping[int, Segment], meanings: Mapping[int, str], measures: str, day: int
) -> bool:
    asked = (build.rule_key, build.measures, build.day)
    return build.segment_id in wanted and asked == (meanings[build.segment_id], measures, day)


def _note_touched() -> None:
    execute(
        f"INSERT INTO {BuildTouched._meta.db_table} (member_id) SELECT member_id FROM {DueMember._meta.db_table} WHERE true"
        " ON CONFLICT (member_id) DO NOTHING"
    )


def builds_open() -> QuerySet[SegmentBuild]:
    return SegmentBuild.objects.filter(state__in=SegmentBuild.OPEN)


def hold(builds: QuerySet[SegmentBuild]) -> list[int]:
    """This function will keep others from writing these builds until the transaction ends, in an order that all keep."""
    return list(builds.order_by("pk").select_for_update().values_list("pk", flat=True))


def cancel(builds: QuerySet[SegmentBuild], *, now: datetime) -> None:
    """This function will end builds; a worker that has one finds out at its chunk's end, and keeps nothing of it."""
    ended = hold(builds)
    builds_open().filter(pk__in=ended).update(state=State.CANCELLED, lease=None, lease_until=None, finished_at=now)
    BuildAnswer.objects.filter(build_id__in=ended).delete()
