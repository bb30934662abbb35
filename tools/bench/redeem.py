"""Redeeming one hot code from twenty clients: ours against how shops usually do it, on a PostgreSQL that keeps its data.

Two questions to each way. Of 200 attempts on a code limited to 100, how many succeed? And how many uses a second does the
code take when the limit is far? Clients are threads of two processes, as two web workers would be.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from tools.bench.database import empty
from tools.bench.figures import note

PROCESSES = 2
CLIENTS = 20
LIMIT = 100
ATTEMPTS = 200
USES = {"tiny": 80, "small": 4_000, "full": 20_000}
TARGET_PER_SECOND = 1_000

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Way = Callable[[str, int], bool]


def run(size: str) -> list[str]:
    """This function will measure every way and name the targets that ours missed."""
    with empty():
        _prepare()
        return list(_measure(size))


def _measure(size: str) -> Iterator[str]:
    for name, way in WAYS.items():
        code = _template(LIMIT)
        _attempt(way, [code] * ATTEMPTS)
        redeemed = _uses(code)
        hot = _template(None)
        uses = USES[size] if way in OURS else USES[size] // 4
        seconds, slowest = _attempt(way, [hot] * uses)
        rate = round(_uses(hot) / seconds)
        note("redeem", name, size=size, redeemed=redeemed, of=LIMIT, per_second=rate, p95_ms=slowest)
        if name == "service" and (redeemed != LIMIT or rate < TARGET_PER_SECOND):
            yield f"redeem: {redeemed} of {LIMIT}, {rate} a second on a hot code (at least {TARGET_PER_SECOND})"
    codes = _own_codes(USES[size])
    seconds, slowest = _attempt(service, codes)
    note("redeem", "service, distinct codes", size=size, per_second=round(len(codes) / seconds), p95_ms=slowest)


# --- The ways


def service(code: str, number: int) -> bool:
    """Ours: a look, then one statement that is a transaction of its own."""
    from campaigns.coupons.redeem import redeem
    from campaigns.coupons.refusals import CouponRefused

    try:
        redeem(code=code, order=f"o{number}", member=f"m{number % CLIENTS}", amount_minor=1000, now=NOW)
    except CouponRefused:
        return False
    return True


def read_check_write(code: str, number: int) -> bool:
    from campaigns.models import CouponTemplate

    template = CouponTemplate.objects.get(code=code)
    if template.total_limit is not None and template.redeemed >= template.total_limit:
        return False
    _insert(template.pk, code, number)
    template.redeemed += 1
    template.save(update_fields=["redeemed"])
    return True


def select_for_update(code: str, number: int) -> bool:
    from django.db import transaction

    from campaigns.models import CouponTemplate

    with transaction.atomic():
        template = CouponTemplate.objects.select_for_update().get(code=code)
        if template.total_limit is not None and template.redeemed >= template.total_limit:
            return False
        _insert(template.pk, code, number)
        template.redeemed += 1
        template.save(update_fields=["redeemed"])
    return True


def update_then_insert(code: str, number: int) -> bool:
    from django.db import transaction
    from django.db.models import F, Q

    from campaigns.models import CouponTemplate

    below = Q(total_limit__isnull=True) | Q(redeemed__lt=F("total_limit"))
    with transaction.atomic():
        if not CouponTemplate.objects.filter(below, code=code).update(redeemed=F("redeemed") + 1):
            return False
        _insert(CouponTemplate.objects.values_list("pk", flat=True).get(code=code), code, number)
    return True


WAYS: dict[str, Way] = {
    "service": service,
    "read, check, write": read_check_write,
    "select_for_update": select_for_update,
    "conditional UPDATE, then INSERT": update_then_insert,
}
OURS = {service}


def _insert(template_id: int, code: str, number: int) -> None:
    from campaigns.models import Redemption

    Redemption.objects.create(
        template_id=template_id, code=code, order=f"o{number}", amount_minor=1000, discount_minor=500, redeemed_at=NOW
    )


# --- Clients


def _attempt(way: Way, codes: list[str]) -> tuple[float, float]:
    """This function will have every code attempted once, and return seconds and the 95th percentile in milliseconds."""
    from django.db import connections

    connections.close_all()
    shares = [[*enumerate(codes)][place::PROCESSES] for place in range(PROCESSES)]
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(PROCESSES)
    with context.Pool(PROCESSES, initializer=_keep, initargs=(barrier,)) as pool:
        results = pool.starmap(_process, [(way, share) for share in shares], chunksize=1)
    seconds = max(end for _begin, end, _times in results) - min(begin for begin, _end, _times in results)
    times = sorted(each for _begin, _end, times in results for each in times)
    return seconds, round(times[int(len(times) * 0.95)] * 1000, 1)


_shared: dict[str, Any] = {}


def _keep(barrier: Any) -> None:
    _shared["barrier"] = barrier


def _process(way: Way, share: list[tuple[int, str]]) -> tuple[float, float, list[float]]:
    """One web worker: threads with connections made before the clock starts."""
    threads = CLIENTS // PROCESSES
    local = [share[place::threads] for place in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_connect, range(threads)))
        _shared["barrier"].wait(timeout=60)
        begin = time.monotonic()
        times = [each for times in pool.map(_client, [way] * threads, local) for each in times]
        end = time.monotonic()
    return begin, end, times


def _connect(_number: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.2)")  # long enough that every thread of the pool takes one


def _client(way: Way, share: list[tuple[int, str]]) -> list[float]:
    times = []
    for number, code in share:
        begin = time.monotonic()
        way(code, number)
        times.append(time.monotonic() - begin)
    return times


# --- Rows


def _prepare() -> None:
    from members.models import Member

    Member.objects.bulk_create([Member(external_id=f"m{number}", created_at=NOW) for number in range(CLIENTS)])


def _template(limit: int | None) -> str:
    from campaigns.models import CouponTemplate

    code = f"HOT-{CouponTemplate.objects.count()}"
    CouponTemplate.objects.create(
        slug=code, name=code, code=code, benefit="fixed", amount_minor=500, total_limit=limit, created_at=NOW
    )
    return code


def _uses(code: str) -> int:
    from campaigns.models import Redemption

    return Redemption.objects.filter(code=code).count()


def _own_codes(count: int) -> list[str]:
    """Held by the members who will use them, in the order in which they will."""
    from django.db import transaction

    from campaigns.coupons.issue import Grant, issue_batch
    from campaigns.models import CouponTemplate
    from members.models import Member

    template = CouponTemplate.objects.create(slug="own", name="own", benefit="fixed", amount_minor=500, created_at=NOW)
    ids = dict(Member.objects.values_list("external_id", "pk"))
    grants = [Grant(ids[f"m{number % CLIENTS}"], number, 0) for number in range(count)]
    with transaction.atomic():
        answers = issue_batch(template_id=template.pk, grants=grants, now=NOW)
    return [answers[number] for number in range(count)]
