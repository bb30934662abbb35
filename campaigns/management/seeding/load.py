"""A whole load: members with consents and tags, then orders and events in the order in which they happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from django.db import transaction

from campaigns.management.seeding.shop import Moments, People, generator, make_moments, make_people
from campaigns.management.seeding.tables import (
    ATTRIBUTES,
    SHOPS,
    TAGGED,
    TAGS,
    Calendar,
    consent_rows,
    event_rows,
    line_rows,
    member_rows,
    order_rows,
    product_codes,
    refund_rows,
)
from campaigns.management.seeding.writing import go_on_counting, loading, next_id, settle, write
from core.conf import shop_zone
from core.periods import start_of
from core.sql import insert_from_select
from members.ingest.attributes import declare_attributes
from members.models import (
    BehaviourEvent,
    Category,
    Channel,
    Consent,
    DirtyMark,
    Member,
    MemberTag,
    Order,
    OrderLine,
    Product,
    Refund,
    Shop,
)

CHUNK = 100_000
FILLED = (Member, Consent, MemberTag, Order, OrderLine, Refund, BehaviourEvent)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for. The same load makes the same rows, whenever and wherever."""

    members: int
    orders: int
    seed: int
    last_day: int
    events: int = 0
    lines_per_order: float = 0.0
    refund_share: float = 0.03
    coupon_share: float = 0.15

    @property
    def prefix(self) -> str:
        """External ids begin with it, so that loads of different seeds stand beside each other."""
        return f"s{self.seed}-"

    @property
    def rows(self) -> tuple[int, ...]:
        """About how many of each kind, in the order of FILLED."""
        lines, refunds = int(self.orders * self.lines_per_order), int(self.orders * self.refund_share)
        return (self.members, self.members, self.members // 10, self.orders, lines, refunds, self.events)


def seed(load: Load, *, say: Say) -> None:
    """This function will write a load in one transaction, and mark its members for the next refresh.

    Steps: the tables are held and their indexes taken off; shops and products; members; orders; events; marks; the indexes.
    """
    with transaction.atomic():
        with loading(dict(zip(FILLED, load.rows, strict=True))):
            _write(load, say)
        go_on_counting(FILLED)
    settle(FILLED)


def _write(load: Load, say: Say) -> None:
    people = make_people(load.members, seed=load.seed)
    calendar = Calendar(last_day=load.last_day, zone=shop_zone())
    shops, products = _shops(), _products()
    first_member_id = next_id(Member)
    _write_members(load, people, calendar, first_member_id)
    declare_attributes([ATTRIBUTES], start_of(load.last_day, shop_zone()))
    say(f"{load.members:,} members")
    _write_orders(load, people, calendar, first_member_id, shops, products)
    say(f"{load.orders:,} orders")
    _write_events(load, people, calendar, first_member_id, products)
    say(f"{load.events:,} events")
    fresh = Member.objects.filter(pk__gte=first_member_id).values_list("pk")
    insert_from_select(DirtyMark, fresh, ["member_id"])


def _shops() -> list[int]:
    return [Shop.objects.get_or_create(slug=slug, defaults={"name": slug})[0].pk for slug in SHOPS]


def _products() -> list[int]:
    ids = []
    for code, name, category in product_codes():
        kept, _made = Category.objects.get_or_create(name=category)
        product, _made = Product.objects.get_or_create(code=code, defaults={"name": name, "category": kept})
        ids.append(product.pk)
    return ids


def _write_members(load: Load, people: People, calendar: Calendar, first_id: int) -> None:
    rng = generator(load.seed, "profiles")
    for some in _slices(load.members):
        rows, consents = member_rows(people, calendar, rng, prefix=load.prefix, some=some)
        ids = np.arange(some.start, some.stop) + first_id
        write(Member, {"id": [*map(str, ids.tolist())], **rows}, count=len(ids))
        for channel, said_yes in zip(Channel.values, consents, strict=True):
            holders = [*map(str, ids[said_yes].tolist())]
            write(Consent, consent_rows(holders, channel, at=calendar.end), count=len(holders))
        tagged = ids[rng.random(len(ids)) < TAGGED]
        tags = {"member_id": [*map(str, tagged.tolist())], "tag": [TAGS[each % len(TAGS)] for each in tagged.tolist()]}
        write(MemberTag, tags, count=len(tagged))


def _write_orders(
    load: Load, people: People, calendar: Calendar, first_member_id: int, shops: list[int], products: list[int]
) -> None:
    rng, of_lists = generator(load.seed, "order rows"), generator(load.seed, "lists")
    first_id = next_id(Order)
    for start, moments in _pieces(make_moments(people, load.orders, seed=load.seed, of="orders")):
        rows, total, refunded = order_rows(
            moments,
            people,
            calendar,
            rng,
            prefix=load.prefix,
            first_number=start,
            shop_ids=shops,
            first_member_id=first_member_id,
            coupon_share=load.coupon_share,
            refund_share=load.refund_share,
        )
        ids = np.arange(start, start + len(moments)) + first_id
        write(Order, {"id": [*map(str, ids.tolist())], **rows}, count=len(ids))
        placed = rows["placed_at"]
        assert placed is not None
        write(Refund, refund_rows(ids, refunded, placed, of_lists), count=int((refunded > 0).sum()))
        if load.lines_per_order:
            lines = line_rows(ids, total, of_lists, per_order=load.lines_per_order, product_ids=products)
            write(OrderLine, lines, count=len(lines["order_id"] or ()))


def _write_events(load: Load, people: People, calendar: Calendar, first_member_id: int, products: list[int]) -> None:
    rng = generator(load.seed, "event rows")
    for start, moments in _pieces(make_moments(people, load.events, seed=load.seed, of="events")):
        rows = event_rows(
            moments,
            calendar,
            rng,
            prefix=load.prefix,
            first_number=start,
            first_member_id=first_member_id,
            product_ids=products,
        )
        write(BehaviourEvent, rows, count=len(moments))


def _slices(count: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def _pieces(moments: Moments) -> Iterator[tuple[int, Moments]]:
    for some in _slices(len(moments)):
        yield some.start, Moments(moments.member[some], moments.day[some], moments.second[some])
