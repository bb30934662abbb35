"""Points of a whole shop: given to everybody, expired in one night, and a night with nothing to do; and earning by rules.

The limit is what the database needs to write the same rows at all: entries and movements copied, lots and accounts updated
by one statement each, with nothing asked and nothing proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tools.bench.database import AS_OF, empty, run_sql, settle
from tools.bench.figures import note, seconds_of
from tools.bench.jobs import MOST_MIB, run_command

NOW = AS_OF
LATER = NOW + timedelta(days=2)
LOTS = {"tiny": 500, "small": 50_000, "full": 1_000_000}
ORDERS = {"tiny": 200, "small": 5_000, "full": 50_000}
AT_ONCE = 10_000
EXPIRED_SECONDS = 60
IDLE_SECONDS = 0.2
SETTLE = (
    "from datetime import datetime; from members.services.points.settling import settle_points;"
    " print(settle_points(now=datetime.fromisoformat('{now}'))['expired'])"
)


def run(size: str) -> list[str]:
    """This function will give, expire and look again, and name the targets that were missed."""
    with empty():
        missed = list(_measure(size, LOTS[size]))
    with empty():
        _earning(size, ORDERS[size])
    return missed


def _measure(size: str, lots: int) -> Iterator[str]:
    given = seconds_of(lambda: _give(lots))
    note("points", "awards in batches", size=size, lots=lots, per_second=round(lots / given))
    settle()
    limit = _limit(lots)
    settle()
    done = run_command("shell", "-v", "0", "-c", SETTLE.format(now=LATER.isoformat()))
    if int(done.output.split()[-1]) != lots:
        raise RuntimeError(f"{done.output} lots expired instead of {lots}")
    ratio = round(done.seconds / limit, 1)
    note("points", "the same rows written at all (limit)", size=size, seconds=round(limit, 2))
    note("points", "everything expires", size=size, seconds=round(done.seconds, 2), mib=done.peak_mib, times_limit=ratio)
    settle()
    idle = seconds_of(_settle_again)
    note("points", "nothing is due", size=size, seconds=round(idle, 4))
    proved = seconds_of(_prove)
    note("points", "books proved", size=size, seconds=round(proved, 2))
    if done.seconds > EXPIRED_SECONDS:
        yield f"points: {lots:,} lots expired in {done.seconds:.0f} s (at most {EXPIRED_SECONDS})"
    if done.peak_mib > MOST_MIB:
        yield f"points: expiry took {done.peak_mib} MiB (at most {MOST_MIB})"
    if idle > IDLE_SECONDS:
        yield f"points: nothing due took {idle:.2f} s (at most {IDLE_SECONDS})"


def _give(lots: int) -> None:
    from members.services.points.awarding import Award, award_batch

    for first in range(0, lots, AT_ONCE):
        members = range(first + 1, min(first + AT_ONCE, lots) + 1)
        award_batch(awards=[Award(each, 100, "welcome", expires_at=NOW + timedelta(days=1)) for each in members], now=NOW)


def _limit(lots: int) -> float:
    """Taken back at the end: what is measured next does the same for real."""
    run_sql("CREATE TABLE copied_entry (LIKE members_ledgerentry INCLUDING ALL)")
    run_sql("CREATE TABLE copied_movement (LIKE members_lotmovement INCLUDING ALL)")
    run_sql("CREATE TABLE copied_lot (LIKE members_pointslot INCLUDING ALL)")
    run_sql("CREATE TABLE copied_account (LIKE members_pointsaccount INCLUDING ALL)")
    run_sql("INSERT INTO copied_lot SELECT * FROM members_pointslot")
    run_sql("INSERT INTO copied_account SELECT * FROM members_pointsaccount")
    settle()
    seconds = seconds_of(_write_all)
    for table in ("entry", "movement", "lot", "account"):
        run_sql(f"DROP TABLE copied_{table}")
    return seconds


def _write_all() -> None:
    run_sql("INSERT INTO copied_entry SELECT * FROM members_ledgerentry")
    run_sql("INSERT INTO copied_movement SELECT * FROM members_lotmovement")
    run_sql("UPDATE copied_lot SET available = 0, expired = expired + 100")
    run_sql("UPDATE copied_account SET available = available - 100")


def _settle_again() -> None:
    from members.services.points.settling import settle_points

    counts = settle_points(now=LATER)
    if any(counts.values()):
        raise RuntimeError(f"something was due still: {counts}")


def _prove() -> None:
    from members.services.points.checks import CHECKS

    wrong = [sentence for check in CHECKS for sentence in check.rows()]
    if wrong:
        raise RuntimeError(wrong[0])


# --- earning


def _earning(size: str, orders: int) -> None:
    """Orders taken in without a rule and with two, then reckoned, and reckoned once more with nothing to give."""
    from members.models import Order
    from members.services.earning.marks import mark_orders
    from members.services.earning.rules import begin_rule
    from members.services.earning.working import earn

    _take_in("w", orders)  # makes the members
    settle()
    without = seconds_of(lambda: _take_in("a", orders))
    terms = {"name": "bench", "occasion": "order", "amount": 1, "per_minor": 100}
    for currency in ("points", "growth"):
        begin_rule(terms=terms | {"currency": currency}, now=NOW - timedelta(days=1))
    earn(now=NOW)
    settle()
    with_rules = seconds_of(lambda: _take_in("b", orders))
    speeds = {"without_rules": round(orders / without), "with_rules": round(orders / with_rules)}
    note("points", "orders taken in", size=size, orders=orders, **speeds)
    settle()
    reckoned = seconds_of(lambda: earn(now=NOW))
    note("points", "orders reckoned by two rules", size=size, per_second=round(orders / reckoned))
    mark_orders(Order.objects.filter(external_id__startswith="b").values_list("pk", flat=True))
    again = seconds_of(lambda: earn(now=NOW))
    note("points", "orders reckoned again", size=size, per_second=round(orders / again))


def _take_in(name: str, orders: int) -> None:
    from members.ingest.load import ingest_orders

    at = NOW.isoformat()
    for first in range(0, orders, 1_000):
        items = [
            {
                "external_id": f"{name}{n}",
                "member": f"m{n % (orders // 5)}",
                "placed_at": at,
                "status": "completed",
                "total_minor": 9_950,
            }
            for n in range(first, min(first + 1_000, orders))
        ]
        ingest_orders(items, now=NOW)
