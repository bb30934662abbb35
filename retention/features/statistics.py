"""Functions that databases lack or call differently: PostgreSQL computes them itself, SQLite is taught them.

Each reads a member's rows where they stand, beside everything else that is added up: an index-only scan of all orders, and
no second look at any of them. (Counting votes in a scan of its own, and finding each order's predecessor by a window, took
PostgreSQL longer than everything else together.)
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from django.db.models import Aggregate, CharField, Func, IntegerField


class Exactly(Func):
    """A text compared character by character, on PostgreSQL too, whatever the database's collation."""

    template = "%(expressions)s"
    arity = 1
    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='%(expressions)s COLLATE "C"', **context)


class MostFrequent(Aggregate):
    """The value that most rows have, the smallest of several; rows without one have no vote."""

    function = "MOST_FREQUENT"
    name = "MostFrequent"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "MODE() WITHIN GROUP (ORDER BY %(expressions)s)"
        return self.as_sql(compiler, connection, template=template, **context)


class SecondLargest(Aggregate):
    """The largest value but one, however many rows have the largest; missing where all have the same."""

    function = "SECOND_LARGEST"
    name = "SecondLargest"
    output_field = IntegerField(null=True)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template=f"({DESCENDING})[2]", **context)


class Different(Aggregate):
    """How many different values there are."""

    function = "COUNT"
    name = "Different"
    template = "COUNT(DISTINCT %(expressions)s)"
    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """By the list that SecondLargest reads too: PostgreSQL makes it once for both."""
        return self.as_sql(compiler, connection, template=f"CARDINALITY({DESCENDING})", **context)


DESCENDING = "ARRAY_AGG(DISTINCT %(expressions)s ORDER BY %(expressions)s DESC)"


# --- SQLite


def teach_sqlite(*, connection: Any, **_signal: Any) -> None:
    """This function will make the functions known to a connection just opened; a library built without mathematics lacks
    the hyperbolic tangent."""
    if connection.vendor == "sqlite":
        known = connection.connection.execute("SELECT 1 FROM pragma_function_list WHERE name = 'tanh'").fetchone()
        if known is None:
            connection.connection.create_function("TANH", 1, _tanh, deterministic=True)
        for aggregate in (_MostFrequent, _SecondLargest):
            connection.connection.create_aggregate(aggregate.name, 1, aggregate)


def _tanh(value: float | None) -> float | None:
    return None if value is None else math.tanh(value)


class _MostFrequent:
    name = MostFrequent.function

    def __init__(self) -> None:
        self._votes: Counter[Any] = Counter()

    def step(self, value: Any) -> None:
        if value is not None:
            self._votes[value] += 1

    def finalize(self) -> Any:
        return min(self._votes, key=lambda value: (-self._votes[value], value), default=None)


class _SecondLargest:
    name = SecondLargest.function

    def __init__(self) -> None:
        self._values: set[int] = set()

    def step(self, value: int | None) -> None:
        if value is not None:
            self._values.add(value)

    def finalize(self) -> int | None:
        return sorted(self._values)[-2] if len(self._values) > 1 else None
