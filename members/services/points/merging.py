"""Points of a member who turns out to be another: lots and entries move, the two accounts become one, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Model, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.batching import batches
from core.merging import members_of
from core.registry import MemberDataHandler, Moved
from core.sql import insert_rows
from members.models import EntryKind, LedgerEntry, PointsAccount, PointsLot
from members.services.points.book import held_account, settle_members
from members.services.points.holdings import HOLDS, erase, export
from members.services.points.refusals import OURS

KINDS = {"points": gettext_lazy("points"), "points_entries": gettext_lazy("points entries")}
SUMS = ("available", "pending", "owed")
AT_ONCE = 5_000


def preview(*, keep: int, drop: int) -> Mapping[str, int]:
    """This function will count what would move."""
    account = PointsAccount.objects.filter(pk=drop).first()
    entries = LedgerEntry.objects.filter(member_id=drop).count()
    return {"points": account.available + account.pending if account else 0, "points_entries": entries}


def merge(*, keep: int, drop: int, now: datetime) -> Moved:
    """This function will move lots and entries and add the accounts up.

    A reference that both have stands for the kept member's entry from now on; the dropped one's gets another name.
    """
    if not LedgerEntry.objects.filter(member_id=drop).exists() and not PointsAccount.objects.filter(pk=drop).exists():
        return {"lots": [], "entries": []}
    for member_id in sorted((keep, drop)):
        held_account(member_id)
    taken = LedgerEntry.objects.filter(member_id=keep).values("reference")
    clashing = LedgerEntry.objects.filter(member_id=drop, reference__in=taken)
    renamed = dict(clashing.values_list("pk", "reference"))
    for pk in renamed:
        LedgerEntry.objects.filter(pk=pk).update(reference=f"{OURS}merged:{drop}:{pk}")
    moved = {
        "lots": _move(PointsLot, keep, drop),
        "entries": _move(LedgerEntry, keep, drop),
        "renamed": {str(pk): reference for pk, reference in renamed.items()},
    }
    _add_up(keep, drop)
    settle_members([keep], now=now)
    return moved


def undo(*, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
    """This function will give lots and entries back as they now stand.

    Points of both may have paid for one redemption meanwhile: what the entries of each then lack of its lots, an entry on
    either side makes up for, and what one of them owes falls to the one who was kept.
    """
    if not moved.get("entries") and not moved.get("lots"):
        return
    accounts = {member_id: held_account(member_id) for member_id in sorted((keep, drop))}
    for model, ids in ((PointsLot, moved["lots"]), (LedgerEntry, moved["entries"])):
        for chunk in batches(ids, AT_ONCE):
            model.objects.filter(pk__in=chunk, member_id=keep).update(member_id=drop)
    for pk, reference in moved.get("renamed", {}).items():
        LedgerEntry.objects.filter(pk=pk, member_id=drop).update(reference=reference)
    PointsAccount.objects.filter(pk__in=[keep, drop]).update(available=0, pending=0, owed=0)
    _balance(drop, owed=0, now=now)
    _balance(keep, owed=accounts[keep].owed, now=now)
    settle_members([keep, drop], now=now)


def _move(model: type[Model], keep: int, drop: int) -> list[int]:
    rows = model._default_manager.filter(member_id=drop)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    rows.update(member_id=keep)
    return ids


def _add_up(keep: int, drop: int) -> None:
    dropped = PointsAccount.objects.get(pk=drop)
    more = {name: F(name) + getattr(dropped, name) for name in SUMS}
    PointsAccount.objects.filter(pk=keep).update(**more)
    dropped.delete()


def _balance(member_id: int, *, owed: int, now: datetime) -> None:
    """The account is what the lots hold; an entry says what its own entries do not tell of that."""
    lots = PointsLot.objects.filter(member_id=member_id).aggregate(available=Sum("available"), pending=Sum("pending"))
    told = LedgerEntry.objects.filter(member_id=member_id).aggregate(**{name: Sum(name) for name in SUMS})
    held = {"available": int(lots["available"] or 0), "pending": int(lots["pending"] or 0), "owed": owed}
    lacking = {name: held[name] - int(told[name] or 0) for name in SUMS}
    if any(lacking.values()):
        points = max(abs(value) for value in lacking.values())
        number = LedgerEntry.objects.filter(member_id=member_id, kind=EntryKind.TRANSFER).count() + 1
        reference = f"{OURS}parted:{number}"
        row: list[Any] = [member_id, EntryKind.TRANSFER.value, reference, points, *lacking.values(), 0, "", now, ""]
        columns = ["member_id", "kind", "reference", "points", *SUMS, "shortfall", "reason", "at", "by"]
        insert_rows(LedgerEntry, columns, [row])
    PointsAccount.objects.filter(pk=member_id).update(**held)


def left_behind(*, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """This function will find points that hang on a member who is gone."""
    return members_of((PointsAccount.objects.all(), _("still has a points account")), among=holders)


HANDLER = MemberDataHandler(
    "points",
    KINDS,
    preview=preview,
    merge=merge,
    undo=undo,
    left_behind=left_behind,
    holds=HOLDS,
    export=export,
    erase=erase,
)
