"""Looking for how a text begins, by the index, on both databases."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField
from django.db.models.lookups import Lookup
from django.db.models.sql.compiler import SQLCompiler

LAST_CHARACTER = "\U0010ffff"


@CharField.register_lookup
class BeginsWith(Lookup):
    """`name__begins="Wa"`: case counts. LIKE on PostgreSQL (an index with varchar_pattern_ops serves it); a range on SQLite,
    whose own LIKE ignores case and reads the whole table."""

    lookup_name = "begins"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} LIKE %s", (*params, connection.ops.prep_for_like_query(str(self.rhs)) + "%")

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        text = str(self.rhs)
        return f"({column} >= %s AND {column} < %s)", (*params, text, *params, text + LAST_CHARACTER)
