"""What undoing an import keeps account of, and how it turns what a journal tells into values of columns again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model

from core.batching import batches
from core.conf import shop_zone
from core.periods import day_number, hour_of_day

AT_ONCE = 2_000
DERIVED = frozenset({"placed_day", "placed_hour", "registered_day"})
"""What follows from an instant, and is worked out anew from it."""

Values = dict[str, Any]


@dataclass(slots=True)
class Undone:
    """What became of a batch: rows removed and restored by kind, and kept by why."""

    removed: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    dirty: set[int] = field(default_factory=set)

    def added_to(self, known: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
        told = {"removed": self.removed, "restored": self.restored, "kept": self.kept}
        return {name: {**(Counter(known.get(name, {})) + counter)} for name, counter in told.items()}


def read_back(model: type[Model], before: Mapping[str, Any]) -> Values:
    """This function will turn a journal's former values into what the columns hold."""
    return {name: _value(model, name, value) for name, value in before.items() if name not in DERIVED}


def _value(model: type[Model], name: str, value: Any) -> Any:
    if value is None or name.endswith("_id"):
        return value
    return model._meta.get_field(name).to_python(value)  # type: ignore[union-attr]


def row_back(model: type[Model], columns: Sequence[str], row: Sequence[Any]) -> list[Any]:
    """This function will do the same for a row whose columns are known by their places; only instants differ."""
    return [_value(model, name, value) if name.endswith("_at") else value for name, value in zip(columns, row, strict=True)]


def with_days(values: Values, name: str) -> Values:
    """This function will work out anew the day of an instant: the shop's zone may be another than when it was kept."""
    instant: datetime | None = values[name]
    day = None if instant is None else day_number(instant, shop_zone())
    if name == "placed_at":
        assert instant is not None
        return {**values, "placed_day": day, "placed_hour": hour_of_day(instant, shop_zone())}
    return {**values, "registered_day": day}


def delete_rows(model: type[Model], column: str, ids: Sequence[int]) -> None:
    """This function will delete rows without Django's cascade, which would load each, and delete what nobody thought of:
    the database refuses."""
    table = connection.ops.quote_name(model._meta.db_table)
    for chunk in batches(ids, AT_ONCE):
        places = ", ".join(["%s"] * len(chunk))
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE {column} IN ({places})", chunk)
