"""Segments and their builds as the tests of filling look at them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core.registry import checks
from members.models import Member
from retention.models import (
    Membership,
    Segment,
    SegmentBuild,
)
from retention.services import filling
from retention.services.segments import create_segment
from tests.factories import BUYERS, NOW

QUIET = {"combinator": "and", "not": True, "rules": [BUYERS]}


TOMORROW = NOW + timedelta(days=1)


def make_segment(slug: str, rule: Any) -> Segment:
    return create_segment(slug=slug, name=slug.title(), rule=rule, now=NOW)


def inside(slug: str) -> set[int]:
    return set(Membership.objects.filter(segment__slug=slug).values_list("member_id", flat=True))


def ids(members: list[Member]) -> set[int]:
    return {member.pk for member in members}


def wrong() -> list[str]:
    return [problem for check in checks if check.code.startswith("retention.") for problem in check.rows()]


def states() -> list[str]:
    return list(SegmentBuild.objects.order_by("pk").values_list("state", flat=True))


def first_chunks_only(**given: Any) -> filling.Finished:
    """As `finish_builds`, but out of time after one chunk of each."""
    worker = filling._Worker(NOW)
    worker.step(list(worker.claim()))
    worker.let_go()
    return filling.Finished({}, None)
