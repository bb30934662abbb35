"""What each member's measure adds up to, and which tier follows from it: statements over everybody or the due members.

Two scratch tables: `tier_count` holds the measures, `tier_next` what each member then holds. Tiers stand in the statements
as levels: a scheme that is only being thought about has no rows yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Case, F, IntegerField, Q, Value, When
from django_cte import with_cte

from core.conf import shop_zone
from core.periods import date_of, day_number, day_of
from core.scratch import execute, know_size, scratch_table
from members.models import (
    DowngradePolicy,
    DowngradeStep,
    GrowthEntry,
    Member,
    MemberTier,
    ReviewRule,
    TierCause,
    TierMeasure,
    TierScheme,
    TierWindow,
)
from retention.models import DueMember
from retention.services.facts import orders_as_of

MEMBERS, HELD, DUE = Member._meta.db_table, MemberTier._meta.db_table, DueMember._meta.db_table
NEVER_REVIEWED = "CAST(NULL AS integer)"

Sql = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Rung:
    """A tier as the statements know it; `tier_id` None for one that is only thought about."""

    level: int
    threshold: int
    tier_id: int | None


@dataclass(frozen=True, slots=True)
class Counting:
    """One count: by which scheme and rungs, as of when, of whom; `changed` when the scheme was, since the last count."""

    scheme: TierScheme
    rungs: Sequence[Rung]
    as_of: datetime
    due_only: bool = False
    changed: bool = False

    @property
    def day(self) -> int:
        return day_number(self.as_of, shop_zone())

    @property
    def began_day(self) -> int:
        began = self.scheme.began_day
        return self.day if began is None else min(began, self.day)

    @property
    def reviewed(self) -> bool:
        return self.scheme.downgrade == DowngradePolicy.PERIODIC

    @property
    def remembers_best(self) -> bool:
        return self.scheme.downgrade == DowngradePolicy.REFUND

    # days

    @property
    def first_day(self) -> int:
        """The first day of the window that ends today."""
        return window_begin(self.scheme, self.day)

    @property
    def next_review(self) -> int:
        """When a tier that is reached today is reviewed."""
        if self.scheme.review == ReviewRule.DAYS:
            return self.day + self.scheme.review_days
        return next_date(self.scheme.review_key, self.day)

    # expressions

    def level_of(self, value: str) -> str:
        """This function will write the level that a measure earns; less than nothing earns the lowest."""
        whens = [f"WHEN {value} >= {each.threshold} THEN {each.level}" for each in reversed(self.rungs[1:])]
        return f"CASE {' '.join(whens)} ELSE 1 END" if whens else "1"

    def level_held(self, tier_id: str) -> str:
        whens = [f"WHEN {each.tier_id} THEN {each.level}" for each in self.rungs if each.tier_id is not None]
        return f"CASE {tier_id} {' '.join(whens)} END" if whens else "CAST(NULL AS integer)"

    def tier_at(self, level: str) -> str:
        return f"CASE {level} {' '.join(f'WHEN {each.level} THEN {each.tier_id}' for each in self.rungs)} END"

    def reviewed_from(self, review_day: str) -> str:
        """This function will write the first day of the window that ends the day before a review."""
        if self.scheme.window == TierWindow.DAYS:
            return f"({review_day} - {self.scheme.window_days})"
        year = date_of(self.day).year
        turns = [(_new_year(each), _new_year(each - 1)) for each in range(year + 1, year - 12, -1)]
        return f"CASE {' '.join(f'WHEN {review_day} >= {turn} THEN {first}' for turn, first in turns)} END"


def window_begin(scheme: TierScheme, day: int) -> int:
    """This function will return the first day of the window that ends with `day`."""
    return day - scheme.window_days + 1 if scheme.window == TierWindow.DAYS else _new_year(date_of(day).year)


def next_date(key: int, day: int) -> int:
    """This function will return the next shop day after `day` on a day of the year (month * 100 + day; never 229)."""
    year = date_of(day).year
    this_year = day_of(date(year, key // 100, key % 100))
    return this_year if this_year > day else day_of(date(year + 1, key // 100, key % 100))


def _new_year(year: int) -> int:
    return day_of(date(year, 1, 1))


# --- The measure


@contextmanager
def counted(counting: Counting) -> Iterator[None]:
    """This function will count the measures of everybody, or of the due members, into `tier_count` for the block."""
    columns = "member_id bigint PRIMARY KEY, value bigint NOT NULL, best bigint, judged bigint"
    with scratch_table("tier_count", columns):
        sums = {"value": _within(counting, counting.first_day)}
        if counting.remembers_best:
            sums["best"] = _best(counting)
        if counting.reviewed:
            sums["judged"] = _until_review(counting, f"{HELD} AS reviewed", f"reviewed.review_day <= {counting.day}")
        joins = [f"LEFT JOIN ({sql}) AS {name} ON {name}.member_id = m.id" for name, (sql, _params) in sums.items()]
        told = ", ".join(f"COALESCE({name}.amount, 0)" if name in sums else "NULL" for name in ("value", "best", "judged"))
        scope = "WHERE m.erased_at IS NULL" + (f" AND m.id IN (SELECT member_id FROM {DUE})" if counting.due_only else "")
        execute(
            f"INSERT INTO tier_count (member_id, value, best, judged) SELECT m.id, {told} FROM {MEMBERS} AS m"
            f" {' '.join(joins)} {scope}",
            [value for _sql, params in sums.values() for value in params],
        )
        know_size("tier_count")
        yield


def _amounts(counting: Counting, first_day: int | None) -> Sql:
    """SELECT member_id, day, amount: what counts, each on its day, from `first_day` to `as_of`."""
    if counting.scheme.measure == TierMeasure.GROWTH:
        entries = GrowthEntry.objects.filter(day__lte=counting.day)
        if first_day is not None:
            entries = entries.filter(day__gte=first_day)
        if counting.due_only:
            entries = entries.filter(member_id__in=DueMember.objects.values("member_id"))
        return entries.values_list("member_id", "day", "value").query.sql_with_params()
    later, orders, columns = orders_as_of(counting.as_of, due_only=counting.due_only)
    if first_day is not None:
        orders = orders.filter(placed_day__gte=first_day)
    amount: Any = columns["revenue"]
    if counting.scheme.measure == TierMeasure.ORDERS:
        kept = When(Q(total_minor=0) | Q(left__gt=0), then=Value(1))
        orders = orders.annotate(left=amount)
        amount = Case(kept, default=Value(0), output_field=IntegerField())
    rows = orders.annotate(day=F("placed_day"), amount=amount).values_list("member_id", "day", "amount")
    return with_cte(*([later] if later else []), select=rows).query.sql_with_params()


def _with_names(sql: str) -> str:
    return f"WITH source_rows (member_id, day, amount) AS ({sql}) SELECT member_id, day, amount FROM source_rows"


def _within(counting: Counting, first_day: int) -> Sql:
    source = _amounts(counting, first_day)
    sums = "SELECT member_id, CAST(SUM(amount) AS bigint) AS amount"
    return f"{sums} FROM ({_with_names(source[0])}) AS source GROUP BY member_id", source[1]


def _until_review(counting: Counting, reviewed: str, where: str) -> Sql:
    """What the window that ends the day before each member's review adds up to, as far as it is known.

    Read from the first day that any of them needs: most of a long history is in no window.
    """
    source = _amounts(counting, _first_needed(counting, reviewed, where))
    first = counting.reviewed_from("reviewed.review_day")
    sql = (
        f"SELECT source.member_id, CAST(SUM(source.amount) AS bigint) AS amount FROM ({_with_names(source[0])}) AS source"
        f" JOIN {reviewed} ON reviewed.member_id = source.member_id"
        f" WHERE {where} AND source.day >= {first} AND source.day < reviewed.review_day GROUP BY source.member_id"
    )
    return sql, source[1]


def _first_needed(counting: Counting, reviewed: str, where: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT MIN(reviewed.review_day) FROM {reviewed} WHERE {where}")
        first: int | None = cursor.fetchone()[0]
    return counting.day if first is None else window_begin(counting.scheme, first - 1)


def _best(counting: Counting) -> Sql:
    """The largest window that ended on a day of the scheme: on its first, or on the day of an order since.

    Between two orders windows only lose, so that no other day can have more.
    """
    scheme, began = counting.scheme, counting.began_day
    source = _amounts(counting, window_begin(scheme, began))
    if scheme.window == TierWindow.YEAR:
        years = range(date_of(began).year, date_of(counting.day).year + 1)
        year = " ".join(f"WHEN day >= {_new_year(each)} THEN {each}" for each in reversed(years))
        by_year = f"SELECT member_id, SUM(amount) AS total FROM source GROUP BY member_id, CASE {year} END"
        windows = by_year
    else:
        running = f"SUM(amount) OVER (PARTITION BY member_id ORDER BY day RANGE {scheme.window_days - 1} PRECEDING)"
        windows = (
            f"SELECT member_id, total FROM (SELECT member_id, day, {running} AS total FROM source) AS running"
            f" WHERE day >= {began} UNION ALL"
            f" SELECT member_id, SUM(amount) AS total FROM source WHERE day <= {began} GROUP BY member_id"
        )
    sql = (
        f"WITH source (member_id, day, amount) AS ({source[0]})"
        f" SELECT member_id, CAST(MAX(total) AS bigint) AS amount FROM ({windows}) AS windows GROUP BY member_id"
    )
    return sql, source[1]


# --- What follows


def standing(counting: Counting) -> str:
    """This function will write who holds what and has earned what: a SELECT over `tier_count`.

    `earned` is the level that is reached at once; with a memory of the best it is what the best has earned.
    """
    anew = counting.changed and counting.scheme.restarts
    review, best = (NEVER_REVIEWED, "CAST(NULL AS bigint)") if anew else ("held.review_day", "held.best")
    earned = counting.level_of("c.best" if counting.remembers_best else "c.value")
    return (
        f"SELECT c.member_id, c.value, c.best, held.tier_id AS old_tier, held.since_day, {best} AS old_best,"
        f" {review} AS review_day, {counting.level_held('held.tier_id')} AS level, {earned} AS earned,"
        f" {counting.level_of('c.judged')} AS judged"
        f" FROM tier_count AS c LEFT JOIN {HELD} AS held ON held.member_id = c.member_id"
    )


@contextmanager
def decided(counting: Counting) -> Iterator[None]:
    """This function will decide what each member in `tier_count` holds from now on, into `tier_next` for the block."""
    columns = (
        "member_id bigint PRIMARY KEY, old_tier bigint, level integer, since_day integer, value bigint, best bigint,"
        " review_day integer, cause varchar(10)"
    )
    with scratch_table("tier_next", columns):
        new_level, cause = _moves(counting)
        moved = f"SELECT standing.*, {new_level} AS new_level, {cause} AS cause FROM ({standing(counting)}) AS standing"
        execute(
            "INSERT INTO tier_next (member_id, old_tier, level, since_day, value, best, review_day, cause)"
            f" SELECT member_id, old_tier, new_level, CASE WHEN cause = '' THEN since_day ELSE {counting.day} END,"
            f" value, best, {_review(counting)}, cause FROM ({moved}) AS moved"
        )
        know_size("tier_next")
        yield


def _moves(counting: Counting) -> tuple[str, str]:
    """(the level from now on, why it changed) as CASE over `standing`; an empty cause where it did not."""
    scheme, day = counting.scheme, counting.day
    moves = [("level IS NULL", "earned", TierCause.JOINED), ("earned > level", "earned", TierCause.REACHED)]
    if counting.changed:
        moves[1] = ("earned > level", "earned", TierCause.SCHEME)
        if scheme.moves_down:
            moves.append(("earned < level", "earned", TierCause.SCHEME))
    if counting.remembers_best:
        moves.append(("earned < level AND best < old_best", "earned", TierCause.REFUND))
    if counting.reviewed:
        fallen = f"review_day + {scheme.grace_days} <= {day} AND {_earned_again()} = 0"
        more = "CASE WHEN judged > earned THEN judged ELSE earned END"
        falls = "level - 1" if scheme.step == DowngradeStep.ONE else more
        moves.append((fallen, falls, TierCause.REVIEW))
    level = " ".join(f"WHEN {when} THEN {then}" for when, then, _cause in moves)
    cause = " ".join(f"WHEN {when} THEN '{cause.value}'" for when, _then, cause in moves)
    return f"CASE {level} ELSE level END", f"CASE {cause} ELSE '' END"


def _earned_again() -> str:
    return "CASE WHEN judged >= level OR earned >= level THEN 1 ELSE 0 END"


def _review(counting: Counting) -> str:
    """The next review, over `moved`: none of the lowest tier, from which nobody falls."""
    if not counting.reviewed:
        return NEVER_REVIEWED
    scheme, day, next_review = counting.scheme, counting.day, counting.next_review
    rolled = str(next_review)
    if scheme.review == ReviewRule.DAYS:  # in the member's own turn, however many were missed
        rolled = f"review_day + {scheme.review_days} * (({day} - review_day) / {scheme.review_days} + 1)"
    return (
        f"CASE WHEN new_level = 1 THEN NULL WHEN cause <> '' OR review_day IS NULL THEN {next_review}"
        f" WHEN review_day > {day} THEN review_day WHEN {_earned_again()} = 1 THEN {rolled} ELSE review_day END"
    )


def fresh_rows(counting: Counting) -> Sql:
    """This function will write what everybody in `tier_next` should have stored, the day on which they will fall too:
    member_id, tier_id, since_day, value, best, review_day, drop_day."""
    columns = f"n.member_id, {counting.tier_at('n.level')} AS tier_id, n.since_day, n.value, n.best, n.review_day"
    if not counting.reviewed:
        return f"SELECT {columns}, {NEVER_REVIEWED} AS drop_day FROM tier_next AS n", ()
    judged, params = _until_review(counting, "tier_next AS reviewed", "reviewed.review_day IS NOT NULL")
    falls = f"{counting.level_of('COALESCE(judged.amount, 0)')} < n.level"
    drop = f"CASE WHEN {falls} THEN n.review_day + {counting.scheme.grace_days} END"
    joined = f"tier_next AS n LEFT JOIN ({judged}) AS judged ON judged.member_id = n.member_id"
    return f"SELECT {columns}, {drop} AS drop_day FROM {joined}", params
