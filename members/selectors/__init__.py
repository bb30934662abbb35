"""Reads of members, their orders and what they bought, each the same cost however many rows there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Prefetch, Q, QuerySet, Sum

from members.models import (
    ADDRESS_COLUMNS,
    HOME_PREFIX,
    Channel,
    Erasure,
    Identifier,
    Member,
    MemberTag,
    MergeRecord,
    Order,
    OrderLine,
    OrderStatus,
    Product,
    Purpose,
    Refund,
    Shop,
)

VIEW_CONTACTS = "members.view_contacts"
"""The permission to see phone numbers and e-mail addresses in full; without it screens and files show them masked."""
MOST_FOUND = 1000
"""Members or products that one search looks at; past it the words are too few."""
SOLD_OFTEN = 20_000
"""Order lines past which a product is found sooner among the newest orders than by its lines."""
LATEST_LINES = 500
"""Order lines of a product that are read to say who bought it lately."""


def members_found(text: str, *, contacts: bool = True) -> QuerySet[Member]:
    """This function will find members by how their id, name, phone number or address begins, or by a name elsewhere.

    Each way is one small query over its own index: an OR of them all would read the whole table. Without `contacts`, for who
    sees phone numbers and addresses masked, those are found whole only: letter by letter a search would tell them.
    """
    how = "begins" if contacts else "exact"
    ways = (
        Q(external_id__begins=text),
        Q(name__begins=text),
        (Q(**{f"phone__{how}": text}) | Q(**{f"phone__{how}": HOME_PREFIX + text})) & ~Q(phone=""),
        Q(**{f"email__{how}": text.lower()}) & ~Q(email=""),
        Q(pk__in=_named_elsewhere(text)),
    )
    found: set[int] = set()
    for way in ways:
        found.update(Member.objects.filter(way).values_list("pk", flat=True)[:MOST_FOUND])
    return Member.objects.filter(pk__in=found)


def _named_elsewhere(text: str) -> list[int]:
    return list(Identifier.objects.filter(value=text).values_list("member_id", flat=True)[:MOST_FOUND])


def members_reachable(channel: str, purpose: str = Purpose.MARKETING) -> QuerySet[Member]:
    """This function will return the members who have an address on a channel and said that we may use it for a purpose."""
    return Member.objects.contactable(channel=channel, purpose=purpose)


def shop_named() -> str:
    """This function will return what the shop calls itself: the shop «default», else the first."""
    named = Shop.objects.filter(slug="default").first() or Shop.objects.order_by("pk").first()
    return named.name if named else ""


def members_tagged(tag: str) -> QuerySet[Any, Any]:
    return MemberTag.objects.filter(tag=tag).values("member_id")


def reachable_channels(member: Member) -> list[Channel]:
    """This function will name the channels we may use for a member whose consents are prefetched."""
    granted = {each.channel for each in member.consents.all() if each.granted and each.purpose == Purpose.MARKETING}
    return [channel for channel in Channel if channel in granted and getattr(member, ADDRESS_COLUMNS[channel])]


def orders_found(text: str, *, contacts: bool = True) -> QuerySet[Order]:
    """This function will find orders by their number, else those of the members, else of the products so called."""
    numbered = Order.objects.filter(shop__in=list(Shop.objects.values_list("pk", flat=True)), external_id=text)
    if numbered.exists():
        return numbered
    members = list(members_found(text, contacts=contacts).values_list("pk", flat=True))
    if members:
        return Order.objects.filter(member__in=members)
    return orders_with(products_found(text))


def products_found(text: str) -> QuerySet[Product]:
    return Product.objects.filter(Q(code=text) | Q(name__icontains=text))


def orders_with(products: QuerySet[Product]) -> QuerySet[Order]:
    """This function will return the orders that hold one of these products."""
    chosen = list(products.values_list("pk", flat=True)[:MOST_FOUND])
    return Order.objects.filter(Exists(OrderLine.objects.filter(order=OuterRef("pk"), product__in=chosen)))


def orders_of(member: Member) -> QuerySet[Order]:
    """This function will return a member's orders, newest first, with shop, lines and products loaded."""
    newest = Order.objects.filter(member=member).select_related("shop").order_by("-placed_day", "-placed_at", "-pk")
    return newest.prefetch_related("lines__product__category", "refunds")


def bought_most(member: Member, *, most: int) -> list[dict[str, Any]]:
    """This function will return the products a member bought in most orders, with quantity and money."""
    lines = OrderLine.objects.filter(order__member=member).exclude(order__status=OrderStatus.CANCELLED)
    grouped = lines.values("product_id", "product__name", "product__code").annotate(
        orders=Count("order", distinct=True), quantity=Sum("quantity"), amount_minor=Sum("amount_minor")
    )
    return [dict(row) for row in grouped.order_by("-orders", "-quantity", "product_id")[:most]]


def categories_of(member: Member, *, most: int) -> tuple[str, list[tuple[str, int]]]:
    """This function will return the category of a member's first order, empty where none is known, and those of most orders
    with how many."""
    lines = OrderLine.objects.filter(order__member=member, product__category__isnull=False)
    lines = lines.exclude(order__status=OrderStatus.CANCELLED)
    first = lines.order_by("order__placed_at", "order_id", "position").values_list("product__category__name", flat=True)
    counted = lines.values_list("product__category__name").annotate(orders=Count("order", distinct=True))
    return first.first() or "", list(counted.order_by("-orders", "product__category__name")[:most])


def bought_lately_by(product: Product, *, most: int) -> list[dict[str, Any]]:
    """This function will return who bought a product in its latest order lines, most recent first."""
    latest = list(OrderLine.objects.filter(product=product).order_by("-pk").values_list("pk", flat=True)[:LATEST_LINES])
    buyers = (
        OrderLine.objects.filter(pk__in=latest)
        .values("order__member_id", "order__member__name", "order__member__external_id")
        .annotate(orders=Count("order", distinct=True), quantity=Sum("quantity"), last_at=Max("order__placed_at"))
    )
    return [dict(row) for row in buyers.order_by("-last_at", "order__member_id")[:most]]


def member_listing(
    *,
    search: str = "",
    tag: str = "",
    within: Iterable[QuerySet[Any, Any]] = (),
    registered_from: datetime | None = None,
    registered_to: datetime | None = None,
    first_seen_from: datetime | None = None,
    first_seen_to: datetime | None = None,
    **profile: str,
) -> QuerySet[Member]:
    """This function will return members as lists show them; `profile` names columns that must equal a value.

    `within` are queries of member ids. Periods begin at `..._from` and end before `..._to`.
    """
    members = members_found(search) if search else Member.objects.all()
    for ids in [*within, *([members_tagged(tag)] if tag else [])]:
        members = members.filter(pk__in=ids)
    for name, value in profile.items():
        # The second condition says nothing new: by it the database knows that its index of what is known will do.
        members = members.filter(**{name: value}).exclude(**{name: ""})
    for name, at in (("registered_at__gte", registered_from), ("registered_at__lt", registered_to)):
        members = members.filter(**{name: at}) if at is not None else members
    for name, at in (("created_at__gte", first_seen_from), ("created_at__lt", first_seen_to)):
        members = members.filter(**{name: at}) if at is not None else members
    return members.prefetch_related("tags", "identifiers", "consents")


def order_listing(
    *,
    member: str = "",
    shop: str = "",
    status: str = "",
    product: str = "",
    coupon: str = "",
    placed_from: datetime | None = None,
    placed_to: datetime | None = None,
) -> QuerySet[Order]:
    """This function will return orders with their lines and refunds, placed from `placed_from` and before `placed_to`.

    A member, shop or product nobody knows is looked up first and ends in no orders: a join would search them all.
    """
    orders = Order.objects.select_related("member", "shop").prefetch_related(
        Prefetch("lines", OrderLine.objects.select_related("product__category").order_by("position")),
        Prefetch("refunds", Refund.objects.order_by("position")),
    )
    if member:
        orders = orders.filter(member_id__in=[*member_ids_called([member]).values()])
    if shop:
        orders = orders.filter(shop_id__in=list(Shop.objects.filter(slug=shop).values_list("pk", flat=True)))
    if product:
        orders = _orders_holding(orders, list(Product.objects.filter(code=product).values_list("pk", flat=True)))
    if status:
        orders = orders.filter(status=status)
    if coupon:
        orders = orders.filter(coupon_code=coupon)
    if placed_from is not None:
        orders = orders.filter(placed_at__gte=placed_from)
    if placed_to is not None:
        orders = orders.filter(placed_at__lt=placed_to)
    return orders


def _orders_holding(orders: QuerySet[Order], products: list[int]) -> QuerySet[Order]:
    """A product that was sold rarely is looked up by its lines; for one that was sold often the newest orders are looked
    through, where it soon is found. The limit keeps the database from choosing otherwise."""
    lines = OrderLine.objects.filter(product__in=products).order_by().values("order_id")
    if lines[: SOLD_OFTEN + 1].count() > SOLD_OFTEN:
        return orders.filter(Exists(OrderLine.objects.filter(order=OuterRef("pk"), product__in=products)))
    return orders.filter(pk__in=lines[:SOLD_OFTEN])


def member_named(external_id: str) -> Member | None:
    """This function will return the member of this id, or who answers for it since the two were merged."""
    found = member_ids_called([external_id])
    return member_listing().filter(pk=found[external_id]).first() if found else None


def member_ids_called(external_ids: Sequence[str]) -> dict[str, int]:
    """This function will return the members of these ids, by id; a merged id is the member who answers for it."""
    found = dict(Member.objects.filter(external_id__in=external_ids).values_list("external_id", "pk"))
    others = [each for each in external_ids if each not in found]
    if others:
        merged = MergeRecord.objects.standing().filter(dropped_external_id__in=others)
        found |= dict(merged.values_list("dropped_external_id", "member_id"))
    return found


def order_numbered(*, shop: str, external_id: str) -> Order | None:
    return order_listing(shop=shop).filter(external_id=external_id).first()


def ordered_by(member_ids: Collection[int]) -> dict[int, tuple[int, datetime]]:
    """This function will return how many orders members have, and the last; who has none is left out."""
    counted = Order.objects.filter(member_id__in=member_ids).values_list("member_id")
    return {pk: (count, last) for pk, count, last in counted.annotate(count=Count("pk"), last=Max("placed_at")).order_by()}


def members_compared(member_ids: Collection[int]) -> dict[int, Member]:
    """This function will return members with what they said about being written to."""
    return Member.objects.prefetch_related("consents").in_bulk(set(member_ids))


def erasure_of(member_number: str) -> Erasure | None:
    """This function will return the receipt that a member's old number leads to."""
    known = member_number.isdecimal() and len(member_number) < 19
    return Erasure.objects.filter(member_id=int(member_number)).first() if known else None


def merge_listing() -> QuerySet[MergeRecord]:
    """This function will return merges, newest first, without what they moved."""
    return MergeRecord.objects.select_related("member").defer("moved").order_by("-pk")


def members_by_id(member_ids: Collection[int]) -> dict[int, Member]:
    return Member.objects.in_bulk(set(member_ids))


def example_member() -> Member | None:
    """This function will return a member to show a message to: the newest that has a name, else the newest."""
    newest = Member.objects.order_by("-pk")
    recent = list(newest[:100])
    return next((member for member in recent if member.name), recent[0] if recent else None)
