"""Temporary tables of one transaction: many rows of work handed from statement to statement without leaving the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def scratch_table(name: str, columns: str) -> Iterator[None]:
    """This function will keep a temporary table for the block; after an error the rollback removes it."""
    execute(f"CREATE TEMPORARY TABLE {name} ({columns})")
    yield
    execute(f"DROP TABLE {name}")


def execute(sql: str, params: Sequence[Any] = ()) -> int:
    """This function will run one statement and return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.rowcount


def know_size(table: str) -> None:
    """This function will tell PostgreSQL how large a table just filled is: it plans temporary tables blindly otherwise."""
    if connection.vendor == "postgresql":
        execute(f"ANALYZE {table}")


def know_size_if_grown(table: str) -> None:
    """This function will do so for a lasting table that grew by a fifth or more since PostgreSQL last looked at it, or
    that looked empty then.

    By the file's size, which is true at this moment: counts of changed rows are told by other connections, and late. A look
    at large tables takes as long as a tenth of a night's work. A look by the server itself while a large load was not yet
    committed has seen pages without rows; plans for an empty table never end.
    """
    if connection.vendor != "postgresql":
        return
    grown = execute(
        "SELECT 1 FROM pg_class WHERE oid = %s::regclass AND (reltuples < relpages"
        " OR pg_relation_size(oid) > 1.2 * relpages * current_setting('block_size')::integer)",
        [table],
    )
    if grown:
        know_size(table)
