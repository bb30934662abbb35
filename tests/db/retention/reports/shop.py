"""A random shop for reports, and its orders as a plain list: the oracles share no code with the product."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from core.conf import shop_zone
from members.models import Member, Order, Shop
from retention.reports.base import Asked, Report
from retention.services.refresh import refresh
from retention.services.reports import read_question
from tests.factories import NOW, TODAY_NUMBER, shop_time

CITIES = ("上海", "杭州", "成都", "Lhasa", "")
FIRST_DAY = TODAY_NUMBER - 420


@dataclass(frozen=True)
class Sold:
    """An order as a person would write it down."""

    member: int
    on: date
    day: int
    revenue: int
    shop: str
    channel: str


def make_shop(seed: int, *, members: int = 60, orders: int = 260) -> None:
    """This function will fill the database: members of all kinds, two shops, cancelled and refunded orders, some on one day,
    one far in the past, one yet to come."""
    chance = random.Random(seed)
    shops = [Shop.objects.get_or_create(slug=slug, defaults={"name": slug})[0] for slug in ("north", "south")]
    people = Member.objects.bulk_create(
        Member(
            external_id=f"p{number}",
            created_at=shop_time(FIRST_DAY + chance.randrange(420)),
            registered_at=shop_time(day) if (day := _joined(chance)) is not None else None,
            registered_day=day,
            gender=chance.choice(["female", "male", ""]),
            city=chance.choice(CITIES),
            source=chance.choice(["app", "shop", ""]),
            birth_year=(year := chance.choice([None, 1960, 1985, 1999, 2006])),
            birth_key=None if year is None else chance.choice([101, 229, 615, 616, 1231]),
        )
        for number in range(members)
    )
    buyers = chance.sample(people, max(1, members * 3 // 4))
    placed = []
    for number in range(orders):
        day = chance.choice([TODAY_NUMBER + 3, FIRST_DAY - 400]) if number % 97 == 0 else FIRST_DAY + chance.randrange(420)
        total = chance.choice([0, 990, 12_000, 50_000])
        placed.append(
            Order(
                shop=chance.choice(shops),
                external_id=f"o{number}",
                member=chance.choice(buyers),
                status=chance.choice(["completed", "paid", "completed", "cancelled"]),
                placed_at=shop_time(day),
                placed_day=day,
                placed_hour=12,
                total_minor=total,
                refunded_minor=total if chance.random() < 0.1 else 0,
                channel=chance.choice(["app", "web", ""]),
            )
        )
    Order.objects.bulk_create(placed)
    refresh(as_of=NOW, full=True)


def _joined(chance: random.Random) -> int | None:
    return None if chance.random() < 0.2 else FIRST_DAY + chance.randrange(420)


def sold(shop: str = "", *, until: date | None = None) -> list[Sold]:
    """This function will list the orders that count, oldest first, known until NOW."""
    last = until or NOW.astimezone(shop_zone()).date()
    names = dict(Shop.objects.values_list("pk", "slug"))
    rows = []
    for row in Order.objects.values():
        on = row["placed_at"].astimezone(shop_zone()).date()
        if row["status"] != "cancelled" and on <= last and row["placed_at"] <= NOW and shop in ("", names[row["shop_id"]]):
            day = (on - date(1970, 1, 1)).days
            revenue = row["total_minor"] - row["refunded_minor"]
            rows.append(Sold(row["member_id"], on, day, revenue, names[row["shop_id"]], row["channel"]))
    return sorted(rows, key=lambda each: (each.on, each.member))


def ask(report: Report, **given: str) -> Asked:
    return read_question(report=report, given=given, now=NOW).asked


def rows_of(result: Any, table: str) -> list[dict[str, Any]]:
    found = next(each for each in result.tables if each.code == table)
    return [dict(zip([column.code for column in found.columns], row, strict=True)) for row in found.rows]


def month_ends(first: date, last: date) -> list[tuple[date, date]]:
    """This function will list the months from `first` to `last`, cut at both ends."""
    months, begins = [], first
    while begins <= last:
        following = (begins.replace(day=1) + timedelta(days=32)).replace(day=1)
        months.append((begins, min(following - timedelta(days=1), last)))
        begins = following
    return months


def order_dates(rows: list[Sold]) -> dict[int, list[date]]:
    """This function will give each member's different order dates, oldest first."""
    days: dict[int, set[date]] = {}
    for row in rows:
        days.setdefault(row.member, set()).add(row.on)
    return {member: sorted(dates) for member, dates in days.items()}
