"""From the names that rows use to ids: what is not known yet is made, once, however many ingest at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Model

from core.batching import batches
from core.sql import find_rows, insert_from_select, insert_rows, update_rows
from members.ingest.members import EMPTY
from members.ingest.merged import answering, held_answering
from members.ingest.rows import ProductStated
from members.models import BehaviourEvent, Category, DirtyMark, Member, OrderLine, Product, Shop, random_bucket
from members.services.journal import Journal


@dataclass(slots=True)
class Resolved:
    """Ids by name, and which of them this call made."""

    ids: dict[str, int]
    made: set[int] = field(default_factory=set)


class NamesProducts(Protocol):
    """A row of whatever kind that tells of products, by their codes."""

    @property
    def products(self) -> Mapping[str, ProductStated]: ...


def resolve(model: type[Model], key: str, names: Iterable[str], others: Mapping[str, Mapping[str, Any]]) -> Resolved:
    """This function will find the ids of `names` and insert the missing ones.

    `others` gives the further columns of a new row: {column: {name: value}}. Names are inserted in sorted order, so that two
    calls that make the same names wait for one another and never in a circle; what a rival made meanwhile is found again.
    """
    wanted = sorted(set(names))
    ids = dict(_found(model, key, wanted))
    missing = [name for name in wanted if name not in ids]
    if not missing:
        return Resolved(ids)
    rows = [(name, *(values[name] for values in others.values())) for name in missing]
    made = dict(insert_rows(model, [key, *others], rows, conflict=[key], returning=[key, "pk"]))
    rivals = [name for name in missing if name not in made]
    return Resolved({**ids, **made, **_found(model, key, rivals)}, set(made.values()))


def _found(model: type[Model], key: str, names: list[str]) -> dict[str, int]:
    return dict(find_rows(model, [key], [(name,) for name in names], returning=[key, "pk"]))


def resolve_members(external_ids: Iterable[str], now: datetime) -> Resolved:
    """This function will find members by external id; an unknown one becomes a member of whom nothing else is known.

    They are held until the transaction ends: nobody can be merged away between our look and our writing. An id that was
    merged is the member who answers for it; it never becomes a member anew, also not where the merge commits meanwhile.
    """
    missing = sorted(set(external_ids))
    resolved = Resolved({})
    while missing:
        resolved.ids.update(find_rows(Member, ["external_id"], _keys(missing), returning=["external_id", "pk"], held=True))
        unknown = [name for name in missing if name not in resolved.ids]
        resolved.ids.update(held_answering(unknown) if unknown else {})
        unknown = [name for name in unknown if name not in resolved.ids]
        made = _make_members(unknown, now)
        resolved.ids.update(made)
        resolved.made.update(made.values())
        missing = [name for name in unknown if name not in resolved.ids]
    return resolved


def _make_members(names: list[str], now: datetime) -> dict[str, int]:
    """Except those that a rival made first, or made and merged since we looked."""
    if not names:
        return {}
    blank = {**EMPTY, "made_up_fields": [], "created_at": now}
    rows = [(name, *blank.values(), random_bucket(name)) for name in names]
    columns = ["external_id", *blank, "random_bucket"]
    made = insert_rows(Member, columns, rows, conflict=["external_id"], returning=["external_id", "pk"])
    ids = dict(made)
    needless = [ids.pop(name) for name in answering(ids)]
    if needless:
        Member.objects.filter(pk__in=needless).delete()
    return ids


def _keys(names: Iterable[str]) -> list[tuple[str]]:
    return [(name,) for name in names]


def resolve_shops(slugs: Iterable[str]) -> Resolved:
    names = set(slugs)
    return resolve(Shop, "slug", names, {"name": {name: name for name in names}})


def resolve_products(rows: Iterable[NamesProducts], journal: Journal | None = None) -> tuple[Resolved, Resolved]:
    """This function will find or make products and their categories, and complete products known by code alone.

    What is known of a product stays: the first name and the first category stated win, whatever later orders say, so that
    posting an old order again changes nothing. Change them in admin.
    """
    stated = _products_stated(rows)
    categories = resolve(Category, "name", {product.category for product in stated.values() if product.category}, {})
    category_of = {code: categories.ids.get(product.category) for code, product in stated.items()}
    others: dict[str, Mapping[str, Any]] = {
        "name": {code: product.name for code, product in stated.items()},
        "category": category_of,
    }
    products = resolve(Product, "code", stated, others)
    known = {code: pk for code, pk in products.ids.items() if pk not in products.made}
    _complete(known, stated, category_of, journal)
    return products, categories


def _products_stated(rows: Iterable[NamesProducts]) -> dict[str, ProductStated]:
    stated: dict[str, ProductStated] = {}
    for row in rows:
        for code, product in row.products.items():
            known = stated.get(code)
            if known is None or not (known.name and known.category):
                known = known or product
                stated[code] = ProductStated(known.name or product.name, known.category or product.category)
    return stated


def _complete(
    ids: dict[str, int],
    stated: Mapping[str, ProductStated],
    category_of: Mapping[str, int | None],
    journal: Journal | None,
) -> None:
    """Fills what known products lack, and marks the members who bought or looked at them: that is of a category now.

    A rival's order of such a product that is not committed yet is not seen here; only its own mark
    counts that member again.
    """
    telling = {pk: code for code, pk in ids.items() if stated[code].name or category_of[code]}
    if not telling:
        return
    known = find_rows(Product, ["pk"], [(pk,) for pk in telling], returning=["pk", "name", "category"])
    lacking = _lock_products(pk for pk, name, category in known if not name or category is None)
    names = {pk: stated[telling[pk]].name for pk, name, _ in lacking if not name}
    category_ids = {pk: category_of[telling[pk]] for pk, _, category in lacking if category is None}
    sorted_in = sorted((pk, category) for pk, category in category_ids.items() if category is not None)
    update_rows(Product, "pk", ["name"], sorted((pk, name) for pk, name in names.items() if name))
    update_rows(Product, "pk", ["category"], sorted_in)
    if journal is not None:
        told = ((pk, name, old, names.get(pk) or name, category_ids.get(pk) or old) for pk, name, old in lacking)
        journal.completed += [each for each in told if each[1:3] != each[3:]]
    for chunk in batches((pk for pk, _ in sorted_in), 5_000):
        buyers = OrderLine.objects.filter(product_id__in=chunk).values_list("order__member_id")
        insert_from_select(DirtyMark, buyers.distinct(), ["member_id"])
        lookers = BehaviourEvent.objects.filter(product_id__in=chunk, category="").values_list("member_id")
        insert_from_select(DirtyMark, lookers.distinct(), ["member_id"])


def _lock_products(pks: Iterable[int]) -> list[tuple[int, str, int | None]]:
    """In one order for everybody, chunk after chunk: whoever completes the same products waits, and finds them complete."""
    rows: list[tuple[int, str, int | None]] = []
    for chunk in batches(sorted(pks), 5_000):
        locked = Product.objects.filter(pk__in=chunk).order_by("pk").select_for_update(no_key=True)
        rows += locked.values_list("pk", "name", "category_id")
    return rows


def forget_unused(model: type[Model], resolved: Resolved, used: Iterable[str]) -> None:
    """This function will delete what this call made for rows that were refused in the end: nothing of them is applied.

    A row may name what was never looked up: of two categories stated for one product the first wins.
    """
    needless = resolved.made - {resolved.ids[name] for name in used if name in resolved.ids}
    _forget(model, resolved, needless)


def forget_unused_categories(resolved: Resolved) -> None:
    """This function will delete the categories that this call made and no product stands in, products being settled."""
    standing = Product.objects.filter(category_id__in=resolved.made).values_list("category_id", flat=True)
    _forget(Category, resolved, resolved.made - set(standing))


def _forget(model: type[Model], resolved: Resolved, needless: set[int]) -> None:
    if needless:
        resolved.made -= needless
        model._default_manager.filter(pk__in=needless).delete()
