"""Set-based writing that the ORM lacks: one statement for many rows, on PostgreSQL and SQLite alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import msgspec
from django.db import connection
from django.db.models import DateField, DateTimeField, Field, JSONField, Model, QuerySet
from django.utils.functional import Promise

Row = Sequence[Any]
Adapt = Callable[[Any], Any]
DOCUMENTS = json.JSONEncoder(ensure_ascii=False)
"""Made once: json.dumps makes one a call, which costs as much as a small document."""


def insert_from_select(
    model: type[Model],
    queryset: QuerySet[Any, Any],
    columns: Sequence[str],
    *,
    conflict: Sequence[str] = (),
    update: Sequence[str] = (),
    renew: Sequence[str] = (),
) -> int:
    """This function will INSERT what `queryset` selects into `model` and return how many rows were written.

    `queryset` must end in `.values_list(...)` with one expression per name in `columns` (field names of `model`), in that
    order. Without `conflict` a clash raises; with it a clash on those fields (all of one unique constraint) is skipped, or,
    with `update`, rewrites those fields from the selected row; those of `renew` too, where it has a value for them.
    """
    quote = connection.ops.quote_name
    select, params = queryset.query.sql_with_params()
    names = ", ".join(quote(_column(_field(model, name))) for name in columns)
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT * FROM ({select}) AS source WHERE true"
    sql += _on_conflict(model, conflict, update, renew)
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


def update_rows(
    model: type[Model],
    key: str,
    columns: Sequence[str],
    rows: Iterable[Row],
    *,
    guard: Mapping[str, str] | None = None,
) -> int:
    """This function will UPDATE in one statement: each row is (key, then a value for each of `columns`).

    Rows whose fields do not have the values of `guard` any more are left alone and not counted.
    """
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
    for name, value in (guard or {}).items():
        sql += f" AND {target}.{quote(_column(_field(model, name)))} = %s"
        params = [*params, value]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def find_rows(
    model: type[Model], key: Sequence[str], rows: Iterable[Row], *, returning: Sequence[str], held: bool = False
) -> list[tuple[Any, ...]]:
    """This function will SELECT the `returning` fields of the rows whose `key` fields equal one of `rows`.

    One statement and one parameter however many keys: no limit on the length of an IN list. Values come as the driver gives
    them, so return numbers and text only. Rows whose key is not in the table are left out.

    With `held` nobody may delete the rows before this transaction ends; changing them stays possible. It is the lock that a
    foreign key takes, taken for all of them at once and in one order.
    """
    table = [*rows]
    if not table:
        return []
    fields = [_field(model, name) for name in key]
    quote = connection.ops.quote_name
    target = quote(model._meta.db_table)
    wanted = ", ".join(f"{target}.{quote(_column(_field(model, name)))}" for name in returning)
    if len(table) == 1:  # a comparison finds its index however small the table; for a join the planner may read it all
        same = " AND ".join(f"{target}.{quote(_column(field))} = %s" for field in fields)
        sql, params = f"SELECT {wanted} FROM {target} WHERE {same}", [*table[0]]
    else:
        source, params = _source(fields, table)
        same = " AND ".join(f"{target}.{quote(_column(field))} = source.c{place}" for place, field in enumerate(fields))
        sql = f"SELECT {wanted} FROM ({source}) AS source JOIN {target} ON {same}"
    if held and connection.vendor == "postgresql":
        sql += f" ORDER BY {target}.{quote(_column(_field(model, 'pk')))} FOR KEY SHARE OF {target}"
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def rows_as_json(rows: QuerySet[Any, Any]) -> list[dict[str, Any]]:
    """This function will read whole rows as JSON can keep them, by column; what the database computes is left out."""
    names = [field.attname for field in _stored_fields(rows.model)]
    return [{name: _kept(value) for name, value in row.items()} for row in rows.values(*names)]


def insert_json(model: type[Model], documents: Sequence[Mapping[str, Any]]) -> int:
    """This function will INSERT rows that `rows_as_json` read, under their old ids; a row that clashes is left out.

    A column that came after the rows were read gets its default.
    """
    fields = _stored_fields(model)
    rows = [[_read(field, document) for field in fields] for document in documents]
    return len(insert_rows(model, [field.name for field in fields], rows, conflict=[], returning=["pk"]))


def _stored_fields(model: type[Model]) -> list[Field[Any, Any]]:
    return [field for field in model._meta.concrete_fields if not field.generated]


def _kept(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _read(field: Field[Any, Any], document: Mapping[str, Any]) -> Any:
    if field.attname not in document:
        return field.get_default()
    value = document[field.attname]
    return field.to_python(value) if isinstance(field, DateField) else value


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} of {model.__name__} is not a column")
    return field


def _column(field: Field[Any, Any]) -> str:
    return str(field.column)


def _on_conflict(model: type[Model], conflict: Sequence[str], update: Sequence[str], renew: Sequence[str] = ()) -> str:
    quote = connection.ops.quote_name
    target = ", ".join(quote(_column(_field(model, name))) for name in conflict)
    clause = f" ON CONFLICT ({target})" if target else " ON CONFLICT"
    if not update:
        return f"{clause} DO NOTHING"
    sets = [f"{column} = EXCLUDED.{column}" for column in (quote(_column(_field(model, name))) for name in update)]
    table = quote(model._meta.db_table)
    for column in (quote(_column(_field(model, name))) for name in renew):
        sets.append(f"{column} = COALESCE(EXCLUDED.{column}, {table}.{column})")
    return f"{clause} DO UPDATE SET " + ", ".join(sets)


def _source(fields: Sequence[Field[Any, Any]], table: Sequence[Row]) -> tuple[str, list[Any]]:
    """A SELECT of the rows with columns c0, c1, ... out of one JSON parameter: the database's own parser is the fastest
    way in (measured against one array a column, whose values the driver writes one by one: 15 against 24 us a row)."""
    select, adapters = _prepared(tuple(fields), connection.vendor)
    adapted = [_adapted(row, adapters) for row in table] if adapters else table
    return select, [msgspec.json.encode(adapted, enc_hook=_plain).decode()]


@cache
def _prepared(fields: tuple[Field[Any, Any], ...], vendor: str) -> tuple[str, list[tuple[int, Adapt]]]:
    """Written once for the same columns: for a single row it is the dearer half."""
    shapes = _shapes()
    adapters = [(place, shapes[type(field)]) for place, field in enumerate(fields) if type(field) in shapes]
    return (_from_jsonb(fields) if vendor == "postgresql" else _from_json_each(fields)), adapters


def _from_jsonb(fields: Sequence[Field[Any, Any]]) -> str:
    names = ", ".join(f"(value ->> {place})::{_plain_type(field)} AS c{place}" for place, field in enumerate(fields))
    return f"SELECT {names} FROM jsonb_array_elements(%s::jsonb) AS given(value)"


def _from_json_each(fields: Sequence[Field[Any, Any]]) -> str:
    names = ", ".join(f"json_extract(value, '$[{place}]') AS c{place}" for place in range(len(fields)))
    return f"SELECT {names} FROM json_each(%s)"


def _plain_type(field: Field[Any, Any]) -> str:
    """A column's type without its length, which a cast would cut to: the column itself refuses what is too long."""
    return str(field.rel_db_type(connection) if field.primary_key else field.db_type(connection)).split("(")[0]


def _adapted(row: Row, adapters: Sequence[tuple[int, Adapt]]) -> list[Any]:
    adapted = list(row)
    for place, adapt in adapters:
        if adapted[place] is not None:
            adapted[place] = adapt(adapted[place])
    return adapted


def _plain(value: Any) -> str:
    """What is text only by descent (a translation, a marked-safe string) goes in as the text it is."""
    if isinstance(value, str | Promise):
        return str.__str__(str(value))
    raise TypeError(f"{type(value).__name__} is not a value of a column")


def _as_json(value: Any) -> str:
    """A document stays text inside the rows: null in it is its own, not the column's."""
    return DOCUMENTS.encode(value)


def _sqlite_instant(value: datetime) -> str:
    """Django's own form of an instant on SQLite: naive UTC text."""
    return str(value.astimezone(UTC).replace(tzinfo=None))


def _shapes() -> Mapping[type, Adapt]:
    if connection.vendor == "postgresql":
        return {JSONField: _as_json}
    return {JSONField: _as_json, DateTimeField: _sqlite_instant, DateField: str}
