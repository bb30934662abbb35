"""Reads of members, their orders and what they bought, each the same cost however many rows there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Prefetch, Q, QuerySet, Sum

from core.conf import shop_zone
from core.periods import start_of
from members.models import (
    ADDRESS_COLUMNS,
    BehaviourEvent,
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

HOME_PREFIX = "+86"
"""What stands before a phone number as people at home write it: numbers are stored in the international form."""
VIEW_CONTACTS = "members.view_contacts"
"""The permission to see phone numbers and e-mail addresses in full; without it screens and files show them masked."""
MOST_FOUND = 1000
"""Members or products that one search looks at; past it the words are too few."""
SOLD_OFTEN = 20_000
"""Order lines past which a product is found sooner among the newest orders than by its lines."""
LATEST_LINES = 500
"""Order lines of a product that are read to say who bought it lately."""
EVENTS_LOOKED_THROUGH = 20_000
"""Events that one page looks through for a kind or a keyword. Origin: read in their order they take a few hundredths of a
second."""


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


# --- Behaviour events


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list of events goes on: behind this one."""

    at: datetime
    pk: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first. `following` is where older ones are looked for; `until` how far back was looked, where the page
    is not full only because looking has an end."""

    events: list[BehaviourEvent]
    following: Place | None = None
    until: datetime | None = None


def event_page(
    *,
    most: int,
    kind: str = "",
    keyword: str = "",
    day: int | None = None,
    members: Collection[int] | None = None,
    products: Collection[int] | None = None,
    chosen: QuerySet[Any, Any] | None = None,
    before: Place | None = None,
) -> EventPage:
    """This function will return the newest events that fit, behind `before`.

    Days, members, products and chosen ids have an index each. Kinds and keywords are looked for among the next
    EVENTS_LOOKED_THROUGH events of those: a rare one is found page by page, and no page reads the whole table.
    """
    events = BehaviourEvent.objects.select_related("member", "product")
    order: tuple[str, ...] = ("-occurred_at", "-pk")
    for column, ids in (("member_id", members), ("product_id", products), ("pk", chosen)):
        if ids is not None:
            events = events.filter(**{f"{column}__in": ids})
    if products is not None:  # its index goes by the day, which goes with the instant
        order = ("-day", *order)
    if day is not None:
        first, end = start_of(day, shop_zone()), start_of(day + 1, shop_zone())
        events = events.filter(day=day, occurred_at__gte=first, occurred_at__lt=end)
    if before is not None:
        events = events.filter(_older(before))
    last: Place | None = None
    wanted = Q(**({"kind": kind} if kind else {}), **({"keyword": keyword} if keyword else {}))
    if wanted:
        looked = events.order_by(*order).values_list("occurred_at", "pk")
        for at, pk in looked[EVENTS_LOOKED_THROUGH - 1 : EVENTS_LOOKED_THROUGH]:
            last = Place(at, pk)
        if last is not None:
            events = events.filter(~_older(last), occurred_at__gte=last.at)
    found = list(events.filter(wanted).order_by(*order)[: most + 1])
    if len(found) > most:
        return EventPage(found[:most], Place(found[most - 1].occurred_at, found[most - 1].pk))
    return EventPage(found, last, last.at if last else None)


def _older(place: Place) -> Q:
    """The plain bound comes beside the exact one: it is what an index can begin from."""
    same = Q(occurred_at=place.at, pk__lt=place.pk)
    return Q(occurred_at__lte=place.at) & (Q(occurred_at__lt=place.at) | same)


def newest_event_at() -> datetime | None:
    return BehaviourEvent.objects.order_by("-occurred_at").values_list("occurred_at", flat=True).first()


# --- What one member did


@dataclass(frozen=True, slots=True)
class Moment:
    """An order or an event of a member. Of equal instants orders come first, then the greater id."""

    at: datetime
    pk: int
    order: Order | None = None
    event: BehaviourEvent | None = None

    @property
    def rank(self) -> int:
        return 1 if self.order else 0


ORDERED = "order"
"""The kind of a timeline's orders; the other kinds are those of events."""


Spot = tuple[datetime, int, int]
"""Instant, rank and id of a moment: its place in the timeline."""


def timeline(
    member_id: int, *, most: int, kind: str = "", before: Spot | None = None, after: Spot | None = None
) -> tuple[list[Moment], bool]:
    """This function will return what a member did, newest first, and whether there is more: the newest of all, those next
    `before` a place, or those next `after` one.

    Each of the two statements reads rows of this member alone.
    """
    orders, events = Order.objects.filter(member_id=member_id), BehaviourEvent.objects.filter(member_id=member_id)
    if kind:
        orders = orders if kind == ORDERED else orders.none()
        events = events.filter(kind=kind)
    spot = before or after
    past, sign = ("lt", "-") if after is None else ("gt", "")
    if spot is not None:
        orders = orders.filter(_beyond("placed_at", 1, spot, past))
        events = events.filter(_beyond("occurred_at", 0, spot, past))
    nearest_orders = orders.select_related("shop").order_by(f"{sign}placed_at", f"{sign}pk")[: most + 1]
    nearest_events = events.select_related("product").order_by(f"{sign}occurred_at", f"{sign}pk")[: most + 1]
    moments = [Moment(each.placed_at, each.pk, order=each) for each in nearest_orders]
    moments += [Moment(each.occurred_at, each.pk, event=each) for each in nearest_events]
    nearest = sorted(moments, key=lambda moment: (moment.at, moment.rank, moment.pk), reverse=after is None)
    found = nearest[:most]
    return (found if after is None else found[::-1]), len(moments) > most


def _beyond(column: str, rank: int, spot: Spot, past: str) -> Q:
    """Rows of one rank past a place. Of equal instants the greater rank is the newer moment."""
    at, other, pk = spot
    beyond = Q(**{f"{column}__{past}": at})
    if rank == other:
        same = Q(**{column: at, f"pk__{past}": pk})
    elif (rank < other) == (past == "lt"):
        same = Q(**{column: at})
    else:
        return beyond
    return Q(**{f"{column}__{past}e": at}) & (beyond | same)


def kinds_of(member_id: int) -> list[str]:
    """This function will name the kinds of events a member has, by the index alone."""
    found = BehaviourEvent.objects.filter(member_id=member_id).values_list("kind", flat=True)
    return sorted(set(found.order_by("kind").distinct()))
