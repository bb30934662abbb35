"""From the arrays of a shop to the columns of its tables. Nothing in a text needs escaping: no backslash, tab or newline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import time, timedelta
from itertools import cycle, islice
from zoneinfo import ZoneInfo

import numpy as np

from campaigns.management.seeding.shop import DAY_SECONDS, DAYS, Moments, Numbers, People
from campaigns.management.seeding.writing import Cell, Column
from core.periods import instant_at
from members.models import random_bucket

SURNAMES = tuple("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗")
GIVEN = tuple("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚")
PLACES = (
    ("北京", "北京"), ("上海", "上海"), ("广州", "广东"), ("深圳", "广东"), ("杭州", "浙江"), ("宁波", "浙江"),
    ("南京", "江苏"), ("苏州", "江苏"), ("成都", "四川"), ("武汉", "湖北"), ("西安", "陕西"), ("长沙", "湖南"),
)  # fmt: skip
ATTRIBUTES = {"club": "gold", "children": 1, "newsletter": True}
"""What some members carry, each with a value of its type."""
GENDERS = ("female", "male", "")
GENDER_SHARES = (0.6, 0.3, 0.1)
SOURCES = ("tmall", "taobao", "store", "mini program", "")
CATEGORIES = ("tea", "coffee", "snacks", "nuts", "honey", "wine", "fruit", "rice", "oil", "spices", "kitchen", "gifts")
PRODUCTS = 240
SHOPS = ("default", "tmall", "taobao")
SHOP_SHARES = (0.5, 0.3, 0.2)
CHANNELS = ("app", "web", "mini program", "store")
PAYMENTS = ("alipay", "wechat", "card")
REASONS = ("quality", "description", "logistics", "price", "unwanted", "other")
CANCELLED = 0.03
KINDS = ("visit", "view", "search", "cart_add", "checkout", "favourite", "review", "service", "complaint", "share")
KIND_SHARES = (0.25, 0.35, 0.1, 0.1, 0.06, 0.05, 0.04, 0.02, 0.01, 0.02)
KEYWORDS = ("green tea", "gift box", "almonds", "olive oil", "sale", "")
TAGS = ("wholesale", "birthday club", "tasting panel")
TAGGED = 0.1

Columns = dict[str, Column]


class Calendar:
    """The two years on the shop's clock: from a day of theirs and a second of it to instants and shop day numbers."""

    def __init__(self, *, last_day: int, zone: ZoneInfo) -> None:
        self.first_day = last_day - DAYS + 1
        # From noon and not from midnight: nobody orders before the hour in which clocks change.
        noons = [instant_at(self.first_day + day, time(12), zone) for day in range(DAYS)]
        self._noons = np.array([int(noon.timestamp()) for noon in noons], dtype=np.int64)
        self._first_midday = noons[0]

    def stamps(self, days: Numbers, seconds: Numbers) -> Numbers:
        """This function will return seconds since 1970 of moments within the two years."""
        moments: Numbers = self._noons[days] + seconds - DAY_SECONDS // 2
        return moments

    def middays_before(self, days: Numbers) -> Numbers:
        """This function will return stamps of days that may lie before the two years, when no clock was changed."""
        stamps: Numbers = int(self._first_midday.timestamp()) + days.astype(np.int64) * DAY_SECONDS
        return np.where(days >= 0, self._noons[np.maximum(days, 0)], stamps)

    def numbers(self, days: Numbers) -> Numbers:
        numbers: Numbers = days + self.first_day
        return numbers

    @property
    def end(self) -> str:
        """Noon after the last day."""
        return str((self._first_midday + timedelta(days=DAYS)).replace(tzinfo=None))


# --- Rows


def member_rows(
    people: People, calendar: Calendar, rng: np.random.Generator, *, prefix: str, some: slice
) -> tuple[Columns, Numbers]:
    """This function will give the rows of some members, and who of them said yes to SMS and to e-mail."""
    numbers = np.arange(some.start, some.stop)
    count = len(numbers)
    city, province = zip(*(PLACES[each] for each in place_of(numbers)), strict=True)
    registered = people.registered[some]
    known_birthday = rng.random(count) < 0.7
    month_day = rng.integers(1, 13, count) * 100 + rng.integers(1, 29, count)
    consents = rng.random((2, count)) < np.array([[0.7], [0.55]])
    stamps = _instants(calendar.middays_before(registered))
    external_ids = [f"{prefix}m{number:08d}" for number in numbers.tolist()]
    return {
        "external_id": external_ids,
        "name": _names(count, some.start),
        "gender": _drawn(GENDERS, rng, count, GENDER_SHARES),
        "birth_year": _known(rng.integers(1950, 2008, count), known_birthday),
        "birth_key": _known(month_day, known_birthday),
        "phone": [f"+86138{number:08d}" for number in numbers.tolist()],
        "email": [f"{prefix}m{number}@example.com" for number in numbers.tolist()],
        "city": city,
        "province": province,
        "registered_at": stamps,
        "registered_day": _texts(calendar.numbers(registered)),
        "source": _drawn(SOURCES, rng, count),
        "time_zone": "",
        "language": "",
        "attributes": _attributes(rng, count),
        "made_up_fields": "[]",
        "created_at": stamps,
        "random_bucket": [str(random_bucket(external_id)) for external_id in external_ids],
    }, consents


def consent_rows(member_ids: Sequence[str], channel: str, *, at: str) -> Columns:
    return {
        "member_id": member_ids,
        "channel": channel,
        "purpose": "marketing",
        "granted": "1",
        "proof": "stated by synthetic load",
        "changed_at": at,
    }


def order_rows(
    moments: Moments,
    people: People,
    calendar: Calendar,
    rng: np.random.Generator,
    *,
    prefix: str,
    first_number: int,
    shop_ids: Sequence[int],
    first_member_id: int,
    coupon_share: float,
    refund_share: float,
) -> tuple[Columns, Numbers, Numbers]:
    """This function will give orders' rows, their totals and what was refunded of each."""
    count = len(moments)
    member, day = moments.member, moments.day
    total = np.exp(people.taste[member] + rng.standard_normal(count) * 0.6).astype(np.int64) + 100
    discount = np.where(rng.random(count) < 0.3, (total * rng.random(count) * 0.3).astype(np.int64), 0)
    refunded = np.where(rng.random(count) < refund_share, (total * (rng.random(count) * 0.9 + 0.1)).astype(np.int64), 0)
    cancelled = rng.random(count) < CANCELLED
    coupon = rng.random(count) < coupon_share
    status, moved = _progress(day, cancelled)
    placed = calendar.stamps(day, moments.second)
    places = place_of(member)
    # Most orders of a member come by one channel.
    channel = np.where(rng.random(count) < 0.7, member % len(CHANNELS), rng.integers(0, len(CHANNELS), count))
    return (
        {
            "external_id": [f"{prefix}o{number:09d}" for number in range(first_number, first_number + count)],
            "shop_id": _drawn([str(pk) for pk in shop_ids], rng, count, SHOP_SHARES),
            "member_id": _texts(member + first_member_id),
            "status": status,
            "placed_at": _instants(placed),
            "placed_day": _texts(calendar.numbers(day)),
            "placed_hour": _texts(moments.second // 3600),
            "total_minor": _texts(total),
            "discount_minor": _texts(discount),
            "refunded_minor": _texts(refunded),
            "refund_count": _texts(refunded > 0),
            "paid_minor": _texts(total),
            "payment_method": _drawn(PAYMENTS, rng, count),
            "channel": np.array(CHANNELS, dtype=object)[channel].tolist(),
            "coupon_code": [f"C{number % 9973:04d}" if has else "" for number, has in enumerate(coupon.tolist())],
            "points_used": "0",
            "paid_at": _known_instants(placed + 300, ~cancelled),
            "shipped_at": _known_instants(placed + DAY_SECONDS, moved >= 1),
            "delivered_at": _known_instants(placed + 3 * DAY_SECONDS, moved >= 2),
            "completed_at": _known_instants(placed + 3 * DAY_SECONDS, moved >= 2),
            "city": [PLACES[each][0] for each in places],
            "province": [PLACES[each][1] for each in places],
            "remark": "",
        },
        total,
        refunded,
    )


def refund_rows(order_ids: Numbers, refunded: Numbers, placed: Sequence[Cell], rng: np.random.Generator) -> Columns:
    """This function will give one refund to each order of which something was refunded."""
    given = np.flatnonzero(refunded)
    return {
        "order_id": _texts(order_ids[given]),
        "position": "0",
        "amount_minor": _texts(refunded[given]),
        "reason": _drawn(REASONS, rng, len(given)),
        "refunded_at": [placed[each] for each in given.tolist()],
    }


def line_rows(
    order_ids: Numbers, total: Numbers, rng: np.random.Generator, *, per_order: float, product_ids: Sequence[int]
) -> Columns:
    """This function will share each order's total out to its lines, `per_order` of them on the average and at least one."""
    lines = 1 + rng.poisson(per_order - 1, len(order_ids)) if per_order > 1 else rng.random(len(order_ids)) < per_order
    lines = lines.astype(np.int64)
    order = np.repeat(order_ids, lines)
    position = np.arange(len(order)) - np.repeat(np.cumsum(lines) - lines, lines)
    amount = np.repeat(total // np.maximum(lines, 1), lines) + np.where(
        position == 0, np.repeat(total % np.maximum(lines, 1), lines), 0
    )
    return {
        "order_id": _texts(order),
        "position": _texts(position),
        "product_id": _drawn([str(pk) for pk in product_ids], rng, len(order)),
        "sku": "",
        "quantity": "1",
        "unit_price_minor": _texts(amount),
        "amount_minor": _texts(amount),
    }


def event_rows(
    moments: Moments,
    calendar: Calendar,
    rng: np.random.Generator,
    *,
    prefix: str,
    first_number: int,
    first_member_id: int,
    product_ids: Sequence[int],
) -> Columns:
    count = len(moments)
    kind = rng.choice(len(KINDS), count, p=KIND_SHARES)
    product = rng.integers(0, len(product_ids), count)
    names = np.array(KINDS, dtype=object)[kind]
    of_product = np.isin(names, ["view", "cart_add", "favourite", "review"])
    ids = np.array(product_ids, dtype=np.int64)
    return {
        "external_id": [f"{prefix}e{number:09d}" for number in range(first_number, first_number + count)],
        "member_id": _texts(moments.member + first_member_id),
        "kind": names.tolist(),
        "occurred_at": _instants(calendar.stamps(moments.day, moments.second)),
        "day": _texts(calendar.numbers(moments.day)),
        "session_id": _texts(moments.member.astype(np.int64) * DAYS + moments.day),
        "page": "",
        "dwell_seconds": _known(rng.integers(1, 600, count), of_product),
        "product_id": _known(ids[product], of_product),
        "category": [
            CATEGORIES[each % len(CATEGORIES)] if has else ""
            for each, has in zip(product.tolist(), of_product.tolist(), strict=True)
        ],
        "keyword": np.where(names == "search", np.array(KEYWORDS, dtype=object)[product % len(KEYWORDS)], "").tolist(),
        "rating": _known(rng.integers(1, 6, count), names == "review"),
        "topic": np.where(names == "complaint", "delivery", "").tolist(),
        "response_seconds": _known(rng.integers(10, 7200, count), names == "service"),
        "value": None,
        "properties": "{}",
    }


def place_of(members: Numbers) -> list[int]:
    """This function will say where members live, without keeping it: by their number."""
    places: list[int] = ((members * 7919) % len(PLACES)).tolist()
    return places


# --- Cells


def _progress(day: Numbers, cancelled: Numbers) -> tuple[Sequence[Cell], Numbers]:
    """How far orders have come: those of the last days are still under way."""
    age = DAYS - 1 - day
    moved = np.where(cancelled, 0, (age >= 2).astype(np.int8) + (age >= 5))
    words = np.array(["paid", "shipped", "completed"], dtype=object)[moved]
    return np.where(cancelled, "cancelled", words).tolist(), moved


def _attributes(rng: np.random.Generator, count: int) -> Sequence[Cell]:
    """Some are known of some members: text, number, true or false."""
    clubs = (None, "gold", "silver", "bronze")
    known: list[dict[str, object]] = [
        {key: value for key, value in (("club", club), ("children", children), ("newsletter", letter)) if value is not None}
        for club in clubs
        for children in (None, 0, 1, 2, 3)
        for letter in (None, True)
    ]
    return _drawn([json.dumps(each) for each in known], rng, count)


def _names(count: int, start: int) -> Sequence[Cell]:
    every = [surname + given for surname in SURNAMES for given in GIVEN]
    return list(islice(cycle(every), start % len(every), start % len(every) + count))


def _drawn(words: Sequence[str], rng: np.random.Generator, count: int, shares: Sequence[float] | None = None) -> list[str]:
    drawn = rng.integers(0, len(words), count) if shares is None else rng.choice(len(words), count, p=shares)
    chosen: list[str] = np.array(words, dtype=object)[drawn].tolist()
    return chosen


def _texts(numbers: Numbers) -> list[Cell]:
    return [*map(str, numbers.astype(np.int64).tolist())]


def _known(numbers: Numbers, known: Numbers) -> list[Cell]:
    return [str(number) if has else None for number, has in zip(numbers.tolist(), known.tolist(), strict=True)]


def _instants(stamps: Numbers) -> list[Cell]:
    """UTC, as both databases read it and as Django writes it on SQLite."""
    texts: list[Cell] = np.char.replace(np.datetime_as_string(stamps.astype("datetime64[s]")), "T", " ").tolist()
    return texts


def _known_instants(stamps: Numbers, known: Numbers) -> list[Cell]:
    return [text if has else None for text, has in zip(_instants(stamps), known.tolist(), strict=True)]


def product_codes() -> Iterator[tuple[str, str, str]]:
    """This function will yield the code, the name and the category of each product."""
    for number in range(PRODUCTS):
        category = CATEGORIES[number % len(CATEGORIES)]
        yield f"p{number:03d}", f"{category} {number // len(CATEGORIES) + 1}", category
