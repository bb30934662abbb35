"""The shop's own values of a field, with how many have them: cities, tags, payment methods, categories, products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Model, Q, QuerySet

from members.models import BehaviourEvent, Category, Member, MemberTag, Order, Product, Shop
from retention.models import KnownValue

MOST_OFFERED = 30
FEW = 50_000
"""Rows of a table that are grouped while somebody types: some hundredths of a second. What larger tables hold is kept in
KnownValue, as of last night."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A value, what people call it, and how many have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class ValueList:
    """Where the values of a field come from: a column of a table. `of` names what is counted."""

    code: str
    table: type[Model]
    column: str
    of: str

    def grouped(self) -> QuerySet[Any, Any]:
        """This function will select every value with how many rows have it."""
        rows = self.table._default_manager.exclude(**{self.column: ""})
        return rows.values(known=F(self.column)).annotate(number=Count("pk"))


_ALL = (
    ValueList("city", Member, "city", "members"),
    ValueList("province", Member, "province", "members"),
    ValueList("source", Member, "source", "members"),
    ValueList("language", Member, "language", "members"),
    ValueList("tag", MemberTag, "tag", "members"),
    ValueList("channel", Order, "channel", "orders"),
    ValueList("payment_method", Order, "payment_method", "orders"),
    ValueList("order_city", Order, "city", "orders"),
    ValueList("order_province", Order, "province", "orders"),
    ValueList("keyword", BehaviourEvent, "keyword", "events"),
    ValueList("topic", BehaviourEvent, "topic", "events"),
)
STORED: Mapping[str, ValueList] = {each.code: each for each in _ALL}


def _categories(text: str) -> QuerySet[Any, Any]:
    found = Category.objects.filter(name__icontains=text).annotate(number=Count("product"))
    return found.values("number", value=F("name"), label=F("name")).order_by("-number", "name")


def _products(text: str) -> QuerySet[Any, Any]:
    found = Product.objects.filter(Q(code__istartswith=text) | Q(name__icontains=text)).order_by("name", "code")
    return found.values(value=F("code"), label=F("name"))


def _shops(text: str) -> QuerySet[Any, Any]:
    found = Shop.objects.filter(Q(slug__icontains=text) | Q(name__icontains=text)).order_by("name", "pk")
    return found.values(value=F("slug"), label=F("name"))


OWN_TABLES: Mapping[str, Callable[[str], QuerySet[Any, Any]]] = {
    "category": _categories,
    "product": _products,
    "shop": _shops,
}
COUNTED: Mapping[str, str] = {**{each.code: each.of for each in _ALL}, "category": "products", "product": "", "shop": ""}
"""What the numbers of a list count; lists without numbers count nothing."""


def values_of(code: str, *, text: str) -> list[Offer]:
    """This function will find values of a list that hold `text`, the most frequent first."""
    if code in OWN_TABLES:
        own = OWN_TABLES[code](text)[:MOST_OFFERED]
        return [Offer(row["value"], row["label"] or row["value"], row.get("number", 0)) for row in own]
    wanted = STORED[code]
    rows: QuerySet[Any, Any] = wanted.grouped()
    if is_large(wanted) and KnownValue.objects.filter(code=code).exists():
        rows = KnownValue.objects.filter(code=code).values("number", known=F("value"))
    if text:
        rows = rows.filter(known__icontains=text)
    found = rows.order_by("-number", "known").values_list("known", "number")[:MOST_OFFERED]
    return [Offer(value, value, number) for value, number in found]


def is_large(wanted: ValueList) -> bool:
    """Whether the list is kept. What has grown large since last night is grouped as it stands until the night."""
    return wanted.table._default_manager.all()[FEW:].exists()
