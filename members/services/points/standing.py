"""What a member has right now, told without writing: what time has done since the last look is reckoned in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncMonth

from core.conf import shop_zone
from members.models import LedgerEntry, PointsAccount, PointsLot
from members.services.points.book import OPEN, due


@dataclass(frozen=True, slots=True)
class Standing:
    """Available and pending points, what is owed, and the lots they stand in, soonest to expire first.

    The lots are as they would be after a settling at the moment asked about; they are not stored so.
    """

    available: int
    pending: int
    owed: int
    lots: tuple[PointsLot, ...]

    @property
    def next_expiry(self) -> dict[str, Any] | None:
        """The next moment at which available points expire, and how many."""
        ends = [(lot.expires_at, lot.available) for lot in self.lots if lot.available and lot.expires_at is not None]
        if not ends:
            return None
        first = min(instant for instant, _points in ends)
        return {"at": first, "points": sum(points for instant, points in ends if instant == first)}


def points_standing(*, member_id: int, now: datetime) -> Standing:
    """This function will say what a member could spend at `now`, whether or not the clock has settled it yet."""
    account = PointsAccount.objects.filter(pk=member_id).first()
    lots = list(PointsLot.objects.filter(OPEN, member_id=member_id).order_by(F("expires_at").asc(nulls_last=True), "pk"))
    owed = _reckon(lots, owed=account.owed if account else 0, now=now)
    held = tuple(lot for lot in lots if lot.available or lot.pending)
    return Standing(sum(lot.available for lot in held), sum(lot.pending for lot in held), owed, held)


def _reckon(lots: list[PointsLot], *, owed: int, now: datetime) -> int:
    """What `Book.settle` would write, on lots that are not saved; returns what is still owed."""
    for lot, released in due(lots, now=now):
        if released:
            lot.available, lot.pending = lot.available + lot.pending, 0
            paid = min(owed, lot.available)
            lot.available, owed = lot.available - paid, owed - paid
        else:
            lot.available = 0
    return owed


def entries_of(member_id: int) -> QuerySet[LedgerEntry]:
    """This function will select a member's entries; the caller orders and pages them."""
    return LedgerEntry.objects.filter(member_id=member_id)


def points_liability() -> list[dict[str, Any]]:
    """This function will add up what members could still spend by the month in which it expires; `month` None: never."""
    held = PointsLot.objects.filter(OPEN).annotate(month=TruncMonth("expires_at", tzinfo=shop_zone()))
    sums = held.values("month").annotate(
        available=Sum("available"), pending=Sum("pending"), members=Count("member_id", distinct=True)
    )
    return [dict(row) for row in sums.order_by(F("month").asc(nulls_last=True))]
