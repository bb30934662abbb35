"""The zone that stored days follow: nobody writes days of another, and changing it works all of them out anew.

A process that was started with another SHOP_TIME_ZONE is refused before it writes its first row. Whoever writes days holds
the calendar, together with all others who do; a change waits for them, and lets nobody in until it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Max, Min, Model
from django.utils.translation import gettext_lazy as _

from core.conf import shop_zone
from core.errors import DomainError
from core.locks import LockSpace, lock_for_transaction
from core.sql import insert_rows
from members.models import BehaviourEvent, GrowthEntry, Member, Order, StoredCalendar

DAY_SECONDS = 86_400


class ZoneChanged(DomainError):
    """The database follows another calendar than this process would write."""

    code = "time_zone_changed"

    def __init__(self, *, stored: str, configured: str) -> None:
        super().__init__(
            _(
                "The days of orders and events are stored in the time zone %(stored)s, but SHOP_TIME_ZONE is %(configured)s."
                " Set it back, or run “python manage.py change_time_zone”, which works out all days anew."
            )
            % {"stored": stored, "configured": configured}
        )


HELD_ZONE = "SELECT pg_advisory_xact_lock_shared(%s, 0); SELECT zone FROM members_storedcalendar"
"""Two statements in one message, the second sees what was committed while the first waited. Written out, as every call that
writes asks it: putting it together would take as long as asking."""


def demand_zone(*, now: datetime) -> None:
    """This function will raise ZoneChanged unless stored days follow SHOP_TIME_ZONE. An empty database takes it over."""
    _demand(StoredCalendar.objects.values_list("zone", flat=True).first(), now)


def hold_zone(*, now: datetime) -> None:
    """This function will do the same and keep the zone as it is until the caller's transaction ends."""
    if connection.vendor != "postgresql":
        demand_zone(now=now)
        return
    if not connection.in_atomic_block:
        raise RuntimeError("the calendar is held inside transaction.atomic()")
    with connection.cursor() as cursor:
        cursor.execute(HELD_ZONE, [int(LockSpace.CALENDAR)])
        cursor.nextset()
        row = cursor.fetchone()
    _demand(row[0] if row else None, now)


def keep_writers_out() -> None:
    """This function will wait for everybody who takes members, orders or events in, and let nobody begin until the caller's
    transaction ends. Taken before rows are locked: they may wait for those."""
    lock_for_transaction(LockSpace.CALENDAR)


def _demand(stored: str | None, now: datetime) -> None:
    if stored is None:
        insert_rows(StoredCalendar, ["id", "zone", "changed_at"], [(1, shop_zone().key, now)], conflict=["id"])
        stored = StoredCalendar.objects.values_list("zone", flat=True).get()
    if stored != shop_zone().key:
        raise ZoneChanged(stored=stored, configured=shop_zone().key)


def change_zone(*, now: datetime) -> dict[str, int]:
    """This function will work out every stored day and hour in SHOP_TIME_ZONE and return how many rows changed, by kind.

    1. wait for everybody who writes days, and keep others out until the caller's transaction ends;
    2. rewrite the rows whose day or hour differs, one statement for each span in which the zone's clock did not change;
    3. note the zone.
    """
    with transaction.atomic():
        keep_writers_out()
        zone = shop_zone()
        counts = {each.code: sum(_rewrite(each, span) for span in _spans_of(each, zone)) for each in DAYS}
        StoredCalendar.objects.update_or_create(defaults={"zone": zone.key, "changed_at": now})
    return counts


# --- Which columns are days


@dataclass(frozen=True, slots=True)
class Days:
    """A column that holds the day (and, where there is one, the column with the hour) of an instant."""

    code: str
    model: type[Model]
    instant: str
    day: str
    hour: str = ""


DAYS: Sequence[Days] = (
    Days("orders", Order, "placed_at", "placed_day", "placed_hour"),
    Days("events", BehaviourEvent, "occurred_at", "day"),
    Days("members", Member, "registered_at", "registered_day"),
    Days("growth", GrowthEntry, "counts_at", "day"),
)


# --- Spans of one offset


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` (included) to `end` the zone's clock is `offset_seconds` ahead of UTC."""

    first: datetime
    end: datetime
    offset_seconds: int


def spans(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[Span]:
    """This function will cut the time from `first` to `last` (both included) where the zone's clock is changed.

    Clocks are changed at whole seconds, so that spans begin and end there. The zone's rules are Python's own, with which
    ingest works out days: a database's tables may be older or newer.
    """
    at, end = _second(first), _second(last) + timedelta(seconds=1)
    while at < end:
        offset, turn = _offset(zone, at), _next_turn(zone, at, end)
        yield Span(at, turn, offset)
        at = turn


def _second(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _next_turn(zone: ZoneInfo, at: datetime, end: datetime) -> datetime:
    """A clock that was changed twice within one day is not looked for: no zone since 1990 did it."""
    offset = _offset(zone, at)
    low, high = at, min(at + timedelta(days=1), end)
    while high < end and _offset(zone, high) == offset:
        low, high = high, min(high + timedelta(days=1), end)
    if _offset(zone, high) == offset:
        return end
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high


def _spans_of(days: Days, zone: ZoneInfo) -> list[Span]:
    found = days.model._default_manager.aggregate(first=Min(days.instant), last=Max(days.instant))
    return [*spans(zone, found["first"], found["last"])] if found["first"] is not None else []


# --- Rewriting


def _rewrite(days: Days, span: Span) -> int:
    """Rows that are right already are left alone: between near zones most days stay, and every write costs its indexes."""
    quote = connection.ops.quote_name
    table = quote(days.model._meta.db_table)
    local = f"({_seconds(quote(days.instant))} + {span.offset_seconds})"
    day = f"CAST(FLOOR({local} / {DAY_SECONDS}) AS integer)"
    changes = {days.day: day}
    if days.hour:
        # Whole microseconds after midnight; at the very first the hour is not known (core.periods.hour_of_day).
        since = f"({local} - FLOOR({local} / {DAY_SECONDS}) * {DAY_SECONDS})"
        midnight = f"{local} = FLOOR({local} / {DAY_SECONDS}) * {DAY_SECONDS}"
        changes[days.hour] = f"CASE WHEN {midnight} THEN NULL ELSE CAST(FLOOR({since} / 3600) AS integer) END"
    sets = ", ".join(f"{quote(column)} = {value}" for column, value in changes.items())
    differ = " OR ".join(_differs(quote(column), value) for column, value in changes.items())
    sql = f"UPDATE {table} SET {sets} WHERE {quote(days.instant)} >= %s AND {quote(days.instant)} < %s AND ({differ})"
    adapt = connection.ops.adapt_datetimefield_value
    parameters: list[Any] = [adapt(span.first), adapt(span.end)]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def _seconds(column: str) -> str:
    """Seconds since 1970, exact to the microsecond on PostgreSQL (numeric); SQLite keeps UTC text, whose fraction is only
    asked whether it is there."""
    if connection.vendor == "postgresql":
        return f"EXTRACT(epoch FROM {column})"
    return f"(CAST(strftime('%%s', substr({column}, 1, 19)) AS integer) + (length({column}) > 19) * 0.5)"


def _differs(column: str, value: str) -> str:
    return f"{column} {'IS DISTINCT FROM' if connection.vendor == 'postgresql' else 'IS NOT'} {value}"
