"""Undoing an entry, whole or in part: an award is taken back as the shop's policy allows, a redemption is given back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db.models import Sum
from django.utils.translation import gettext as _

from core.errors import NotFound
from members.models import EntryKind, LedgerEntry, LotMovement, LotState, Member, PointsLot, RefundPolicy
from members.services.points.awarding import Receipt
from members.services.points.book import Book, Move, entry_under, open_book
from members.services.points.policy import expiry_of, grace_of, points_policy
from members.services.points.refusals import OURS, PointsRefused, check_points, refuse


def reverse_entry(*, member_id: int, reference: str, now: datetime, reason: str = "", by: str = "") -> Receipt:
    """This function will undo all that is left of the award or redemption under `reference`.

    Again: the first reversal. Raises NotFound for an unknown reference, PointsRefused for an entry that cannot be undone:
    what an order earned by a rule would be given again when the order is reckoned.
    """
    with open_book(member_id, now=now) as book:
        entry = entry_under(member_id, reference)
        if entry is None:
            raise NotFound(_("There is no entry under the reference “%(reference)s”.") % {"reference": reference})
        if entry.rule_id is not None and entry.order_id is not None:
            message = _("What a rule gave for an order goes with the order. Adjust the member's points instead.")
            raise PointsRefused(message, code="not_reversible")
        own = f"{OURS}reverse:{entry.pk}"
        return _reverse(book, entry, points=_left_of(entry), reference=own, reason=reason, by=by)


def reverse_part(
    *, member_id: int, entry_id: int, points: int, reference: str, now: datetime, reason: str = "", by: str = ""
) -> Receipt:
    """This function will undo `points` of an entry, at most what earlier reversals left of it; idempotent by `reference`."""
    refuse(check_points(points))
    with open_book(member_id, now=now) as book:
        entry = LedgerEntry.objects.get(pk=entry_id, member_id=member_id)
        return _reverse(book, entry, points=min(points, _left_of(entry)), reference=reference, reason=reason, by=by)


def _reverse(book: Book, entry: LedgerEntry, *, points: int, reference: str, reason: str, by: str) -> Receipt:
    known = entry_under(book.account.member_id, reference)
    if known is not None:
        return Receipt(known, created=False)
    undo = _WAYS.get(entry.kind)
    if undo is None:
        raise PointsRefused(_("Only what was earned or redeemed can be reversed."), code="not_reversible")
    if Member.everybody.erased_among([entry.member_id]):
        raise PointsRefused(
            _("The member was erased: their points have expired, and there is nobody to give to."), code="erased"
        )
    if points < 1:
        raise PointsRefused(_("Nothing of this entry is left to reverse."), code="already_reversed")
    return Receipt(undo(book, entry, points, reference, reason, by), created=True)


def _left_of(entry: LedgerEntry) -> int:
    return entry.points - int(entry.reversals.aggregate(points=Sum("points"))["points"] or 0)


def _take_back(book: Book, award: LedgerEntry, points: int, reference: str, reason: str, by: str) -> LedgerEntry:
    """Steps: what is pending in the award's own lot; what is available there; what is available elsewhere; a debt. How far
    down this goes is the policy's; what it leaves is the entry's shortfall."""
    policy = points_policy().refund_policy
    own = [lot for lot in book.lots.values() if lot.entry_id == award.pk]
    moves = book.take(own, points, came_from=LotState.PENDING, went_to=LotState.REVERSED)
    if policy != RefundPolicy.PENDING_ONLY:
        moves += book.take(own, points - _taken(moves), came_from=LotState.AVAILABLE, went_to=LotState.REVERSED)
        others = [lot for lot in book.spendable() if lot.entry_id != award.pk]
        moves += book.take(others, points - _taken(moves), came_from=LotState.AVAILABLE, went_to=LotState.REVERSED)
    missing = points - _taken(moves)
    owed = missing if policy == RefundPolicy.MAY_OWE else 0
    return book.write(
        EntryKind.TAKE_BACK,
        reference=reference,
        points=points,
        moves=moves,
        owed=owed,
        shortfall=missing - owed,
        reason=reason,
        by=by,
        order_id=award.order_id,
        rule_id=award.rule_id,
        reverses=award,
    )


def _give_back(book: Book, redemption: LedgerEntry, points: int, reference: str, reason: str, by: str) -> LedgerEntry:
    """To the lots they came from, what was taken last first. What expired meanwhile expires at once, or after the grace.

    Lots that went back to another member when two were parted stay as they are: their points come back in a new lot.
    """
    policy = points_policy()
    moves = _into_their_lots(book, redemption, points)
    grace = grace_of(policy, now=book.now)
    for move in moves:
        if grace is not None and move.lot.expires_at is not None and move.lot.expires_at <= book.now:
            book.put_off(move.lot, grace)
    if rest := points - _taken(moves):
        moves.append(book.new_lot(rest, entry=redemption, expires_at=expiry_of(policy, available_from=book.now)))
    entry = book.write(
        EntryKind.GIVE_BACK,
        reference=reference,
        points=points,
        moves=moves,
        reason=reason,
        by=by,
        order_id=redemption.order_id,
        reverses=redemption,
    )
    book.settle()
    return entry


def _into_their_lots(book: Book, redemption: LedgerEntry, points: int) -> list[Move]:
    left = _still_spent(redemption)
    own = PointsLot.objects.filter(pk__in=left, member_id=book.account.member_id)
    book.hold(own)
    moves: list[Move] = []
    for lot_id, spent in left.items():
        some = min(points - _taken(moves), spent)
        if some and lot_id in book.lots:
            moves.append(Move(book.lots[lot_id], some, LotState.SPENT, LotState.AVAILABLE))
    return moves


def _still_spent(redemption: LedgerEntry) -> Mapping[int, int]:
    """Points by lot that the redemption took and nothing gave back, the last lot first."""
    left = dict(redemption.movements.order_by("-pk").values_list("lot_id", "points"))
    back = LotMovement.objects.filter(entry__reverses=redemption, came_from=LotState.SPENT)
    given = back.values_list("lot_id").annotate(points=Sum("points"))
    for lot_id, points in given:
        left[lot_id] -= points
    return left


def _taken(moves: list[Move]) -> int:
    return sum(move.points for move in moves)


_WAYS: Mapping[str, Callable[[Book, LedgerEntry, int, str, str, str], LedgerEntry]] = {
    EntryKind.AWARD: _take_back,
    EntryKind.REDEEM: _give_back,
}
