"""What messages may say about a member's points."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from core.conf import shop_zone
from members.models import PointsLot

NOTHING: Mapping[str, str] = {"available": "0", "expiring": "0", "expires_on": ""}


def points_words(*, member_ids: Collection[int], now: datetime) -> dict[int, Mapping[str, str]]:
    """This function will write, for each member, the points available, how many of them end next, and the last day on which
    those can be used; in one statement."""
    lots = PointsLot.objects.filter(member_id__in=member_ids, available__gt=0)
    found: dict[int, list[tuple[datetime | None, int]]] = {member_id: [] for member_id in member_ids}
    for member_id, expires_at, available in lots.values_list("member_id", "expires_at", "available"):
        if expires_at is None or expires_at > now:
            found[member_id].append((expires_at, available))
    return {member_id: _words(held) for member_id, held in found.items()}


def _words(held: Collection[tuple[datetime | None, int]]) -> Mapping[str, str]:
    ends = [expires_at for expires_at, _available in held if expires_at is not None]
    told = {**NOTHING, "available": str(sum(available for _expires_at, available in held))}
    if ends:
        first = min(ends)
        told["expiring"] = str(sum(available for expires_at, available in held if expires_at == first))
        told["expires_on"] = (first - timedelta(microseconds=1)).astimezone(shop_zone()).date().isoformat()
    return told
