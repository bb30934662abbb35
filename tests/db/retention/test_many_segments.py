"""Segments in numbers that no single statement of SQLite takes: it joins 64 tables, and 500 selects by UNION ALL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.registry import checks
from retention.models import Membership, Segment, SegmentVersion
from retention.models.segments import BITS_PER_WORD
from retention.services.proofs import prove_sample
from retention.services.refresh import refresh
from tests.factories import NOW, make_member, make_order

pytestmark = pytest.mark.django_db


def make_segments(number: int, rule: Callable[[int], Any]) -> None:
    """As `create_segment` leaves them; it reads all others each time."""
    segments = Segment.objects.bulk_create(
        Segment(slug=f"s{n}", name=f"S{n}", word=n // BITS_PER_WORD, bit=n % BITS_PER_WORD, created_at=NOW)
        for n in range(number)
    )
    for n, segment in enumerate(segments):
        segment.version = SegmentVersion.objects.create(segment=segment, number=1, rule=rule(n), created_at=NOW)
    Segment.objects.bulk_update(segments, ["version"])


def ordered_lately(n: int) -> dict[str, Any]:
    return {"did": "order", "operator": ">=", "times": 1, "within_days": n + 2}


def orders(_n: int) -> dict[str, Any]:
    return {"field": "order_count", "operator": ">=", "value": 1}


@pytest.mark.parametrize(("number", "rule"), [(66, ordered_lately), (520, orders)], ids=["looks", "segments"])
def test_are_filled_followed_and_proved(number: int, rule: Callable[[int], Any]) -> None:
    first, second = make_member(), make_member()
    make_order(first)
    make_segments(number, rule)
    refresh(as_of=NOW)
    assert Membership.objects.count() == number
    make_order(second)
    refresh(as_of=NOW)
    assert Membership.objects.count() == 2 * number
    assert not Segment.objects.filter(failure__isnull=False).exists()
    assert [problem for check in checks if check.code.startswith("retention.") for problem in check.rows()] == []
    Membership.objects.filter(segment__slug="s65", member_id=first.pk).delete()
    assert prove_sample(now=NOW) == {"proved": 2, "differing": 1}
