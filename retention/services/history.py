"""Members as they were known on an earlier day, and what they did after it: read beside the stored facts, which stay as
they are. Arrays of numbers, read in pieces: a million members take some hundred megabytes, whatever they ordered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from django.db.models import Count, F, FloatField, Q, Sum
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan
from numpy.typing import NDArray

from core.conf import shop_zone
from core.periods import start_of
from members.models import Order
from retention.features.orders import COUNTED
from retention.models import MemberFacts
from retention.scoring.cadence import Floats
from retention.services.facts import fresh_facts, placed_until

PIECE = 20_000
"""Rows fetched at once."""
NARROW = ("order_days", "order_count", "revenue_minor", "first_order_day", "last_order_day", "order_count_90d")
"""What the models read, of everybody."""
WIDE = (
    "order_count_30d",
    "order_count_180d",
    "order_count_365d",
    "revenue_minor_30d",
    "revenue_minor_90d",
    "revenue_minor_365d",
    "discount_minor",
    "total_minor",
    "refund_count",
    "refunded_order_count",
    "coupon_order_count",
)
"""What challengers read besides, of a sample."""
MOST = 300_000
"""Members that are read at all, drawn by their random buckets: weights and shares are then known to a thousandth, and a fit
takes no more memory in a larger shop."""
SAMPLE = 10_000
"""Members of the sample. More make trees slower and hardly better."""
BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """Who had ordered by the end of shop day `day`, in the order of `ids`, and what was known of them then.

    `sampled` are the places of the sample's members; the columns of WIDE are of them alone.
    """

    day: int
    ids: NDArray[np.int64]
    columns: dict[str, Floats]
    sampled: NDArray[np.intp]
    wide: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def since(self) -> Floats:
        """Days since the last order."""
        return np.maximum(self.day - self.columns["last_order_day"], 0.0)

    @property
    def age(self) -> Floats:
        """Days since the first order."""
        return np.maximum(self.day - self.columns["first_order_day"], 0.0)

    @property
    def span(self) -> Floats:
        return self.columns["last_order_day"] - self.columns["first_order_day"]


def known_at(day: int) -> Known:
    """This function will read facts as of the end of a day that is over, of everybody who had ordered or of MOST of them."""
    as_of = start_of(day + 1, shop_zone()) - datetime.resolution
    members = MemberFacts.objects.filter(order_count__gt=0).count()
    buckets = buckets_for(SAMPLE, members=members)
    known = fresh_facts(as_of=as_of, only=(*NARROW, *WIDE)).filter(Q(GreaterThan(F("order_count"), 0)))
    if members > MOST:
        known = known.filter(random_bucket__lt=buckets_for(MOST, members=members))
    rows = known.values_list("id", "random_bucket", *NARROW, *WIDE)
    read, wide = [np.empty((0, 1 + len(NARROW)))], [np.empty((0, 1 + len(WIDE)))]
    for piece in pieces(rows.iterator(chunk_size=PIECE)):
        read.append(np.delete(piece[:, : 2 + len(NARROW)], 1, axis=1))
        chosen = piece[piece[:, 1] < buckets]
        wide.append(np.column_stack((chosen[:, 0], chosen[:, 2 + len(NARROW) :])))
    everybody, some = (_sorted(np.concatenate(parts)) for parts in (read, wide))
    ids = everybody[:, 0].astype(np.int64)
    return Known(
        day,
        ids,
        {name: np.ascontiguousarray(everybody[:, place]) for place, name in enumerate(NARROW, start=1)},
        np.searchsorted(ids, some[:, 0].astype(np.int64)),
        {name: np.ascontiguousarray(some[:, place]) for place, name in enumerate(WIDE, start=1)},
    )


def order_days_after(known: Known, *, until_day: int, as_of: datetime) -> tuple[Floats, Floats]:
    """This function will count, for each of the known, the days with an order after their day and up to `until_day`, and the
    revenue of those days. Nothing placed after `as_of` is read."""
    window = Q(placed_day__gt=known.day, placed_day__lte=until_day) & placed_until(as_of)
    orders = Order.objects.filter(COUNTED & window).values("member_id", day=F("placed_day"), revenue=F("revenue_minor"))
    rows = orders.values("member_id").annotate(days=Count("day", distinct=True), brought=Cast(Sum("revenue"), FloatField()))
    days, brought = np.zeros(len(known)), np.zeros(len(known))
    for piece in pieces(rows.values_list("member_id", "days", "brought").iterator(chunk_size=PIECE)):
        places = np.searchsorted(known.ids, piece[:, 0].astype(np.int64))
        there = (places < len(known)) & (known.ids[np.minimum(places, len(known) - 1)] == piece[:, 0])
        days[places[there]], brought[places[there]] = piece[there, 1], piece[there, 2]
    return days, brought


def pieces(rows: Iterable[tuple[Any, ...]]) -> Iterator[Floats]:
    """This function will turn rows of numbers into arrays of at most PIECE rows each."""
    waiting = iter(rows)
    while taken := list(islice(waiting, PIECE)):
        yield np.array(taken, dtype=np.float64)


def _sorted(rows: Floats) -> Floats:
    return rows[np.argsort(rows[:, 0], kind="stable")]


def buckets_for(wanted: int, *, members: int) -> int:
    """This function will say how many of the members' random buckets hold about so many of them."""
    return BUCKETS if members <= wanted else max(1, BUCKETS * wanted // members)
