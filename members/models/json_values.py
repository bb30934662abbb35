"""One value out of a JSON object, read as a type: NULL where it is of another. None of this raises for any value or name.

Not Django's KeyTransform: it takes the name "2024" for a place in a list, SQLite's paths know no quotes inside a name, and a
bare cast of a value that does not fit stops PostgreSQL's scan for everybody.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, CharField, Expression, F, FloatField, Func, IntegerField, Value
from django.db.models.sql.compiler import SQLCompiler

LARGEST, SMALLEST = "1.7976931348623157e308", "5e-324"
"""The ends of what a float holds. Beyond them a value is missing, between the smaller ones it is 0."""

A_DATE = (
    "^(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)$"
)
"""The dates that the calendar has, from year 1 to 9999, as YYYY-MM-DD. SQLite knows them by turning days into dates again:
as it was written it gives back 30 February too."""


class JsonValue(Func):
    """The value under a name. `{json}` stands for it in `postgresql`; `value` and `type` are its own in `sqlite`."""

    postgresql: ClassVar[str]
    sqlite: ClassVar[str]

    def __init__(self, column: Expression | F, name: str | Expression) -> None:
        super().__init__(column, Value(name) if isinstance(name, str) else name)

    def copy(self) -> JsonValue:
        copied: JsonValue = super().copy()
        return copied

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_context: Any) -> tuple[str, Any]:
        (column, before), (name, after) = (compiler.compile(source) for source in self.source_expressions)
        params = (*before, *after) * self.postgresql.count("{json}")
        return self.postgresql.replace("{json}", f"({column} -> {name}::text)"), params

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_context: Any) -> tuple[str, Any]:
        (column, before), (name, after) = (compiler.compile(source) for source in self.source_expressions)
        return f"(SELECT {self.sqlite.replace('{key}', f'key = {name}')})".replace("{column}", column), (*before, *after)


class JsonText(JsonValue):
    """A text that is not empty."""

    output_field = CharField()
    postgresql = "CASE WHEN jsonb_typeof({json}) = 'string' THEN NULLIF({json} #>> '{}', '') END"
    sqlite = "NULLIF(value, '') FROM json_each({column}) WHERE {key} AND type = 'text'"


class JsonNumber(JsonValue):
    """A number as a float holds it."""

    output_field = FloatField()
    postgresql = (
        "CASE WHEN jsonb_typeof({json}) = 'number' THEN CASE"
        f" WHEN abs(({{json}})::numeric) > {LARGEST} THEN NULL WHEN abs(({{json}})::numeric) < {SMALLEST} THEN 0"
        " ELSE ({json})::double precision END END"
    )
    sqlite = (
        f"CASE WHEN abs(CAST(value AS REAL)) < {SMALLEST} THEN 0.0 ELSE CAST(value AS REAL) END FROM json_each({{column}})"
        f" WHERE {{key}} AND type IN ('integer', 'real') AND abs(CAST(value AS REAL)) <= {LARGEST}"
    )


class JsonBoolean(JsonValue):
    """True or false."""

    output_field = BooleanField()
    postgresql = "CASE WHEN jsonb_typeof({json}) = 'boolean' THEN ({json})::boolean END"
    sqlite = "type = 'true' FROM json_each({column}) WHERE {key} AND type IN ('true', 'false')"


class JsonDay(JsonValue):
    """The day number (days since 1970-01-01) of a text that is a date, YYYY-MM-DD."""

    output_field = IntegerField()
    postgresql = (
        f"CASE WHEN jsonb_typeof({{json}}) = 'string' THEN CASE WHEN ({{json}} #>> '{{}}') ~ '{A_DATE}'"
        " THEN ({json} #>> '{}')::date - DATE '1970-01-01' END END"
    )
    sqlite = (
        "CAST(julianday(value) - 2440587.5 AS INTEGER) FROM json_each({column})"
        " WHERE {key} AND type = 'text' AND value = date(julianday(value)) AND value >= '0001-01-01'"
    )


class JsonGiven(JsonValue):
    """Whether there is a value that says something: no null, no empty text."""

    output_field = BooleanField()
    postgresql = "COALESCE({json} #>> '{}', '') <> ''"
    sqlite = "COUNT(*) > 0 FROM json_each({column}) WHERE {key} AND type <> 'null' AND COALESCE(value, '') <> ''"
