"""Many rows in: COPY on PostgreSQL with indexes made afterwards, prepared inserts on SQLite. Columns, never objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import TypeAlias

from django.core.management.color import no_style
from django.db import connection
from django.db.models import Model

Cell: TypeAlias = str | None
Column: TypeAlias = Sequence[Cell] | str | None
"""A value a row, or one value for all rows. Everything is text, which both databases read into the column's own type."""


@contextmanager
def loading(rows: Mapping[type[Model], int]) -> Iterator[None]:
    """This function will hold the tables for the block alone; those that double, or more, get their indexes at its end.

    `rows` says how many come to each. Inside the caller's transaction: after an error the rollback brings the indexes back.
    """
    if connection.vendor != "postgresql":
        yield
        return
    _execute(f"LOCK TABLE {', '.join(_table(model) for model in rows)} IN ACCESS EXCLUSIVE MODE")
    doubling = [model for model, count in rows.items() if count and not model._default_manager.all()[count:].exists()]
    restore = [command for model in doubling for command in _taken_off(model)]
    yield
    for command in restore:
        _execute(command)


def write(model: type[Model], columns: Mapping[str, Column], *, count: int) -> None:
    """This function will append rows given as columns of text, by the names of the model's columns."""
    cells = [repeat(column, count) if isinstance(column, str | None) else column for column in columns.values()]
    rows = zip(*cells, strict=False)
    names = ", ".join(connection.ops.quote_name(name) for name in columns)
    if connection.vendor == "postgresql":
        _copy(f"COPY {_table(model)} ({names}) FROM STDIN", rows)
    else:
        with connection.cursor() as cursor:
            marks = ", ".join("%s" for _ in columns)
            cursor.executemany(f"INSERT INTO {_table(model)} ({names}) VALUES ({marks})", list(rows))


def next_id(model: type[Model]) -> int:
    """This function will say which id comes after all there are."""
    last = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    return (last or 0) + 1


def go_on_counting(models: Iterable[type[Model]]) -> None:
    """This function will have the next ordinary row of each table numbered after the last."""
    for command in connection.ops.sequence_reset_sql(no_style(), [*models]):
        _execute(command)


def settle(models: Iterable[type[Model]]) -> None:
    """This function will do what autovacuum would do within minutes: without it no index stands for its table alone."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        _execute(f"VACUUM (ANALYZE) {', '.join(_table(model) for model in models)}")


def _copy(command: str, rows: Iterable[tuple[Cell, ...]]) -> None:
    text = "\n".join("\t".join("\\N" if cell is None else cell for cell in row) for row in rows)
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        copy.write(text + "\n" if text else "")


def _taken_off(model: type[Model]) -> list[str]:
    """This function will drop what costs a look at every row, and return the commands that make it again."""
    table = model._meta.db_table
    keys = _fetched(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'", table
    )
    indexes = _fetched(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))"
        " AND NOT indisunique",
        table,
    )
    for name, _definition in keys:
        _execute(f"ALTER TABLE {_table(model)} DROP CONSTRAINT {connection.ops.quote_name(name)}")
    for name, _definition in indexes:
        _execute(f"DROP INDEX {name}")
    again = [f"ALTER TABLE {_table(model)} ADD CONSTRAINT {connection.ops.quote_name(name)} {text}" for name, text in keys]
    return [*(definition for _name, definition in indexes), *again]


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _execute(command: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(command)


def _fetched(query: str, table: str) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(query, [table])
        return list(cursor.fetchall())
