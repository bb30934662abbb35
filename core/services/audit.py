"""The audit trail: who changed what through a screen or the API, when, from what to what.

Faces write it in the transaction of the change. An object is read before and after, so that what a set-based statement or a
service deep below changed is seen as well as what a form did. What is personal is never told, only that it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, DateField, Field, ForeignKey, Model, QuerySet

from core.models import AuditRecord
from core.sql import rows_as_json

Document = dict[str, Any]
Verb = AuditRecord.Verb

MASK = "•••"
"""Stands in the trail for a value that is personal: that there was one, and nothing of what it was."""
LONGEST_VALUE = 500
SECRET = frozenset({"password", "hashed"})
NOISE = frozenset({"last_used_at", "last_login", "heartbeat_at"})
"""Columns that change without anybody having changed the object."""

personal_models: set[str] = set()
"""Objects of which every value is personal, registered by the app that knows them. Of others that hang on a member only the
free texts are."""
MEMBER_COLUMNS = frozenset({"member", "member_id"})

parts: dict[str, Callable[[int], Document]] = {}
"""What else belongs to an object, beside its own row: {model: read(pk)}; registered by the app that knows it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person in the admin, or a key of the API."""

    name: str
    user_id: int | None = None
    api_key_id: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it stood at one moment; `values` None where there was none."""

    values: Document | None
    about: str = ""


def look_at(model: type[Model], pk: Any) -> Seen:
    """This function will read an object as the trail tells of it: its row and its parts, without secrets and noise."""
    rows: QuerySet[Any, Any] = model._base_manager.filter(pk=pk)
    found = rows_as_json(rows) if pk is not None else []
    if not found or _is_gone(found[0]):
        return Seen(None)
    row = {name: _plain(value) for name, value in found[0].items() if name not in SECRET | NOISE}
    read = parts.get(_kind(model))
    about = "" if is_of_members(model) else str(rows.get())[:200]
    return Seen(row | (read(pk) if read else {}), about)


def record_change(
    *,
    actor: Actor,
    model: type[Model],
    pk: int | None,
    before: Seen,
    after: Seen,
    now: datetime,
    counts: Mapping[str, int] | None = None,
    said: str = "",
    did: bool = False,
) -> AuditRecord | None:
    """This function will append what differs between two looks; nothing where nothing does.

    `did` says that something was done also where the object looks as before (handed out, tried, rung).
    """
    changes = _differences(model, before.values or {}, after.values or {})
    if not changes and not counts and not did:
        return None
    return AuditRecord.objects.create(
        at=now,
        actor=actor.name[:150] or "-",
        user_id=actor.user_id,
        api_key_id=actor.api_key_id,
        verb=_verb(before, after),
        kind=_kind(model),
        object_id=pk,
        about=after.about or before.about,
        changes=changes,
        said="" if is_of_members(model) else said[:300],
        counts=dict(counts or {}),
    )


@contextmanager
def audited(*, actor: Actor, model: type[Model], pk: int, now: datetime, did: bool = False) -> Iterator[None]:
    """This function will note what the block changes of an object, in one transaction with it."""
    with transaction.atomic():
        before = look_at(model, pk)
        yield
        record_change(actor=actor, model=model, pk=pk, before=before, after=look_at(model, pk), now=now, did=did)


def _verb(before: Seen, after: Seen) -> Verb:
    if before.values is None and after.values is None:
        return Verb.DID
    if before.values is None:
        return Verb.ADDED
    if after.values is None:
        return Verb.REMOVED
    return Verb.CHANGED if before.values != after.values else Verb.DID


def _kind(model: type[Model]) -> str:
    return str(model._meta.label_lower)


def _is_gone(row: Mapping[str, Any]) -> bool:
    """A member who was erased leaves a row, and nobody."""
    return row.get("erased_at") is not None


def is_of_members(model: type[Model]) -> bool:
    """This function will say whether objects of a kind tell of one member."""
    names = {field.name for field in model._meta.concrete_fields}
    return _kind(model) in personal_models or bool(names & MEMBER_COLUMNS)


def _plain(value: Any) -> Any:
    """What JSON has no word for (a time of day, a decimal number) as text."""
    return value if isinstance(value, str | int | float | list | dict | None) else str(value)


def _differences(model: type[Model], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = [*dict.fromkeys([*before, *after])]
    told = {}
    for name in names:
        old, new = before.get(name), after.get(name)
        if old != new and name != "id":
            told[name] = [_told(model, name, old), _told(model, name, new)]
    return told


def _told(model: type[Model], name: str, value: Any) -> Any:
    if value in (None, "", [], {}):
        return None
    if _is_personal(model, name):
        return MASK
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
    return value


def _is_personal(model: type[Model], name: str) -> bool:
    """Of a member everything but words on consent; of what hangs on a member every text that is no choice of ours."""
    if "." in name:  # a part, told by whoever registered it: what is personal in it is masked there
        return False
    if _kind(model) in personal_models:
        return name not in {"id", "erased_at"}
    if not is_of_members(model):
        return False
    field = next((each for each in model._meta.concrete_fields if each.attname == name), None)
    return field is None or not _is_plain(field)


def _is_plain(field: Field[Any, Any]) -> bool:
    number = isinstance(field, BooleanField | DateField | ForeignKey) or field.get_internal_type().endswith(
        ("IntegerField", "FloatField", "DecimalField", "AutoField")
    )
    return number or bool(field.choices)
