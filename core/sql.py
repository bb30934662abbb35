"""Set-based writing that the ORM lacks: one statement for many rows, on PostgreSQL and SQLite alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import DateField, DateTimeField, Field, JSONField, Model, QuerySet

Row = Sequence[Any]


def insert_from_select(
    model: type[Model],
    queryset: QuerySet[Any, Any],
    columns: Sequence[str],
    *,
    conflict: Sequence[str] = (),
    update: Sequence[str] = (),
) -> int:
    """This function will INSERT what `queryset` selects into `model` and return how many rows were written.

    `queryset` must end in `.values_list(...)` with one expression per name in `columns` (field names of `model`), in that
    order. Without `conflict` a clash raises; with it a clash on those fields (all of one unique constraint) is skipped, or,
    with `update`, rewrites those fields from the selected row.
    """
    quote = connection.ops.quote_name
    select, params = queryset.query.sql_with_params()
    names = ", ".join(quote(_column(_field(model, name))) for name in columns)
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT * FROM ({select}) AS source WHERE true"
    sql += _on_conflict(model, conflict, update)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def insert_rows(
    model: type[Model],
    columns: Sequence[str],
    rows: Iterable[Row],
    *,
    conflict: Sequence[str] | None = None,
    update: Sequence[str] = (),
    returning: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """This function will INSERT `rows` in one statement and return the `returning` fields of the rows written.

    `conflict` None raises on a clash; a list of fields names the unique constraint whose clash is skipped (or, with
    `update`, rewritten); an empty list skips a clash with any constraint. No row may stand twice in `rows` under one
    conflict key.
    """
    table = [*rows]
    if not table:
        return []
    fields = [_field(model, name) for name in columns]
    source, params = _source(fields, table)
    quote = connection.ops.quote_name
    names = ", ".join(quote(_column(field)) for field in fields)
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({names}) {source} WHERE true"
    if conflict is not None:
        sql += _on_conflict(model, conflict, update)
    if returning:
        sql += " RETURNING " + ", ".join(quote(_column(_field(model, name))) for name in returning)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if returning else []


def update_rows(model: type[Model], key: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """This function will UPDATE in one statement: each row is (key, then a value for each of `columns`)."""
    table = [*rows]
    if not table:
        return 0
    fields = [_field(model, key), *(_field(model, name) for name in columns)]
    source, params = _source(fields, table)
    quote = connection.ops.quote_name
    target = quote(model._meta.db_table)
    aliases = [f"c{position}" for position in range(len(fields))]
    changes = ", ".join(
        f"{quote(_column(field))} = source.{alias}" for field, alias in zip(fields[1:], aliases[1:], strict=True)
    )
    sql = f"UPDATE {target} SET {changes} FROM ({source}) AS source WHERE {target}.{quote(_column(fields[0]))} = source.c0"
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def find_rows(
    model: type[Model], key: Sequence[str], rows: Iterable[Row], *, returning: Sequence[str]
) -> list[tuple[Any, ...]]:
    """This function will SELECT the `returning` fields of the rows whose `key` fields equal one of `rows`.

    One statement and one parameter however many keys: no limit on the length of an IN list. Values come as the driver gives
    them, so return numbers and text only. Rows whose key is not in the table are left out.
    """
    table = [*rows]
    if not table:
        return []
    fields = [_field(model, name) for name in key]
    source, params = _source(fields, table)
    quote = connection.ops.quote_name
    target = quote(model._meta.db_table)
    wanted = ", ".join(f"{target}.{quote(_column(_field(model, name)))}" for name in returning)
    same = " AND ".join(f"{target}.{quote(_column(field))} = source.c{place}" for place, field in enumerate(fields))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {wanted} FROM ({source}) AS source JOIN {target} ON {same}", params)
        return list(cursor.fetchall())


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} of {model.__name__} is not a column")
    return field


def _column(field: Field[Any, Any]) -> str:
    return str(field.column)


def _on_conflict(model: type[Model], conflict: Sequence[str], update: Sequence[str]) -> str:
    quote = connection.ops.quote_name
    target = ", ".join(quote(_column(_field(model, name))) for name in conflict)
    clause = f" ON CONFLICT ({target})" if target else " ON CONFLICT"
    if not update:
        return f"{clause} DO NOTHING"
    changed = [quote(_column(_field(model, name))) for name in update]
    return f"{clause} DO UPDATE SET " + ", ".join(f"{column} = EXCLUDED.{column}" for column in changed)


def _source(fields: Sequence[Field[Any, Any]], table: Sequence[Row]) -> tuple[str, list[Any]]:
    """A SELECT of the rows with columns c0, c1, ...: unnest of one array a column, or json_each on SQLite."""
    if connection.vendor == "postgresql":
        return _unnested(fields, table)
    return _json_rows(fields, table)


def _unnested(fields: Sequence[Field[Any, Any]], table: Sequence[Row]) -> tuple[str, list[Any]]:
    arrays = []
    for field, values in zip(fields, zip(*table, strict=True), strict=True):
        arrays.append([_as_json(value) for value in values] if isinstance(field, JSONField) else list(values))
    types = ", ".join(f"%s::{_array_type(field)}[]" for field in fields)
    names = ", ".join(f"c{position}" for position in range(len(fields)))
    return f"SELECT {names} FROM unnest({types}) AS given({names})", arrays


def _array_type(field: Field[Any, Any]) -> str:
    """The plain type of a column: arrays know no length limit of theirs, the column itself checks it."""
    return str(field.rel_db_type(connection) if field.primary_key else field.db_type(connection)).split("(")[0]


def _json_rows(fields: Sequence[Field[Any, Any]], table: Sequence[Row]) -> tuple[str, list[Any]]:
    adapters = [_SQLITE_FORMS.get(type(field)) for field in fields]
    adapted = [
        [value if adapt is None or value is None else adapt(value) for adapt, value in zip(adapters, row, strict=True)]
        for row in table
    ]
    names = ", ".join(f"value ->> {position} AS c{position}" for position in range(len(fields)))
    return f"SELECT {names} FROM json_each(%s)", [json.dumps(adapted, ensure_ascii=False)]


def _as_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _sqlite_instant(value: datetime) -> str:
    """Django's own form of an instant on SQLite: naive UTC text."""
    return str(value.astimezone(UTC).replace(tzinfo=None))


_SQLITE_FORMS: Mapping[type, Callable[[Any], Any]] = {
    DateTimeField: _sqlite_instant,
    DateField: str,
    JSONField: _as_json,
}
