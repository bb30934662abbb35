"""Points given or taken by a person, with the reason that person states."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from core.errors import FieldProblem
from members.models import EntryKind, LedgerEntry, LotState
from members.services.points.awarding import Award, award_batch
from members.services.points.book import entry_under, open_book
from members.services.points.refusals import OURS, check_points, insufficient_points, refuse

LONGEST_REASON = 200


def adjust_points(*, member_id: int, points: int, reason: str, token: UUID, now: datetime, by: str) -> LedgerEntry:
    """This function will give (`points` above 0) or take (below 0) points, once for each `token`: a form sent twice is one
    adjustment.

    Raises PointsRefused for taking more than there is, InvalidInput for nothing and for no reason.
    """
    refuse(check_points(abs(points)), reason_problem(reason))
    reference = f"{OURS}adjust:{token}"
    with open_book(member_id, now=now) as book:
        known = entry_under(member_id, reference)
        if known is not None:
            return known
        if points < 0:
            asked = -points
            if book.account.available < asked:
                raise insufficient_points(available=book.account.available, asked=asked)
            moves = book.take(book.spendable(), asked, came_from=LotState.AVAILABLE, went_to=LotState.REVERSED)
            return book.write(EntryKind.TAKE_BACK, reference=reference, points=asked, moves=moves, reason=reason, by=by)
    award = Award(member_id, points, reference, reason, by=by)
    award_batch(awards=[award], now=now)
    return LedgerEntry.objects.get(member_id=member_id, reference=reference)


def reason_problem(reason: str) -> FieldProblem | None:
    """This function will say what is wrong with a reason that a person states, or nothing."""
    if not reason.strip():
        return FieldProblem("reason", "required", _("Say why: the member may ask."))
    if len(reason) > LONGEST_REASON:
        return FieldProblem("reason", "too_long", _("At most 200 characters."))
    return None
