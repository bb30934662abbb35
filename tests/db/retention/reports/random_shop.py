"""A shop made at random, as raw rows in pandas and the same rows in the database: what reports are checked against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from core.conf import shop_zone
from core.periods import day_number, hour_of_day, start_of
from members.models import BehaviourEvent, Category, Member, Order, OrderLine, Product, Refund, Shop
from tests.factories import NOW, TODAY_NUMBER

MEMBERS, ORDERS, EVENTS, DAYS = 90, 700, 2600, 300
EVENT_DAYS = 70
KINDS = ("visit", "view", "view", "search", "cart_add", "checkout", "service", "complaint", "favourite", "share")


@dataclass(frozen=True)
class RandomShop:
    """Frames with one raw row each: members, products, orders, lines, refunds, events."""

    members: pd.DataFrame
    products: pd.DataFrame
    orders: pd.DataFrame
    lines: pd.DataFrame
    refunds: pd.DataFrame
    events: pd.DataFrame
    shops: dict[str, int]

    def counted_orders(self, *, first: int, last: int, shop: str = "") -> pd.DataFrame:
        """Orders that count, placed in the period and known at NOW."""
        orders = self.orders
        known = orders[(orders["status"] != "cancelled") & (orders["placed_at"] <= NOW)]
        known = known[(known["day"] >= first) & (known["day"] <= last)]
        return known[known["shop"] == shop] if shop else known

    def known_events(self, *, first: int, last: int, shop: str = "") -> pd.DataFrame:
        """Events of the period known at NOW; of one shop, those of members who have ordered there by the period's end."""
        events = self.events
        known = events[(events["at"] <= NOW) & (events["day"] >= first) & (events["day"] <= last)]
        if shop:
            known = known[known["member"].isin(self.counted_orders(first=0, last=last, shop=shop)["member"])]
        return known


def make_random_shop(seed: int) -> RandomShop:
    """This function will make the rows from a seed and save them."""
    rng = np.random.default_rng(seed)
    shops = {slug: Shop.objects.create(slug=slug, name=slug.title()).pk for slug in ("north", "south")}
    categories = [Category.objects.create(name=name) for name in ("tea", "nuts", "honey")]
    kept = [
        Product.objects.create(code=f"p{place}", name=f"Product {place}", category=(*categories, None)[place % 4])
        for place in range(12)
    ]
    products = pd.DataFrame(
        {"product": [p.pk for p in kept], "name": [p.name for p in kept], "category": [p.category_id for p in kept]}
    )
    products["category_name"] = [p.category and p.category.name for p in kept]
    products["category"] = products["category"].astype("Int64")
    members = _members(rng)
    orders, lines, refunds = _orders(rng, members, shops, products)
    return RandomShop(members, products, orders, lines, refunds, _events(rng, members, products), shops)


def _members(rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        Member(external_id=f"r{place}", source=str(rng.choice(["", "tmall", "store"])), created_at=NOW)
        for place in range(MEMBERS)
    ]
    Member.objects.bulk_create(rows)
    saved = Member.objects.filter(external_id__startswith="r").order_by("pk")
    return pd.DataFrame([(row.pk, row.source) for row in saved], columns=["member", "source"])


def _moment(rng: np.random.Generator, days: int) -> datetime:
    """Some moments lie after NOW on its own day; one in eight is a date without a time."""
    day = TODAY_NUMBER - int(rng.integers(0, days))
    begins = start_of(day, shop_zone())
    return begins if rng.random() < 0.12 else begins + timedelta(seconds=int(rng.integers(1, 86_400)))


def _later(rng: np.random.Generator, moment: datetime, *, hours: int, known: float) -> datetime | None:
    return moment + timedelta(minutes=int(rng.integers(0, hours * 60))) if rng.random() < known else None


def _orders(
    rng: np.random.Generator, members: pd.DataFrame, shops: dict[str, int], products: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    orders: list[Order] = []
    lines: list[OrderLine] = []
    refunds: list[Refund] = []
    buyers = members["member"].to_numpy()[: MEMBERS - 10]
    weights = rng.random(len(buyers)) ** 2 + 0.02
    first = (Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    for number in range(ORDERS):
        placed_at = _moment(rng, DAYS)
        total = int(rng.integers(0, 40_000))
        order = Order(
            id=first + number,
            shop_id=shops[str(rng.choice(list(shops)))],
            external_id=f"r{number}",
            member_id=int(rng.choice(buyers, p=weights / weights.sum())),
            status=str(rng.choice(["placed", "paid", "shipped", "completed", "cancelled"])),
            placed_at=placed_at,
            placed_day=day_number(placed_at, shop_zone()),
            placed_hour=hour_of_day(placed_at, shop_zone()),
            total_minor=total,
            discount_minor=int(rng.choice([0, 0, int(rng.integers(0, 30_000)), total])),
            payment_method=str(rng.choice(["", "alipay", "card"])),
            channel=str(rng.choice(["", "app", "web"])),
            coupon_code=str(rng.choice(["", "", "C1", "C2"])),
            points_used=int(rng.choice([0, 0, 0, 50])),
            paid_at=_later(rng, placed_at, hours=60, known=0.6),
            shipped_at=_later(rng, placed_at, hours=120, known=0.7),
            delivered_at=_later(rng, placed_at, hours=340, known=0.7),
        )
        if total and rng.random() < 0.25:
            order.refunded_minor, order.refund_count = int(rng.integers(1, total + 1)), 1
            reason = str(rng.choice(["quality", "logistics", "price"]))
            at = placed_at + timedelta(hours=int(rng.integers(1, 700)))
            refunds.append(Refund(order=order, position=1, amount_minor=order.refunded_minor, reason=reason, refunded_at=at))
        for position in range(int(rng.integers(0, 4))):
            product = int(rng.choice(products["product"]))
            lines.append(
                OrderLine(
                    order=order, position=position, product_id=product, quantity=1, unit_price_minor=100, amount_minor=100
                )
            )
        orders.append(order)
    for rows in (orders, lines, refunds):
        type(rows[0])._default_manager.bulk_create(rows)
    slugs = {pk: slug for slug, pk in shops.items()}
    frame = pd.DataFrame(
        {
            **{name: getattr(order, name) for name in ORDER_COLUMNS},
            "order": order.pk,
            "member": order.member_id,
            "shop": slugs[order.shop_id],
            "day": order.placed_day,
            "hour": order.placed_hour,
            "refunded": order.refunded_minor,
            "revenue": order.total_minor - order.refunded_minor,
        }
        for order in orders
    )
    return (
        frame,
        pd.DataFrame({"order": line.order_id, "product": line.product_id} for line in lines),
        pd.DataFrame({"order": each.order_id, "reason": each.reason, "at": each.refunded_at} for each in refunds),
    )


ORDER_COLUMNS = (
    *("status", "placed_at", "total_minor", "discount_minor", "payment_method", "channel", "coupon_code", "points_used"),
    *("paid_at", "shipped_at", "delivered_at"),
)


def _events(rng: np.random.Generator, members: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    rows, saved = [], []
    for number in range(EVENTS):
        kind = str(rng.choice(KINDS))
        at = _moment(rng, EVENT_DAYS if kind not in ("service", "complaint") else DAYS)
        told = {
            "session_id": str(rng.choice(["", "s1", "s2", "s3", "s4"])),
            "page": str(rng.choice(["", "/home", "/sale"])) if kind == "visit" else "",
            "dwell_seconds": None if rng.random() < 0.5 else float(rng.integers(0, 900)),
            "keyword": str(rng.choice(["", "green tea", "gift", "sale"])) if kind == "search" else "",
            "topic": str(rng.choice(["", "late", "broken"])) if kind == "complaint" else "",
            "response_seconds": None if rng.random() < 0.3 else float(rng.integers(1, 10_000)),
            "properties": {} if rng.random() < 0.5 else {"channel": str(rng.choice(["app", "web"]))},
        }
        product = None if kind not in ("view", "cart_add") or rng.random() < 0.1 else int(rng.choice(products["product"]))
        member = int(rng.choice(members["member"]))
        saved.append(
            BehaviourEvent(
                external_id=f"r{number}",
                member_id=member,
                kind=kind,
                occurred_at=at,
                day=day_number(at, shop_zone()),
                product_id=product,
                **told,
            )
        )
        rows.append({"member": member, "kind": kind, "at": at, "day": saved[-1].day, "product": product, **told})
    BehaviourEvent.objects.bulk_create(saved)
    frame = pd.DataFrame(rows).assign(place=range(EVENTS))
    frame["product"] = frame["product"].astype("Int64")
    return frame
