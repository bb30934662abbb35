"""Data in: orders with and without lines and events in bulk, single posts, and a file of a million orders.

The limit is PostgreSQL's own COPY of the same orders into the same tables; the peer a plain ModelSerializer view.
"""

from __future__ import annotations

import csv
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tools.bench.database import empty, run_sql, spent
from tools.bench.figures import note, seconds_of
from tools.bench.jobs import MOST_MIB, run_command
from tools.bench.web import Site, body, web_server

NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)
BATCH = 1_000
CLIENTS = 2
COUNTS = {"tiny": 2_000, "small": 20_000, "full": 100_000}
MEMBERS = {"tiny": 200, "small": 5_000, "full": 50_000}
SINGLES = {"tiny": 20, "small": 500, "full": 2_000}
IN_FILE = {"tiny": 2_000, "small": 50_000, "full": 1_000_000}
LINES = 4
ROUNDS = 3

ORDERS_A_SECOND = 20_000
LINES_A_SECOND = 40_000
TIMES_ONE_BY_ONE = 50
TIMES_SINGLE = 2
FILE_SECONDS = 60

Item = dict[str, Any]


def run(size: str) -> list[str]:
    """This function will measure every way in and name the targets that were missed."""
    with empty():
        _prepare(size)
        return [*_in_process(size), *_over_rest(size), *_from_a_file(size)]


# --- In the service


def _in_process(size: str) -> Iterator[str]:
    from members.ingest import ingest_events, ingest_orders

    count = COUNTS[size]
    limit = _copied(size, count)
    note("ingest", "COPY of orders (the limit)", size=size, per_second=limit)
    loads = [_orders(size, count, f"a{each}") for each in range(ROUNDS)]
    plain = _rate(lambda items: ingest_orders(items, now=NOW), loads, of="orders", size=size)
    note("ingest", "orders, of the limit", size=size, share=round(plain / limit, 2))
    if plain < ORDERS_A_SECOND:
        yield f"ingest: {plain:,} orders a second (at least {ORDERS_A_SECOND:,})"
    loads = [_orders(size, count // LINES, f"b{each}", lines=LINES) for each in range(ROUNDS)]
    named = "lines, four an order"
    lines = _rate(lambda items: ingest_orders(items, now=NOW), loads, of=named, size=size, times=LINES)
    if lines < LINES_A_SECOND:
        yield f"ingest: {lines:,} lines a second (at least {LINES_A_SECOND:,})"
    loads = [_events(size, count, f"{each}") for each in range(ROUNDS)]
    events = _rate(lambda items: ingest_events(items, now=NOW), loads, of="events", size=size)
    if events < ORDERS_A_SECOND:
        yield f"ingest: {events:,} events a second (at least {ORDERS_A_SECOND:,})"
    yield from _again(size)


def _again(size: str) -> Iterator[str]:
    """Posting the same again writes no row, no mark, and tells so."""
    from members.ingest import ingest_orders
    from members.models import DirtyMark, Order

    count = COUNTS[size]
    before = Order.objects.count(), DirtyMark.objects.count()
    _rate(lambda items: ingest_orders(items, now=NOW), [_orders(size, count, "a0")], of="the same orders again", size=size)
    written = Order.objects.count() - before[0], DirtyMark.objects.count() - before[1]
    note("ingest", "written by the same again", size=size, orders=written[0], marks=written[1])
    if written != (0, 0):
        yield f"ingest: posting again wrote {written[0]:,} orders and {written[1]:,} marks (none)"


def _rate(take: Callable[[Sequence[Item]], Any], loads: Sequence[list[Item]], *, of: str, size: str, times: int = 1) -> int:
    """This function will note and say how many a second are taken in, the middle one of some loads.

    Beside the clock's second that of the processor, ours and the database's, which other work hardly changes.
    """
    rates, by_processor = [], []
    for items in loads:
        batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
        took = spent(partial(_take_all, take, batches))
        rates.append(times * len(items) / took.seconds)
        by_processor.append(times * len(items) / max(took.cpu, 0.01))
    rate = round(statistics.median(rates))
    note("ingest", of, size=size, per_second=rate, per_cpu_second=round(statistics.median(by_processor)))
    return rate


def _take_all(take: Callable[[Sequence[Item]], Any], batches: Sequence[list[Item]]) -> None:
    for batch in batches:
        result = take(batch)
        if result.rejected:
            raise RuntimeError(f"the benchmark's own items are refused: {result.rejected[0].as_json()}")


def _copied(size: str, count: int) -> int:
    """PostgreSQL alone: the rows of the orders that were just written, out by COPY and in again under other numbers."""
    from django.db import connection

    from members.ingest import ingest_orders
    from members.models import Order

    for start in range(0, count, BATCH):
        ingest_orders(_orders(size, count, "limit")[start : start + BATCH], now=NOW)
    columns = ", ".join(str(f.column) for f in Order._meta.concrete_fields if not f.generated and not f.primary_key)
    table = Order._meta.db_table
    run_sql(f"CREATE TEMPORARY TABLE kept AS SELECT {columns} FROM {table}")
    run_sql("UPDATE kept SET external_id = 'copy' || external_id")
    with connection.cursor() as cursor, cursor.copy(f"COPY kept ({columns}) TO STDOUT") as source:
        data = b"".join(bytes(part) for part in source)

    def copy_in() -> None:
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as target:
            target.write(data)

    seconds = seconds_of(copy_in)
    run_sql("DROP TABLE kept")
    return round(count / seconds)


# --- Over REST


def _over_rest(size: str) -> Iterator[str]:
    key = _key()
    count, singles = COUNTS[size], SINGLES[size]
    with web_server("config.wsgi", key=key) as site:
        site.post("/api/v1/orders/bulk/", _bodies(_orders(size, BATCH * CLIENTS, "warm")), clients=CLIENTS)
        rates = {
            "orders": _posted(site, "orders", [_orders(size, count, f"r{each}") for each in range(ROUNDS)]),
            "events": _posted(site, "events", [_events(size, count, f"r{each}") for each in range(ROUNDS)]),
        }
        ours = _single(site, "/api/v1/orders/bulk/", [body([item]) for item in _orders(size, singles, "single")])
    with web_server("tools.bench.peer", key=key) as site:
        theirs = [_json(item) for item in _orders(size, singles, "peer")]
        together = round(singles / site.post("/peer/orders/", theirs[: singles // 2], clients=CLIENTS) / 2)
        peer = _single(site, "/peer/orders/", theirs[singles // 2 :])
    for what, rate in rates.items():
        note("ingest", f"REST, {what} in bulk", size=size, per_second=rate, times_one_by_one=round(rate / together))
        if rate < ORDERS_A_SECOND:
            yield f"ingest: {rate:,} {what} a second over REST (at least {ORDERS_A_SECOND:,})"
        if rate < TIMES_ONE_BY_ONE * together:
            yield f"ingest: REST in bulk is {rate / together:.0f} times one by one (at least {TIMES_ONE_BY_ONE})"
    note("ingest", "REST, ModelSerializer view (peer)", size=size, per_second=peer, two_clients=together)
    note("ingest", "REST, single posts", size=size, per_second=ours, times_peer=round(ours / peer, 2))
    if ours < TIMES_SINGLE * peer:
        yield f"ingest: single posts are {ours / peer:.2f} times a ModelSerializer view (at least {TIMES_SINGLE})"


def _posted(site: Site, what: str, loads: Sequence[list[Item]]) -> int:
    rates = []
    for items in loads:
        bodies = _bodies(items)
        rates.append(len(items) / site.post(f"/api/v1/{what}/bulk/", bodies, clients=CLIENTS))
    return round(statistics.median(rates))


def _single(site: Site, address: str, bodies: Sequence[bytes]) -> int:
    """One client, one item a call; the first tenth warms up."""
    warm = len(bodies) // 10
    site.post(address, bodies[:warm], clients=1)
    return round((len(bodies) - warm) / site.post(address, bodies[warm:], clients=1))


def _bodies(items: Sequence[Item]) -> list[bytes]:
    return [body(items[start : start + BATCH]) for start in range(0, len(items), BATCH)]


def _json(item: Item) -> bytes:
    import json

    return json.dumps(item).encode()


def _key() -> str:
    from core.models import ApiKey
    from core.services.keys import create_api_key

    key, text = create_api_key(name="benchmark", scopes=["orders:write", "events:write", "members:write"], now=NOW)
    ApiKey.objects.filter(pk=key.pk).update(requests_per_minute=10_000_000)
    return text


# --- From a file


def _from_a_file(size: str) -> Iterator[str]:
    count = IN_FILE[size]
    with tempfile.TemporaryDirectory(prefix="rekindle-bench-") as folder:
        path = Path(folder) / "orders.csv"
        _write_csv(path, size, count)
        done = run_command("import_orders", path)
    rate = round(count / done.seconds)
    note(
        "ingest",
        f"a file of {count:,} orders",
        size=size,
        seconds=round(done.seconds, 1),
        per_second=rate,
        mib=done.peak_mib,
    )
    if done.seconds > FILE_SECONDS:
        yield f"ingest: a file of {count:,} orders took {done.seconds:.0f} s (at most {FILE_SECONDS})"
    if done.peak_mib > MOST_MIB:
        yield f"ingest: a file of {count:,} orders took {done.peak_mib} MiB (at most {MOST_MIB})"


def _write_csv(path: Path, size: str, count: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        first = _orders(size, 1, "file")[0]
        writer.writerow(first)
        for start in range(0, count, BATCH):
            writer.writerows(item.values() for item in _orders(size, min(BATCH, count - start), f"file{start}"))


# --- Items


def _prepare(size: str) -> None:
    """Members, a shop and products, so that what is measured is orders and events."""
    from members.ingest import ingest_members, ingest_orders
    from members.models import Shop

    Shop.objects.create(slug="default", name="default")
    members = [{"external_id": f"m{number}"} for number in range(MEMBERS[size])]
    for start in range(0, len(members), BATCH):
        ingest_members(members[start : start + BATCH], now=NOW, proof="benchmark")
    ingest_orders(_orders(size, 100, "products", lines=LINES), now=NOW)


def _orders(size: str, count: int, name: str, *, lines: int = 0) -> list[Item]:
    draw = random.Random(name)
    members = MEMBERS[size]
    return [
        {
            "external_id": f"{name}-{number}",
            "shop": "default",
            "member": f"m{draw.randrange(members)}",
            "placed_at": (NOW - timedelta(seconds=draw.randrange(63_000_000))).isoformat(timespec="seconds"),
            "status": "completed",
            "total_minor": 12_345,
            "discount_minor": 100,
            "paid_minor": 12_345,
            "payment_method": "alipay",
            "channel": "app",
            "coupon_code": "",
            "city": "杭州",
            "province": "浙江",
        }
        | ({"lines": [_line(draw) for _ in range(lines)]} if lines else {})
        for number in range(count)
    ]


def _line(draw: random.Random) -> Item:
    return {"product": f"p{draw.randrange(100)}", "category": "tea", "quantity": 2, "unit_price_minor": 1_500}


def _events(size: str, count: int, name: str) -> list[Item]:
    draw = random.Random(name)
    members = MEMBERS[size]
    return [
        {
            "id": f"{name}-{number}",
            "member": f"m{draw.randrange(members)}",
            "kind": "view",
            "at": (NOW - timedelta(seconds=draw.randrange(63_000_000))).isoformat(timespec="seconds"),
            "session_id": f"session {number // 5}",
            "page": "/tea/green",
            "dwell_seconds": 12,
            "product": f"p{draw.randrange(100)}",
        }
        for number in range(count)
    ]
