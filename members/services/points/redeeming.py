"""Spending points: from the lots that expire soonest, never more than there are."""

from __future__ import annotations

from datetime import datetime

from members.models import EntryKind, LotState
from members.services.points.awarding import Receipt
from members.services.points.book import entry_under, open_book
from members.services.points.refusals import check_points, check_reference, insufficient_points, reference_used, refuse


def redeem_points(
    *,
    member_id: int,
    points: int,
    reference: str,
    now: datetime,
    reason: str = "",
    by: str = "",
    order_id: int | None = None,
) -> Receipt:
    """This function will take points that a member spends: soonest to expire first, then oldest.

    The same reference and amount again: the first entry. Raises PointsRefused when too few are available or the reference
    stands for something else, InvalidInput naming what is wrong with the input.
    """
    refuse(check_points(points), check_reference(reference))
    return spend_points(
        member_id=member_id, points=points, reference=reference, now=now, reason=reason, by=by, order_id=order_id
    )


def spend_points(
    *,
    member_id: int,
    points: int,
    reference: str,
    now: datetime,
    reason: str = "",
    by: str = "",
    order_id: int | None = None,
) -> Receipt:
    """This function will do the same under a reference of the product's own."""
    with open_book(member_id, now=now) as book:
        known = entry_under(member_id, reference)
        if known is not None:
            if known.kind != EntryKind.REDEEM or known.points != points:
                raise reference_used(reference)
            return Receipt(known, created=False)
        if book.account.available < points:
            raise insufficient_points(available=book.account.available, asked=points)
        moves = book.take(book.spendable(), points, came_from=LotState.AVAILABLE, went_to=LotState.SPENT)
        entry = book.write(
            EntryKind.REDEEM, reference=reference, points=points, moves=moves, reason=reason, by=by, order_id=order_id
        )
    return Receipt(entry, created=True)
