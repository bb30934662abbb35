"""One member's points, held and open: what stands in the lots, and the pen that writes entries.

Everything that moves points of single members goes through a `Book`: its account row is locked first, what is due by now
(release, expiry) is written before anything else, and lots and account are written back once, at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from core.sql import insert_rows, update_rows
from members.models import DirtyMark, EntryKind, LedgerEntry, LotMovement, LotState, PointsAccount, PointsLot
from members.services.points.refusals import OURS

AMOUNTS = ("pending", "available", "spent", "expired", "reversed")
OPEN = Q(available__gt=0) | Q(pending__gt=0)


@dataclass(frozen=True, slots=True)
class Move:
    """`points` of a lot from one state to another."""

    lot: PointsLot
    points: int
    came_from: str
    went_to: str


@dataclass(slots=True)
class Book:
    account: PointsAccount
    now: datetime
    lots: dict[int, PointsLot]
    had: int
    _changed: set[int] = field(default_factory=set)

    def spendable(self) -> list[PointsLot]:
        """This function will list the lots that can be spent from: what expires soonest first, then the oldest."""
        usable = [lot for lot in self.lots.values() if lot.available > 0]
        return sorted(usable, key=lambda lot: (lot.expires_at is None, lot.expires_at or self.now, lot.pk))

    def take(self, lots: Iterable[PointsLot], points: int, *, came_from: str, went_to: str) -> list[Move]:
        """This function will plan to take up to `points` from lots, in their order."""
        moves = []
        for lot in lots:
            some = min(points, getattr(lot, came_from))
            if some > 0:
                moves.append(Move(lot, some, came_from, went_to))
                points -= some
        return moves

    def new_lot(self, points: int, *, entry: LedgerEntry, expires_at: datetime | None) -> Move:
        """This function will make a lot of available points that come of `entry`, and return their movement into it."""
        lot = PointsLot.objects.create(
            member_id=self.account.member_id,
            entry=entry,
            granted=points,
            available=points,
            earned_at=self.now,
            expires_at=expires_at,
        )
        self.hold([lot])
        return Move(lot, points, "", LotState.AVAILABLE)

    def hold(self, lots: Iterable[PointsLot]) -> None:
        """This function will add lots that are not open to those that may be moved."""
        for lot in lots:
            self.lots.setdefault(lot.pk, lot)

    def write(
        self,
        kind: EntryKind,
        *,
        reference: str,
        points: int,
        moves: list[Move],
        owed: int = 0,
        shortfall: int = 0,
        reason: str = "",
        by: str = "",
        order_id: int | None = None,
        rule_id: int | None = None,
        reverses: LedgerEntry | None = None,
    ) -> LedgerEntry:
        """This function will write an entry with its movements and carry them into lots and account."""
        entry = LedgerEntry.objects.create(
            member_id=self.account.member_id,
            kind=kind,
            reference=reference,
            points=points,
            available=_sum(moves, LotState.AVAILABLE),
            pending=_sum(moves, LotState.PENDING),
            owed=owed,
            shortfall=shortfall,
            reason=reason,
            at=self.now,
            by=by,
            order_id=order_id,
            rule_id=rule_id,
            reverses=reverses,
        )
        rows = [(entry.pk, move.lot.pk, move.points, move.came_from, move.went_to) for move in moves]
        insert_rows(LotMovement, ["entry", "lot", "points", "came_from", "went_to"], rows)
        for move in moves:
            self._carry(move)
        self.account.available += entry.available
        self.account.pending += entry.pending
        self.account.owed += owed
        return entry

    def _carry(self, move: Move) -> None:
        if not move.came_from:
            return  # a new lot was saved with its points
        setattr(move.lot, move.came_from, getattr(move.lot, move.came_from) - move.points)
        setattr(move.lot, move.went_to, getattr(move.lot, move.went_to) + move.points)
        self._changed.add(move.lot.pk)

    def put_off(self, lot: PointsLot, expires_at: datetime) -> None:
        """This function will let a lot expire later."""
        lot.expires_at = expires_at
        self._changed.add(lot.pk)

    def settle(self) -> None:
        """This function will write what is due by now as it came about: what was released pays debts before it expires."""
        for lot, released in due(self.lots.values(), now=self.now):
            if released and lot.pending:
                move = Move(lot, lot.pending, LotState.PENDING, LotState.AVAILABLE)
                self.write(EntryKind.RELEASE, reference=release_reference(lot.pk), points=move.points, moves=[move])
                self.repay()
            elif not released and lot.available:
                move = Move(lot, lot.available, LotState.AVAILABLE, LotState.EXPIRED)
                reference = expiry_reference(lot.pk, lot.expired)
                self.write(EntryKind.EXPIRE, reference=reference, points=move.points, moves=[move])
        self.repay()

    def repay(self) -> None:
        """This function will set what is available off against what is owed."""
        points = min(self.account.owed, self.account.available)
        if points:
            moves = self.take(self.spendable(), points, came_from=LotState.AVAILABLE, went_to=LotState.SPENT)
            number = LedgerEntry.objects.filter(member_id=self.account.member_id, kind=EntryKind.REPAY).count()
            self.write(EntryKind.REPAY, reference=f"{OURS}repay:{number + 1}", points=points, moves=moves, owed=-points)

    def close(self) -> None:
        """This function will write lots and account as they now stand; who can spend more or less now is marked."""
        rows = [
            (lot.pk, *(getattr(lot, name) for name in AMOUNTS), lot.expires_at)
            for lot in (self.lots[pk] for pk in sorted(self._changed))
        ]
        update_rows(PointsLot, "id", [*AMOUNTS, "expires_at"], rows)
        if self.account.available != self.had:
            insert_rows(DirtyMark, ["member_id"], [(self.account.member_id,)])
        self.account.save(update_fields=["available", "pending", "owed"])


def due(lots: Iterable[PointsLot], *, now: datetime) -> list[tuple[PointsLot, bool]]:
    """This function will list what time has done to lots by `now`, in its order: (lot, True for a release, or an expiry)."""
    happened = []
    for lot in lots:
        for instant, released in ((lot.releases_at, True), (lot.expires_at, False)):
            if instant is not None and instant <= now:
                happened.append((instant, not released, lot.pk, lot))
    return [(lot, not expired) for _instant, expired, _pk, lot in sorted(happened, key=lambda each: each[:3])]


@contextmanager
def open_book(member_id: int, *, now: datetime) -> Iterator[Book]:
    """This function will hold a member's points for the block, with what is due by `now` written already.

    All or nothing: an error in the block undoes everything. Who opens several books in one transaction opens them in the
    order of member ids.
    """
    with transaction.atomic():
        book = Book(account := held_account(member_id), now, {}, account.available)
        book.hold(PointsLot.objects.filter(OPEN, member_id=member_id))
        book.settle()
        yield book
        book.close()


def settle_members(members: Iterable[int], *, now: datetime) -> None:
    """This function will write what is due of some members, one after the other: what is owed differs with each of them."""
    for member_id in sorted(members):
        with open_book(member_id, now=now):
            pass  # opening a book settles it


def held_account(member_id: int) -> PointsAccount:
    """This function will return a member's account, made where there is none, locked until the transaction ends."""
    return held_accounts({member_id})[member_id]


def held_accounts(members: Collection[int]) -> dict[int, PointsAccount]:
    """This function will return the accounts of members, likewise, locked in the order of member ids."""
    held: dict[int, PointsAccount] = {}
    while len(held) < len(members):  # again for an account that a merge took away between making and locking it
        with transaction.atomic():
            known = set(PointsAccount.objects.filter(pk__in=members).values_list("pk", flat=True))
            fresh = [(member_id, 0, 0, 0) for member_id in sorted(set(members) - known)]
            insert_rows(PointsAccount, ["member_id", "available", "pending", "owed"], fresh, conflict=["member_id"])
            locked = PointsAccount.objects.filter(pk__in=members).order_by("pk").select_for_update()
            held = {account.pk: account for account in locked}
            # What was locked is let go first: the account that is missing may stand before it.
            transaction.set_rollback(len(held) < len(members))
    return held


def release_reference(lot_id: int) -> str:
    """Points of a lot become available once."""
    return f"{OURS}release:{lot_id}"


def expiry_reference(lot_id: int, expired_before: int) -> str:
    """A lot expires again when something was given back to it too late; what expired before tells the two apart."""
    return f"{OURS}expire:{lot_id}:{expired_before}"


def entry_under(member_id: int, reference: str) -> LedgerEntry | None:
    """This function will find what a reference stands for."""
    return LedgerEntry.objects.filter(member_id=member_id, reference=reference).first()


def _sum(moves: list[Move], state: LotState) -> int:
    came = sum(move.points for move in moves if move.went_to == state)
    return came - sum(move.points for move in moves if move.came_from == state)
