"""Attributes of members, whose names nobody fixed: how often each is there, as what, and where it is not as declared."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from members.models import AttributeDefinition, AttributeType, Member
from members.models.json_values import A_DATE

MOST_NAMES = 200
"""Names told. A shop that sends more puts values into names."""
FITTING = {
    AttributeType.TEXT.value: frozenset({"text", "date"}),
    AttributeType.NUMBER.value: frozenset({"number"}),
    AttributeType.BOOLEAN.value: frozenset({"boolean"}),
    AttributeType.DATE.value: frozenset({"date"}),
}
"""Which kinds of values a declared type takes: a text may look like a date, a date is nothing else."""


def declared_types() -> dict[str, str]:
    """This function will return the types that attributes were declared with, by name."""
    return dict(AttributeDefinition.objects.values_list("name", "type"))


def attribute_counts(*, above: int, until: int) -> dict[str, dict[str, int]]:
    """This function will count the attributes of the members in a range of ids: {name: {kind of value: count}}."""
    sql = f"SELECT key, kind, count(*) FROM ({_attributes()}) AS attribute GROUP BY key, kind ORDER BY key"
    counts: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, [above, until])
        for name, kind, count in cursor.fetchall():
            if name in counts or len(counts) < MOST_NAMES:
                counts.setdefault(name, {})[kind] = count
    return counts


def misfits(*, above: int, until: int, name: str, fitting: Collection[str], most: int) -> list[int]:
    """This function will return the members of a range whose attribute is of another kind, the newest first."""
    kinds = sorted(fitting)
    places = ", ".join(["%s"] * len(kinds))
    sql = (
        f"SELECT id FROM ({_attributes()}) AS attribute WHERE key = %s AND kind NOT IN ({places}) ORDER BY id DESC LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [above, until, name, *kinds, most])
        return [pk for (pk,) in cursor.fetchall()]


def _attributes() -> str:
    """One row an attribute: member, name, kind of the value. A date is what rules read as one."""
    table = connection.ops.quote_name(Member._meta.db_table)
    if connection.vendor == "postgresql":
        return (
            "SELECT m.id, a.key, CASE jsonb_typeof(a.value)"
            f" WHEN 'string' THEN CASE WHEN (a.value #>> '{{}}') ~ '{A_DATE}' THEN 'date' ELSE 'text' END"
            " WHEN 'number' THEN 'number' WHEN 'boolean' THEN 'boolean' ELSE 'other' END AS kind"
            f" FROM {table} AS m CROSS JOIN LATERAL jsonb_each(m.attributes) AS a"
            " WHERE m.id > %s AND m.id <= %s"
        )
    return (
        "SELECT m.id, a.key, CASE WHEN a.type = 'text'"
        " THEN CASE WHEN a.value = date(julianday(a.value)) AND a.value >= '0001-01-01' THEN 'date' ELSE 'text' END"
        " WHEN a.type IN ('integer', 'real') THEN 'number' WHEN a.type IN ('true', 'false') THEN 'boolean'"
        " ELSE 'other' END AS kind"
        f" FROM {table} AS m, json_each(m.attributes) AS a WHERE m.id > %s AND m.id <= %s"
    )
