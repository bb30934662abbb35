"""Undoing an import by its journal: the last batch first, each batch in one transaction, gone on with where a dead worker
stopped. What somebody changed since, or what others rest on, is kept and counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model, Q
from django.utils import translation

from core.errors import NotFound
from core.locks import LockSpace, lock_for_transaction
from core.registry import RunningJob
from core.sql import insert_rows, update_rows
from members.models import (
    BehaviourEvent,
    Category,
    DirtyMark,
    Import,
    ImportJournal,
    ImportState,
    Member,
    OrderLine,
    Product,
    Shop,
)
from members.services.calendar import keep_writers_out
from members.services.imports import demand_nothing_fired, standing_journal, with_survivors
from members.services.journal import Journal
from members.services.undoing_members import (
    give_back_names,
    give_back_tags,
    give_back_words,
    remove_members,
    restore_members,
)
from members.services.undoing_orders import remove_events, remove_orders, restore_orders
from members.services.undoing_values import Undone


def run_undo(job: RunningJob) -> Mapping[str, Any]:
    """This function will undo an import batch by batch, the last first, and tell what it removed, restored and kept."""
    found = Import.objects.filter(pk=job.params["import"]).first()
    if found is None:
        raise NotFound("There is no such import.")
    with translation.override(found.language or None):
        total = ImportJournal.objects.filter(source=found).count()
        left = standing_journal(found).count()
        while left:
            job.report(total - left, total, state={"left": left})
            _undo_last(job, found, total - left)
            left = standing_journal(found).count()
        done = Import.objects.filter(pk=found.pk, state=ImportState.UNDOING)
        done.update(state=ImportState.UNDONE, undone_at=job.now())
    found.refresh_from_db()
    job.report(total, total)
    return {"import": found.pk, **found.undone}


def _undo_last(job: RunningJob, found: Import, done: int) -> None:
    """The lock of refreshes first: what is worked out from a member goes with it, and a refresh must not write it again."""
    with transaction.atomic():
        lock_for_transaction(LockSpace.REFRESH)
        job.report(done)
        last = standing_journal(found).order_by("-step").first()
        if last is None:
            return
        journal = Journal.decoded(last.entries)
        if journal.shops or journal.products or journal.categories:
            keep_writers_out()  # who found one of them, and has not written yet, would write of what is gone
        if not done:  # once begun it goes through: half of an import would be neither there nor gone
            demand_nothing_fired(found)
        undone = undo_batch(journal, now=job.now())
        ImportJournal.objects.filter(pk=last.pk).update(undone=True, entries="")
        known = Import.objects.values_list("undone", flat=True).get(pk=found.pk)
        Import.objects.filter(pk=found.pk).update(undone=undone.added_to(known))


def undo_batch(journal: Journal, *, now: datetime) -> Undone:
    """This function will take back what a journal tells, inside the caller's transaction.

    1. hold the members, in the order of ids;
    2. remove events and orders that were made, give orders that were changed their former values;
    3. give back names, tags, words on consent, profiles;
    4. remove members that were made and hold nothing, then products, categories and shops that nobody uses;
    5. mark whose facts must be counted again.
    """
    undone = Undone(dirty=set(journal.touched))
    holders = with_survivors(journal.member_ids)
    _held(Member, holders)
    remove_events(journal, undone)
    remove_orders(journal, holders, undone)
    restore_orders(journal, holders, undone)
    give_back_names(journal)
    give_back_tags(journal)
    give_back_words(journal, now=now)
    restore_members(journal, undone)
    remove_members(journal, undone)
    _restore_products(journal, undone)
    _remove_unused(journal, undone)
    left = Member.objects.filter(pk__in=undone.dirty).order_by("pk").values_list("pk")
    insert_rows(DirtyMark, ["member_id"], left)
    return undone


def _held(model: type[Model], ids: Iterable[int]) -> None:
    list(model._default_manager.filter(pk__in=sorted(ids)).order_by("pk").select_for_update().values_list("pk"))


# --- What is sold, and where


def _restore_products(journal: Journal, undone: Undone) -> None:
    told = {pk: (tuple(rest[:2]), tuple(rest[2:])) for pk, *rest in journal.completed}
    now_there = Product.objects.filter(pk__in=told).order_by("pk").select_for_update(of=("self",))
    known = now_there.values_list("pk", "name", "category_id")
    ids = [pk for pk, name, category_id in known if (name, category_id) == told[pk][1]]
    update_rows(Product, "pk", ["name", "category"], [(pk, *told[pk][0]) for pk in ids])
    buyers = OrderLine.objects.filter(product_id__in=ids).values_list("order__member_id", flat=True)
    lookers = BehaviourEvent.objects.filter(product_id__in=ids, category="").values_list("member_id", flat=True)
    undone.dirty |= {*buyers.distinct(), *lookers.distinct()}


def _remove_unused(journal: Journal, undone: Undone) -> None:
    used: tuple[tuple[str, type[Model], Sequence[int], Q], ...] = (
        ("products", Product, journal.products, Q(lines__isnull=False) | Q(events__isnull=False)),
        ("categories", Category, journal.categories, Q(product__isnull=False)),
        ("shops", Shop, journal.shops, Q(order__isnull=False)),
    )
    for name, model, made, in_use in used:
        mine = model._default_manager.filter(pk__in=made)
        keep = set(mine.filter(in_use).values_list("pk", flat=True))
        needless = [pk for pk in made if pk not in keep]
        if needless:
            undone.removed[name] += model._default_manager.filter(pk__in=needless).delete()[0]
