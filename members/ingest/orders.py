"""Writing orders: new ones in one statement, known ones decided row by row on locked rows, both in one transaction.

Locks are always taken in one order - categories, products, shops, members, new orders, known orders, each sorted - so that
calls which share rows wait for one another and never in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from core.errors import FieldProblem
from core.sql import find_rows, insert_rows, update_rows
from members.ingest.normalise import ORDER_KEYS, Surroundings
from members.ingest.resolve import (
    Resolved,
    forget_unused,
    forget_unused_categories,
    resolve_members,
    resolve_products,
    resolve_shops,
)
from members.ingest.result import IngestResult, RejectedRow
from members.ingest.rows import Line, OrderRow, RefundGiven, refunds_exceed_total
from members.models import STATUS_RANK, DirtyMark, Member, Order, OrderLine, Product, Refund, Shop
from members.services.earning.marks import mark_orders
from members.services.journal import Journal

DERIVED = {"placed_day": None, "placed_hour": None, "refunded_minor": 0, "refund_count": 0}
EMPTY: dict[str, Any] = {key.column: key.empty for key in ORDER_KEYS} | DERIVED
"""What a column holds that no row ever stated."""

COLUMNS = ("member_id", *EMPTY)
PERSONAL = ("member_id", "city", "province", "remark")
"""What stays as erasure left it, of an order whose member was erased: its amounts, refunds and status go on being told."""
LINE_COLUMNS = ("order", "position", "product", "sku", "quantity", "unit_price_minor", "amount_minor")
REFUND_COLUMNS = ("order", "position", "amount_minor", "reason", "refunded_at")

OrderKey = tuple[int, str]


@dataclass(slots=True)
class OrderState:
    """An order as it stands while rows are applied to it. `lines` and `refunds` are None until a row states them."""

    values: dict[str, Any]
    lines: list[Line] | None = None
    refunds: list[RefundGiven] | None = None

    def take(self, row: OrderRow, member_id: int) -> FieldProblem | None:
        """This function will apply a row, or return why it cannot be and apply nothing of it."""
        values = {**self.values, **row.stated, "member_id": member_id}
        problem = _status_problem(self.values["status"], values["status"])
        if problem is None and values["refunded_minor"] > values["total_minor"]:
            problem = refunds_exceed_total()
        if problem is None:
            self.values = values
            self.lines = self.lines if row.lines is None else row.lines
            self.refunds = self.refunds if row.refunds is None else row.refunds
        return problem


def _status_problem(known: str | None, stated: str) -> FieldProblem | None:
    if known is None or STATUS_RANK[stated] >= STATUS_RANK[known]:
        return None
    message = _("The order is %(known)s already; a row that says %(stated)s is older than what is known.")
    return FieldProblem("status", "status_goes_back", message % {"known": known, "stated": stated})


@dataclass(slots=True)
class Outcome:
    """What a call did, gathered while it runs."""

    rejected: list[RejectedRow] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    orders: set[int] = field(default_factory=set)
    nobodys: set[int] = field(default_factory=set)
    """Rows, by index, of orders whose member was erased."""
    created: int = 0
    changed: int = 0


def write_orders(rows: Sequence[OrderRow], given: Surroundings, journal: Journal | None = None) -> IngestResult:
    """This function will write cleaned rows and mark their members, inside the caller's transaction.

    1. find or make the products, categories, shops and members that the rows name;
    2. apply the rows of each order one after the other, insert the orders that are new;
    3. lock the others, apply their rows to what is known, update what differs;
    4. mark every member whose orders changed, and every order that may earn.
    """
    products, categories = resolve_products(rows, journal)
    shops = resolve_shops(row.shop for row in rows)
    members = resolve_members((row.member for row in rows), given.now)
    by_order: dict[OrderKey, list[OrderRow]] = {}
    for row in rows:
        by_order.setdefault((shops.ids[row.shop], row.external_id), []).append(row)

    outcome = Outcome()
    writer = OrderWriter(members, products, outcome, journal)
    while by_order:  # again only for an order that somebody deleted between finding and locking it
        by_order = writer.update_known(writer.insert_new(by_order))
    if outcome.rejected or outcome.nobodys:
        _forget_unused(rows, outcome, shops, members, products, categories)
    outcome.touched |= members.made  # a later row of the same order may have taken it from whom the first one made
    insert_rows(DirtyMark, ["member_id"], [(member_id,) for member_id in sorted(outcome.touched)])
    mark_orders(outcome.orders)
    if journal is not None:
        journal.touched += sorted(outcome.touched)
        journal.shells += sorted(members.made)
        journal.shops += sorted(shops.made)
        journal.products += sorted(products.made)
        journal.categories += sorted(categories.made)
    accepted = len(rows) - len(outcome.rejected)
    return IngestResult(accepted, tuple(outcome.rejected), outcome.created, outcome.changed)


@dataclass(slots=True)
class OrderWriter:
    members: Resolved
    products: Resolved
    outcome: Outcome
    journal: Journal | None = None

    def apply(self, state: OrderState, rows: Iterable[OrderRow]) -> None:
        for row in rows:
            problem = state.take(row, self.members.ids[row.member])
            if problem is not None:
                self.outcome.rejected.append(RejectedRow(row.index, (problem,)))

    def insert_new(self, by_order: dict[OrderKey, list[OrderRow]]) -> dict[OrderKey, list[OrderRow]]:
        """This function will insert every order that is not there yet and return the rows of those that are."""
        # Of many most may be known, and each try would cost; a single one is tried, which finds out just as well.
        known_ids = _ids_of(by_order) if len(by_order) > 1 else {}
        fresh = {}
        for key in sorted(by_order):
            if key not in known_ids:
                fresh[key] = OrderState(EMPTY)
        rejected_before = len(self.outcome.rejected)
        for key, state in fresh.items():
            self.apply(state, by_order[key])
        ids = _insert(fresh)
        self._forget_rejections_of_rivals(rejected_before, by_order, fresh, ids)
        self._write_lists({pk: fresh[key] for key, pk in ids.items()})
        self.outcome.created += len(ids)
        self.outcome.touched.update(fresh[key].values["member_id"] for key in ids)
        self.outcome.orders.update(ids.values())
        if self.journal is not None:
            self.journal.orders_made((pk, fresh[key].values, fresh[key].lines) for key, pk in ids.items())
        return {key: rows for key, rows in by_order.items() if key not in ids}

    def _forget_rejections_of_rivals(
        self,
        before: int,
        by_order: dict[OrderKey, list[OrderRow]],
        fresh: dict[OrderKey, OrderState],
        ids: dict[OrderKey, int],
    ) -> None:
        """An order that a rival inserted first is decided again, on what the rival wrote."""
        again = {row.index for key in fresh if key not in ids for row in by_order[key]}
        if again:
            kept = [refused for refused in self.outcome.rejected[before:] if refused.index not in again]
            self.outcome.rejected[before:] = kept

    def update_known(self, by_order: dict[OrderKey, list[OrderRow]]) -> dict[OrderKey, list[OrderRow]]:
        """This function will lock known orders, apply their rows, write what differs; return the rows of the vanished."""
        if not by_order:
            return {}
        ids = _ids_of(by_order)
        rows_of = {pk: by_order[key] for key, pk in ids.items()}
        locked, nobodys = _lock(rows_of)
        self.outcome.nobodys.update(row.index for pk in nobodys for row in rows_of[pk])
        changed: dict[int, OrderState] = {}
        for pk, values in locked.items():
            state = OrderState(values)
            self.apply(state, rows_of[pk])
            if pk in nobodys:
                state.values = {**state.values, **{name: values[name] for name in PERSONAL}}
            if state.values != values or state.lines is not None or state.refunds is not None:
                changed[pk] = state
        relisted, former = self._replace_lists(changed)
        updated = {pk: state for pk, state in changed.items() if state.values != locked[pk]}
        update_rows(Order, "pk", COLUMNS, [(pk, *_in_order(state)) for pk, state in updated.items()])
        touched = updated.keys() | relisted
        self.outcome.changed += len(touched)
        self.outcome.orders |= touched
        for pk in sorted(touched):
            self._note_change(pk, locked[pk], changed[pk], former.get(pk, {}))
            self.outcome.touched |= {locked[pk]["member_id"], changed[pk].values["member_id"]}
        return {key: rows for key, rows in by_order.items() if ids.get(key) not in locked}

    def _note_change(self, pk: int, before: dict[str, Any], state: OrderState, lists: dict[str, list[ListRow]]) -> None:
        if self.journal is not None:
            lines = None if state.lines is None else _sums(state.lines)
            self.journal.order_changed(pk, before, state.values, lists=lists, lines=lines)

    def _write_lists(self, states: dict[int, OrderState]) -> None:
        lines = [line for pk, state in states.items() for line in self._line_rows(pk, state)]
        refunds = [refund for pk, state in states.items() for refund in _refund_rows(pk, state)]
        insert_rows(OrderLine, LINE_COLUMNS, lines)
        insert_rows(Refund, REFUND_COLUMNS, refunds)

    def _line_rows(self, pk: int, state: OrderState) -> list[tuple[Any, ...]]:
        ids = self.products.ids
        return [(pk, place, ids[line[0]], *line[1:]) for place, line in enumerate(state.lines or ())]

    def _replace_lists(self, states: dict[int, OrderState]) -> tuple[set[int], dict[int, dict[str, list[ListRow]]]]:
        """This function will replace the lines and refunds that differ, and return whose did and what stood there."""
        lines = _stored(OrderLine, LINE_COLUMNS, [pk for pk, state in states.items() if state.lines is not None])
        refunds = _stored(Refund, REFUND_COLUMNS, [pk for pk, state in states.items() if state.refunds is not None])
        new_lines = {pk: self._line_rows(pk, state) for pk, state in states.items() if state.lines is not None}
        new_refunds = {pk: _refund_rows(pk, state) for pk, state in states.items() if state.refunds is not None}
        other_lines = _replace(OrderLine, LINE_COLUMNS, lines, new_lines)
        other_refunds = _replace(Refund, REFUND_COLUMNS, refunds, new_refunds)
        former: dict[int, dict[str, list[ListRow]]] = {}
        for name, old, differing in (("lines", lines, other_lines), ("refunds", refunds, other_refunds)):
            for pk in differing:
                former.setdefault(pk, {})[name] = [row[1:] for row in old[pk]]
        return other_lines | other_refunds, former


ListRow = tuple[Any, ...]


def _sums(lines: Iterable[Line]) -> Iterable[tuple[int, int]]:
    return ((line.quantity, line.amount_minor) for line in lines)


def _refund_rows(pk: int, state: OrderState) -> list[ListRow]:
    return [(pk, place, *refund) for place, refund in enumerate(state.refunds or ())]


def _ids_of(keys: Iterable[OrderKey]) -> dict[OrderKey, int]:
    found = find_rows(Order, ["shop", "external_id"], keys, returning=["shop", "external_id", "pk"])
    return {(shop, external_id): pk for shop, external_id, pk in found}


def _insert(fresh: dict[OrderKey, OrderState]) -> dict[OrderKey, int]:
    rows = [(*key, *_in_order(state)) for key, state in fresh.items() if state.values is not EMPTY]
    made = insert_rows(
        Order,
        ["shop", "external_id", *COLUMNS],
        rows,
        conflict=["shop", "external_id"],
        returning=["shop", "external_id", "pk"],
    )
    return {(shop, external_id): pk for shop, external_id, pk in made}


def _in_order(state: OrderState) -> list[Any]:
    values = state.values
    return [values[column] for column in COLUMNS]


def _lock(ids: Iterable[int]) -> tuple[dict[int, dict[str, Any]], set[int]]:
    """The orders, and which of them are of members who were erased. SQLite has no row locks and needs none: its write
    transactions are alone."""
    locked = Order.objects.filter(pk__in=list(ids)).order_by("pk").select_for_update(no_key=True, of=("self",))
    found, nobodys = {}, set()
    for pk, erased_at, *values in locked.values_list("pk", "member__erased_at", *COLUMNS):
        found[pk] = dict(zip(COLUMNS, values, strict=True))
        if erased_at is not None:
            nobodys.add(pk)
    return found, nobodys


def _stored(model: Any, columns: Sequence[str], orders: list[int]) -> dict[int, list[ListRow]]:
    stored: dict[int, list[ListRow]] = {pk: [] for pk in orders}
    for row in model.objects.filter(order_id__in=orders).order_by("order_id", "position").values_list(*columns):
        stored[row[0]].append(row)
    return stored


def _replace(model: Any, columns: Sequence[str], old: dict[int, list[ListRow]], new: dict[int, list[ListRow]]) -> set[int]:
    differing = {pk for pk, rows in new.items() if rows != old[pk]}
    if differing:
        model.objects.filter(order_id__in=differing).delete()
        insert_rows(model, columns, [row for pk in sorted(differing) for row in new[pk]])
    return differing


def _forget_unused(
    rows: Sequence[OrderRow],
    outcome: Outcome,
    shops: Resolved,
    members: Resolved,
    products: Resolved,
    categories: Resolved,
) -> None:
    refused = {row.index for row in outcome.rejected}
    kept = [row for row in rows if row.index not in refused]
    forget_unused(Shop, shops, {row.shop for row in kept})
    forget_unused(Member, members, {row.member for row in kept if row.index not in outcome.nobodys})
    forget_unused(Product, products, {code for row in kept for code in row.products})
    forget_unused_categories(categories)
