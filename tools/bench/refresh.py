"""Facts, segments and transitions kept true: a night, a day, a moment without changes; how each grows; what a rule costs.

The peers are what most engines do: an upsert of everybody's facts, and one query a segment compared with its members.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tools.bench.database import AS_OF, GROWTH, SCALES, SEED, Scale, middle, run_sql, settle, shop, spent
from tools.bench.facts import upsert_everybody
from tools.bench.figures import note, seconds_of
from tools.bench.jobs import MOST_MIB, run_command
from tools.bench.rules import RULES, WINDOWS, make_segments

NIGHT_SECONDS = 6.0
TIMES_UPSERT = 7
DAY_SECONDS = 1.5
DAY_GROWTH = 1.5
IDLE_SECONDS = 0.2
TIMES_QUERIES = 8
PREVIEW_SECONDS = 2.0
EXPLAIN_SECONDS = 0.3
WINDOW_SECONDS = 1.0
CHANGED = 0.01
RUNS = 3
BATCH = 1_000


def run(size: str) -> list[str]:
    """This function will measure every kind of refresh and name the targets that were missed."""
    scale = SCALES[size]
    missed = [*_first_fill(size, scale)]
    with shop(scale):
        missed += _nights_and_days(size, scale)
        missed += _rules(size, scale)
        missed += _windows(size, scale)
    with shop(scale):
        missed += _memory(size, scale)
    return [*missed, *_growth(size)]


# --- The first time


def _first_fill(size: str, scale: Scale) -> Iterator[str]:
    from retention.services.refresh import refresh

    with shop(scale, segments=0):
        make_segments(len(RULES))
        seconds = seconds_of(lambda: refresh(as_of=AS_OF, now=AS_OF))
        note("refresh", f"{len(RULES)} new segments filled", size=size, seconds=round(seconds, 2), members=_memberships())
    yield from ()


def _memberships() -> int:
    from retention.models import Membership

    return Membership.objects.count()


# --- Nights and days


def _nights_and_days(size: str, scale: Scale) -> Iterator[str]:
    upserts, nights = [], []
    for number in range(1, RUNS + 1):  # in turns, because a machine is faster at one time than at another
        nights.append(_night(scale, number))
        upserts.append(spent(lambda: run_sql(upsert_everybody())))
        # As the night left them: the statement counts as of the first day.
        _count_anew(number)
        settle()
    night, stages = _middle(nights)
    days = [_day(scale, number) for number in range(RUNS)]
    day, parts = _middle(days)
    idle = middle([spent(lambda: _nothing(RUNS)) for _ in range(9)]).seconds
    upsert = middle(upserts).seconds
    queries = _queries()
    segments = stages.get("scan", 0.0) + stages.get("memberships", 0.0)
    dirty = parts.get("scan", 0.0) + parts.get("memberships", 0.0)
    note("refresh", "upsert of everybody's facts (peer)", size=size, **middle(upserts).rounded())
    note("refresh", "one query a segment (peer)", size=size, seconds=round(queries, 2))
    times = {"times_upsert": round(upsert / night, 1), "times_upsert_and_queries": round((upsert + queries) / night, 1)}
    note("refresh", "a night, 1% changed", size=size, **stages, **times)
    note("refresh", "a day, 1% changed", size=size, **parts)
    note("refresh", "nothing changed", size=size, seconds=round(idle, 4))
    note(
        "refresh",
        "segments alone",
        size=size,
        one_scan=round(segments, 2),
        times_queries=round(queries / segments, 1),
        dirty_only=round(dirty, 3),
        dirty_times_queries=round(queries / dirty, 1),
    )
    if night > NIGHT_SECONDS:
        yield f"refresh: a night takes {night:.1f} s (at most {NIGHT_SECONDS})"
    if upsert + queries < TIMES_UPSERT * night:
        yield f"refresh: a night is {(upsert + queries) / night:.1f} times faster than all again (at least {TIMES_UPSERT})"
    if day > DAY_SECONDS:
        yield f"refresh: 1% changed takes {day:.2f} s during the day (at most {DAY_SECONDS})"
    if idle > IDLE_SECONDS:
        yield f"refresh: nothing changed takes {idle:.3f} s (at most {IDLE_SECONDS})"
    if queries < TIMES_QUERIES * segments:
        yield f"refresh: one scan is {queries / segments:.1f} times faster than a query a segment (at least {TIMES_QUERIES})"


def _night(scale: Scale, number: int) -> Mapping[str, float]:
    """Orders of 1% of the members came in on a new day; the night after it."""
    _change(scale, round(scale.members * CHANGED), at=number, hours_before=12)
    return _refreshed(number)


def _day(scale: Scale, number: int, *, count: int = 0) -> Mapping[str, float]:
    """Orders of 1% of the members came in since the last refresh of the same day."""
    _change(scale, count or round(scale.members * CHANGED), at=RUNS, hours_before=2 + number)
    return _refreshed(RUNS)


def _refreshed(days: int, *, full: bool = False) -> Mapping[str, float]:
    """Seconds by stage, in total, and of processors."""
    from retention.services.refresh import RefreshReport, refresh

    as_of = AS_OF + timedelta(days=days)
    reports: list[RefreshReport] = []
    took = spent(lambda: reports.append(refresh(as_of=as_of, now=as_of, full=full)))
    return {**reports[0].seconds, "total": took.seconds, "cpu": took.cpu}


def _count_anew(days: int) -> None:
    from retention.services.facts import count_all

    count_all(as_of=AS_OF + timedelta(days=days), changed_at=AS_OF + timedelta(days=days))


def _middle(runs: Sequence[Mapping[str, float]]) -> tuple[float, dict[str, float]]:
    """The middle run's total, and each stage's middle one."""
    stages = {name: round(statistics.median(each.get(name, 0.0) for each in runs), 3) for name in runs[-1]}
    return statistics.median(each["total"] for each in runs), stages


def _nothing(days: int) -> None:
    from retention.services.refresh import refresh

    as_of = AS_OF + timedelta(days=days)
    if refresh(as_of=as_of, now=as_of).run_id is not None:
        raise RuntimeError("something had changed")


def _change(scale: Scale, count: int, *, at: int, hours_before: int) -> None:
    """This function will take an order each of some members in, as a shop's system would, not timed."""
    from members.ingest import ingest_orders

    now = AS_OF + timedelta(days=at)
    draw = random.Random(f"{at} {hours_before} {count}")
    placed_at = (now - timedelta(hours=hours_before)).isoformat()
    items = [
        {
            "external_id": f"changed-{at}-{hours_before}-{number}",
            "member": f"s{SEED}-m{member:08d}",
            "placed_at": placed_at,
            "status": "paid",
            "total_minor": draw.randrange(1_000, 50_000),
            "channel": "app",
        }
        for number, member in enumerate(draw.sample(range(scale.members), count))
    ]
    for start in range(0, count, BATCH):
        ingest_orders(items[start : start + BATCH], now=now)


def _queries() -> float:
    """One query a segment for who came and one for who went, each against the members stored; rolled back."""
    from django.db import transaction

    from retention.models import Segment

    def ask_one_by_one() -> None:
        with transaction.atomic():
            for segment in Segment.objects.select_related("version"):
                _ask(segment)
            transaction.set_rollback(True)

    return seconds_of(ask_one_by_one)


def _ask(segment: Any) -> None:
    from django.db import connection

    from retention.selectors import matching

    meant, params = matching(rule=segment.version.rule).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO retention_membership (segment_id, member_id, entered_at)"
            f" SELECT %s, meant.member_id, now() FROM ({meant}) AS meant LEFT JOIN retention_membership AS inside"
            " ON inside.segment_id = %s AND inside.member_id = meant.member_id WHERE inside.id IS NULL",
            [segment.pk, *params, segment.pk],
        )
        cursor.execute(
            f"DELETE FROM retention_membership AS inside WHERE segment_id = %s AND member_id NOT IN ({meant})",
            [segment.pk, *params],
        )


# --- Rules


def _rules(size: str, scale: Scale) -> Iterator[str]:
    from members.models import Member
    from retention.selectors import explain, preview

    shown = {slug: seconds_of(lambda rule=rule: preview(rule=rule)) for slug, rule in RULES.items()}  # type: ignore[misc]
    slowest = max(shown, key=lambda slug: shown[slug])
    worst, middle = shown[slowest], statistics.median(shown.values())
    note("refresh", "preview of a rule", size=size, median=round(middle, 3), worst=round(worst, 3), rule=slowest)
    member_id = Member.objects.get(external_id=f"s{SEED}-m{scale.members // 2:08d}").pk
    said = [seconds_of(lambda rule=rule: explain(rule=rule, member_id=member_id)) for rule in RULES.values()]  # type: ignore[misc]
    note("refresh", "why (not) this member", size=size, median=round(statistics.median(said), 4), worst=round(max(said), 4))
    if worst > PREVIEW_SECONDS:
        yield f"refresh: a preview of {slowest} takes {worst:.1f} s (at most {PREVIEW_SECONDS})"
    if max(said) > EXPLAIN_SECONDS:
        yield f"refresh: an explanation takes {max(said):.2f} s (at most {EXPLAIN_SECONDS})"


def _windows(size: str, scale: Scale) -> Iterator[str]:
    """The same night with rules about what members did within some days: each its own look at the orders or events."""
    from retention.services.refresh import refresh

    make_segments(len(WINDOWS), rules=WINDOWS)
    as_of = AS_OF + timedelta(days=RUNS)
    refresh(as_of=as_of, now=as_of)
    settle()
    scans = []
    for number in range(RUNS + 1, 2 * RUNS + 1):
        seconds = _night(scale, number)
        scans.append((seconds["total"], seconds.get("scan", 0.0)))
    total, scan = statistics.median(each for each, _ in scans), statistics.median(each for _, each in scans)
    note("refresh", f"a night with {len(WINDOWS)} windows more", size=size, total=round(total, 2), scan=round(scan, 2))
    if total > NIGHT_SECONDS + WINDOW_SECONDS * len(WINDOWS):
        yield f"refresh: a night with {len(WINDOWS)} behaviour windows takes {total:.1f} s"


# --- Memory and growth


def _memory(size: str, scale: Scale) -> Iterator[str]:
    """Each job as a process of its own."""
    as_of = (AS_OF + timedelta(days=1)).isoformat()
    _change(scale, round(scale.members * CHANGED), at=1, hours_before=12)
    jobs = {
        "refresh, a night": ("refresh", "--as-of", as_of),
        "refresh --full": ("refresh", "--full", "--as-of", as_of),
        "fit_models": ("fit_models", "--as-of", as_of),
        "verify": ("verify",),
    }
    for name, command in [*jobs.items()][: 1 if size == "tiny" else None]:
        done = run_command(*command)
        note("refresh", f"memory of {name}", size=size, mib=done.peak_mib, seconds=round(done.seconds, 1))
        if done.peak_mib > MOST_MIB:
            yield f"refresh: {name} takes {done.peak_mib} MiB (at most {MOST_MIB})"


def _growth(size: str) -> Iterator[str]:
    """The same number of changes costs the same in a shop of any size; a night and a full pass grow with the shop."""
    count = round(GROWTH[size][-1].members * CHANGED)
    days: list[float] = []
    processor: list[float] = []
    for scale in GROWTH[size]:
        changed = min(count, scale.members)
        with shop(scale):
            night, _stages = _middle([_night(scale, number) for number in range(1, RUNS + 1)])
            day, parts = _middle([_day(scale, number, count=changed) for number in range(RUNS)])
            full = _refreshed(RUNS, full=True)
        days.append(day)
        processor.append(parts["cpu"])
        note(
            "refresh",
            f"{scale.members:,} members, {scale.orders:,} orders",
            size=size,
            night=round(night, 2),
            full=round(full["total"], 2),
            full_cpu=round(full["cpu"], 2),
            **{f"{changed}_changed": round(day, 3), "cpu": processor[-1]},
        )
    times = min(days[-1] / days[0], processor[-1] / max(processor[0], 0.001))
    if times > DAY_GROWTH:
        yield f"refresh: {count:,} changes cost {times:.2f} times as much in the largest shop (at most {DAY_GROWTH})"
