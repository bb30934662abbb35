"""Orders and events of an import that is undone: what it made goes, what it changed gets its former values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Count, Sum

from core.sql import insert_rows, update_rows
from members.models import BehaviourEvent, Member, Order, OrderLine, Product, Refund
from members.services.earning.marks import mark_events, mark_orders
from members.services.journal import ORDER_MARKED, Journal, order_mark_of
from members.services.undoing_values import Undone, Values, delete_rows, read_back, row_back, with_days

LINE_COLUMNS = ("position", "product", "sku", "quantity", "unit_price_minor", "amount_minor")
REFUND_COLUMNS = ("position", "amount_minor", "reason", "refunded_at")
ORDER_COLUMNS = ("member_id", *ORDER_MARKED, "placed_day", "placed_hour")


def remove_events(journal: Journal, undone: Undone) -> None:
    """This function will remove the events that were made."""
    mine = BehaviourEvent.objects.filter(pk__in=journal.events)
    undone.dirty |= set(mine.values_list("member_id", flat=True))
    mark_events(list(mine.values_list("pk", "kind")))
    undone.removed["events"] += mine.delete()[0]


def remove_orders(journal: Journal, holders: Collection[int], undone: Undone) -> None:
    """This function will remove the orders that were made and that nobody changed since; one that was given to a member of
    whom the batch knows nothing was changed."""
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
        delete_rows(model, "order_id", untouched)
    delete_rows(Order, "id", untouched)
    mark_orders(untouched)
    undone.removed["orders"] += len(untouched)


def restore_orders(journal: Journal, holders: Collection[int], undone: Undone) -> None:
    """This function will give orders that were changed their former values, lines and refunds, unless changed again."""
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
        rows[pk] = with_days({**values, **read_back(Order, entry["before"])}, "placed_at")
        undone.dirty |= {values["member_id"], rows[pk]["member_id"]}
    update_rows(Order, "pk", ORDER_COLUMNS, [(pk, *(values[name] for name in ORDER_COLUMNS)) for pk, values in rows.items()])
    for name, model, columns in (("lines", OrderLine, LINE_COLUMNS), ("refunds", Refund, REFUND_COLUMNS)):
        listed = [pk for pk in rows if name in told[pk]]
        model._default_manager.filter(order_id__in=listed).delete()
        insert_rows(
            model, ["order", *columns], [(pk, *row_back(model, columns, row)) for pk in listed for row in told[pk][name]]
        )
    mark_orders(rows)
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
