"""Points of a member who is to be forgotten: what is left of them expires at once, what was written about them goes."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from core.registry import Called, Holding, Kept
from members.models import EntryKind, LedgerEntry, LotState, PointsAccount, PointsLot
from members.services.holdings import own_columns, pseudonym, unless_ours
from members.services.points.book import Book, open_book
from members.services.points.refusals import OURS

BOOKS = _("The ledger is append-only and its sums are liabilities of the shop: numbers and instants stay, without reasons.")

HOLDS = (
    Holding("points_accounts", _("points accounts"), ("members.PointsAccount",), BOOKS),
    Holding("points_lots", _("points earned together"), ("members.PointsLot",), BOOKS),
    Holding("points_entries", _("points entries"), ("members.LedgerEntry", "members.LotMovement"), BOOKS),
)
ERASED = f"{OURS}erased:"
OF_OURS = frozenset({"id", "member_id", "entry_id", "reverses_id", "order_id", "by"})


def export(*, member_id: int) -> Kept:
    """This function will hand out the account, its lots and every entry."""
    return {
        "points_accounts": own_columns(PointsAccount.objects.filter(pk=member_id), without=OF_OURS),
        "points_lots": own_columns(PointsLot.objects.filter(member_id=member_id).order_by("pk"), without=OF_OURS),
        "points_entries": own_columns(LedgerEntry.objects.filter(member_id=member_id).order_by("pk"), without=OF_OURS),
    }


def erase(*, called: Called, now: datetime) -> None:
    """This function will let all points expire, forgive what is owed, and take every text of others away.

    May come again for points that were under way: they expire likewise.
    """
    member_id = called.member_id
    if not PointsAccount.objects.filter(pk=member_id).exists():
        return
    with open_book(member_id, now=now) as book:
        _let_expire(book)
    mine = LedgerEntry.objects.filter(member_id=member_id)
    mine.update(reason="", reference=unless_ours("reference", OURS, pseudonym(F("pk"))))


def _let_expire(book: Book) -> None:
    account = book.account
    moves = [
        move
        for state in (LotState.PENDING, LotState.AVAILABLE)
        for move in book.take(list(book.lots.values()), getattr(account, state), came_from=state, went_to=LotState.EXPIRED)
    ]
    points = sum(move.points for move in moves) + account.owed
    if points:
        before = LedgerEntry.objects.filter(member_id=account.member_id, reference__startswith=ERASED)
        book.write(
            EntryKind.EXPIRE,
            reference=f"{ERASED}{before.count() + 1}",
            points=points,
            moves=moves,
            owed=-account.owed,
            shortfall=account.owed,
        )
