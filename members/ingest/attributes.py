"""Attributes never seen before are declared by their first stored value, so that rules can name them from then on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from core.sql import find_rows, insert_rows
from members.models import AttributeDefinition, AttributeType

COLUMNS = ("name", "label", "type", "inferred", "created_at")


def declare_attributes(stored: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """This function will declare what these members carry under names that nobody declared, inside the caller's transaction.

    Call it after everything else was locked and written: calls that declare the same name wait for one another here.
    """
    first: dict[str, Any] = {}
    for attributes in stored:
        for name, value in attributes.items():
            first.setdefault(name, value)
    known = {name for (name,) in find_rows(AttributeDefinition, ["name"], [(name,) for name in first], returning=["name"])}
    rows = [(name, "", type_of(value).value, True, now) for name, value in sorted(first.items()) if name not in known]
    insert_rows(AttributeDefinition, COLUMNS, rows, conflict=["name"])


def type_of(value: object) -> AttributeType:
    """This function will tell the type of a JSON value; a text is a date if the calendar has it, written YYYY-MM-DD."""
    if isinstance(value, bool):
        return AttributeType.BOOLEAN
    if isinstance(value, int | float):
        return AttributeType.NUMBER
    return AttributeType.DATE if _is_date(value) else AttributeType.TEXT


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
