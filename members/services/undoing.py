"""Undoing an import by its journal: the last batch first, each batch in one transaction, gone on with where a dead worker
stopped. What somebody changed since, or what others rest on, is kept and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Count, Model, Q, Sum
from django.utils import translation

from core.batching import batches
from core.conf import shop_zone
from core.errors import NotFound
from core.locks import LockSpace, lock_for_transaction
from core.periods import day_number, hour_of_day
from core.registry import RunningJob, member_ties
from core.sql import find_rows, insert_rows, update_rows
from members.models import (
    BehaviourEvent,
    Category,
    Consent,
    DirtyMark,
    Identifier,
    Import,
    ImportJournal,
    ImportState,
    Member,
    MemberTag,
    Order,
    OrderLine,
    Product,
    Purpose,
    Refund,
    Shop,
)
from members.services.calendar import keep_writers_out
from members.services.imports import demand_nothing_fired, standing_journal, with_survivors
from members.services.journal import (
    ATTRIBUTE,
    MEMBER_MARKED,
    ORDER_MARKED,
    Journal,
    member_mark,
    order_mark_of,
    plain,
    same,
)

AT_ONCE = 2_000
LINE_COLUMNS = ("position", "product", "sku", "quantity", "unit_price_minor", "amount_minor")
REFUND_COLUMNS = ("position", "amount_minor", "reason", "refunded_at")
ORDER_COLUMNS = ("member_id", *ORDER_MARKED, "placed_day", "placed_hour")
MEMBER_COLUMNS = (*MEMBER_MARKED, "registered_day")
TOGETHER = ("birth_key", "birth_year")
DERIVED = frozenset({"placed_day", "placed_hour", "registered_day"})
"""What follows from an instant, and is worked out anew from it."""

Values = dict[str, Any]


@dataclass(slots=True)
class Undone:
    """What became of a batch: rows removed and restored by kind, and kept by why."""

    removed: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    dirty: set[int] = field(default_factory=set)

    def added_to(self, known: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
        told = {"removed": self.removed, "restored": self.restored, "kept": self.kept}
        return {name: {**(Counter(known.get(name, {})) + counter)} for name, counter in told.items()}


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
        demand_nothing_fired(found, member_ids=sorted(journal.member_ids))
        undone = undo_batch(journal)
        ImportJournal.objects.filter(pk=last.pk).update(undone=True, entries="")
        known = Import.objects.values_list("undone", flat=True).get(pk=found.pk)
        Import.objects.filter(pk=found.pk).update(undone=undone.added_to(known))


def undo_batch(journal: Journal) -> Undone:
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
    _remove_events(journal, undone)
    _remove_orders(journal, holders, undone)
    _restore_orders(journal, holders, undone)
    _give_back_names(journal)
    _give_back_tags(journal)
    _give_back_words(journal)
    _restore_members(journal, undone)
    _remove_members(journal, undone)
    _restore_products(journal, undone)
    _remove_unused(journal, undone)
    left = Member.objects.filter(pk__in=undone.dirty).order_by("pk").values_list("pk")
    insert_rows(DirtyMark, ["member_id"], left)
    return undone


def _held(model: type[Model], ids: Iterable[int]) -> None:
    list(model._default_manager.filter(pk__in=sorted(ids)).order_by("pk").select_for_update().values_list("pk"))


# --- Events and orders


def _remove_events(journal: Journal, undone: Undone) -> None:
    mine = BehaviourEvent.objects.filter(pk__in=journal.events)
    undone.dirty |= set(mine.values_list("member_id", flat=True))
    undone.removed["events"] += mine.delete()[0]


def _remove_orders(journal: Journal, holders: Collection[int], undone: Undone) -> None:
    """An order that somebody gave to a member of whom the batch knows nothing was changed since."""
    marks = dict(journal.orders)
    orders, lines = _orders(marks), _line_sums(marks)
    untouched = [
        pk
        for pk, values in orders.items()
        if values["member_id"] in holders and order_mark_of(values, lines.get(pk, (0, 0, 0))) == marks[pk]
    ]
    undone.kept["changed_orders"] += len(orders) - len(untouched)
    undone.dirty |= {orders[pk]["member_id"] for pk in untouched}
    for model in (OrderLine, Refund):
        _delete(model, "order_id", untouched)
    _delete(Order, "id", untouched)
    undone.removed["orders"] += len(untouched)


def _restore_orders(journal: Journal, holders: Collection[int], undone: Undone) -> None:
    told = {each["id"]: each for each in journal.changed_orders}
    orders, lines = _orders(told), _line_sums(told)
    there = _there(told.values())
    rows: dict[int, Values] = {}
    for pk, values in orders.items():
        entry = told[pk]
        sums = lines.get(pk, (0, 0, 0)) if entry["told_lines"] else None
        stands = values["member_id"] in holders and order_mark_of(values, sums) == entry["mark"]
        if not (stands and there(entry)):
            undone.kept["changed_orders"] += 1
            continue
        rows[pk] = _with_days({**values, **_read(Order, entry["before"])}, "placed_at")
        undone.dirty |= {values["member_id"], rows[pk]["member_id"]}
    update_rows(Order, "pk", ORDER_COLUMNS, [(pk, *(values[name] for name in ORDER_COLUMNS)) for pk, values in rows.items()])
    for name, model, columns in (("lines", OrderLine, LINE_COLUMNS), ("refunds", Refund, REFUND_COLUMNS)):
        listed = [pk for pk in rows if name in told[pk]]
        model._default_manager.filter(order_id__in=listed).delete()
        insert_rows(
            model, ["order", *columns], [(pk, *_row(model, columns, row)) for pk in listed for row in told[pk][name]]
        )
    undone.restored["orders"] += len(rows)


def _orders(ids: Iterable[int]) -> dict[int, Values]:
    held = Order.objects.filter(pk__in=sorted(ids)).order_by("pk").select_for_update(of=("self",))
    return {pk: dict(zip(ORDER_COLUMNS, values, strict=True)) for pk, *values in held.values_list("pk", *ORDER_COLUMNS)}


def _line_sums(ids: Iterable[int]) -> dict[int, tuple[int, int, int]]:
    lines = OrderLine.objects.filter(order_id__in=sorted(ids)).values_list("order_id")
    summed = lines.annotate(Count("id"), Sum("quantity"), Sum("amount_minor")).order_by("order_id")
    return {pk: (count, pieces, amount) for pk, count, pieces, amount in summed}


def _there(entries: Collection[Mapping[str, Any]]) -> Any:
    """Whether what an order's former values name is still there: the member it was of, the products of its lines."""
    members = {each["before"]["member_id"] for each in entries if "member_id" in each["before"]}
    products = {row[1] for each in entries for row in each.get("lines", ())}
    known_members = set(Member.objects.filter(pk__in=members).values_list("pk", flat=True))
    known_products = set(Product.objects.filter(pk__in=products).values_list("pk", flat=True))

    def there(entry: Mapping[str, Any]) -> bool:
        member = entry["before"].get("member_id")
        return (member is None or member in known_members) and all(
            row[1] in known_products for row in entry.get("lines", ())
        )

    return there


def _read(model: type[Model], before: Mapping[str, Any]) -> Values:
    return {name: _value(model, name, value) for name, value in before.items() if name not in DERIVED}


def _value(model: type[Model], name: str, value: Any) -> Any:
    if value is None or name.endswith("_id"):
        return value
    return model._meta.get_field(name).to_python(value)  # type: ignore[union-attr]


def _row(model: type[Model], columns: Sequence[str], row: Sequence[Any]) -> list[Any]:
    return [_value(model, name, value) if name.endswith("_at") else value for name, value in zip(columns, row, strict=True)]


def _with_days(values: Values, name: str) -> Values:
    """The zone of the shop may be another one than when the values were kept."""
    instant: datetime | None = values[name]
    day = None if instant is None else day_number(instant, shop_zone())
    if name == "placed_at":
        assert instant is not None
        return {**values, "placed_day": day, "placed_hour": hour_of_day(instant, shop_zone())}
    return {**values, "registered_day": day}


# --- What members are called and allow


def _give_back_names(journal: Journal) -> None:
    Identifier.objects.filter(pk__in=journal.names_gained).delete()
    known = _existing(row[3] for row in journal.names_lost)
    lost = [row for row in journal.names_lost if row[3] in known]
    key = ["source", "kind", "value"]
    insert_rows(Identifier, [*key, "member"], lost, conflict=key)


def _give_back_tags(journal: Journal) -> None:
    gained = find_rows(MemberTag, ["member", "tag"], journal.tags_gained, returning=["pk"])
    MemberTag.objects.filter(pk__in=[pk for (pk,) in gained]).delete()
    known = _existing(pk for pk, _tag in journal.tags_lost)
    lost = [(pk, tag) for pk, tag in journal.tags_lost if pk in known]
    insert_rows(MemberTag, ["member", "tag"], lost, conflict=["member", "tag"])


def _give_back_words(journal: Journal) -> None:
    """A word that was said again since stays."""
    told = {(each["member"], each["channel"]): each for each in journal.consents}
    said = Consent.objects.filter(member_id__in={pk for pk, _channel in told}, purpose=Purpose.MARKETING)
    gone: list[int] = []
    former: list[tuple[Any, ...]] = []
    for pk, member_id, channel, *word in said.values_list("pk", "member_id", "channel", "granted", "proof", "changed_at"):
        entry = told.get((member_id, channel))
        if entry is None or [*map(plain, word)] != entry["after"]:
            continue
        if entry["before"]:
            former.append((pk, *_row(Consent, ("granted", "proof", "changed_at"), entry["before"])))
        else:
            gone.append(pk)
    Consent.objects.filter(pk__in=gone).delete()
    update_rows(Consent, "pk", ["granted", "proof", "changed_at"], former)


def _existing(ids: Iterable[int]) -> set[int]:
    return set(Member.objects.filter(pk__in=set(ids)).values_list("pk", flat=True))


# --- Profiles


def _profiles(ids: Iterable[int]) -> dict[int, Values]:
    rows = Member.objects.filter(pk__in=sorted(ids)).order_by("pk").values_list("pk", *MEMBER_COLUMNS)
    return {pk: dict(zip(MEMBER_COLUMNS, values, strict=True)) for pk, *values in rows}


def _write_profiles(rows: Mapping[int, Values]) -> None:
    told = [(pk, *(values[name] for name in MEMBER_COLUMNS)) for pk, values in rows.items()]
    update_rows(Member, "pk", MEMBER_COLUMNS, told)


def _restore_members(journal: Journal, undone: Undone) -> None:
    """Column by column: what the import wrote and nobody wrote over gets its former value."""
    told = dict(journal.changed_members)
    rows: dict[int, Values] = {}
    for pk, values in _profiles(told).items():
        columns = told[pk]
        mine = {name for name, (_before, after) in columns.items() if name not in DERIVED and _stands(values, name, after)}
        if not mine.issuperset(name for name in TOGETHER if name in columns):
            mine -= {*TOGETHER}
        if len(mine) < sum(name not in DERIVED for name in columns):
            undone.kept["changed_members"] += 1
        if mine:
            rows[pk] = _restored(values, {name: columns[name][0] for name in mine})
    _write_profiles(rows)
    undone.restored["members"] += len(rows)


def _stands(values: Values, name: str, after: Any) -> bool:
    if name.startswith(ATTRIBUTE):
        return same(values["attributes"].get(name.removeprefix(ATTRIBUTE)), after)
    return bool(plain(values[name]) == after)


def _restored(values: Values, before: Mapping[str, Any]) -> Values:
    attributes = dict(values["attributes"])
    for name, value in before.items():
        if name.startswith(ATTRIBUTE):
            attributes.pop(name.removeprefix(ATTRIBUTE), None)
            if value is not None:
                attributes[name.removeprefix(ATTRIBUTE)] = value
    columns = {name: value for name, value in before.items() if not name.startswith(ATTRIBUTE)}
    return _with_days({**values, **_read(Member, columns), "attributes": attributes}, "registered_at")


def _remove_members(journal: Journal, undone: Undone) -> None:
    """A member whom the import made goes when nothing is left of it; one that others know too only loses its profile."""
    marks = dict(journal.members)
    profiles = _profiles({*marks, *journal.shells})
    mine = {pk for pk in marks if pk in profiles and member_mark(profiles[pk]) == marks[pk]}
    undone.kept["changed_members"] += sum(pk in profiles and pk not in mine for pk in marks)
    blank = {pk for pk in journal.shells if pk in profiles and _is_blank(profiles[pk])}
    undone.kept["changed_members"] += sum(pk in profiles and pk not in blank for pk in journal.shells)
    candidates = mine | blank
    held = _holding(candidates)
    _write_profiles({pk: _blank(profiles[pk]) for pk in sorted(mine & held)})
    undone.kept["held_members"] += len(held)
    undone.removed["members"] += _delete_members(sorted(candidates - held))


def _blank(values: Values) -> Values:
    return {name: Member._meta.get_field(name).get_default() for name in values}  # type: ignore[union-attr]


def _is_blank(values: Values) -> bool:
    return all(value in ("", None) or value == {} for value in values.values())


def _holding(ids: set[int]) -> set[int]:
    """Who still holds something: rows of this app, whatever hangs there by a foreign key, what other apps gave."""
    held: set[int] = set()
    for chunk in batches(sorted(ids), AT_ONCE):
        for model in _models_of_members():
            rows = model._default_manager.filter(member_id__in=chunk)
            held |= set(rows.order_by().values_list("member_id", flat=True).distinct())
        for ties in member_ties:
            held |= ties.holding(chunk)
    return held


def _models_of_members() -> list[type[Model]]:
    mine = apps.get_app_config("members").get_models()
    columns = ((model, {each.attname for each in model._meta.concrete_fields}) for model in mine if model is not DirtyMark)
    return [model for model, names in columns if "member_id" in names and model._meta.managed]


def _delete_members(ids: Sequence[int]) -> int:
    for chunk in batches(ids, AT_ONCE):
        for ties in member_ties:
            ties.clear(chunk)
    _delete(Member, "id", ids)
    return len(ids)


def _delete(model: type[Model], column: str, ids: Sequence[int]) -> None:
    """Without Django's cascade, which would load every row, and delete what nobody thought of: the database refuses."""
    table = connection.ops.quote_name(model._meta.db_table)
    for chunk in batches(ids, AT_ONCE):
        places = ", ".join(["%s"] * len(chunk))
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE {column} IN ({places})", chunk)


# --- What is sold, and where


def _restore_products(journal: Journal, undone: Undone) -> None:
    told = {pk: (tuple(rest[:2]), tuple(rest[2:])) for pk, *rest in journal.completed}
    now_there = Product.objects.filter(pk__in=told).order_by("pk").select_for_update(of=("self",))
    rows = [
        (pk, *told[pk][0])
        for pk, *values in now_there.values_list("pk", "name", "category_id")
        if tuple(values) == told[pk][1]
    ]
    update_rows(Product, "pk", ["name", "category"], rows)
    buyers = OrderLine.objects.filter(product_id__in=[row[0] for row in rows]).values_list("order__member_id", flat=True)
    undone.dirty |= set(buyers.distinct())


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
