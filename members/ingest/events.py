"""Taking events in: cleaned row by row, written in one statement a call. An event that is known is accepted and left alone.

Locks are taken in the order in which orders take them - categories, products, members, then events by their id - so that
calls which share rows wait for one another and never in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from msgspec import UNSET, UnsetType

from core.errors import FieldProblem
from core.periods import day_number
from core.sql import find_rows, insert_rows
from members.ingest.contracts_events import EventItem
from members.ingest.normalise import Key, Refused, Surroundings, as_is, attribute, identity, instant, text, trimmed
from members.ingest.reading import suggestion
from members.ingest.resolve import Resolved, forget_unused, forget_unused_categories, resolve_members, resolve_products
from members.ingest.result import IngestResult, RejectedRow
from members.ingest.rows import ProductStated, Reader
from members.models import OWN_ID_PREFIX, OWN_KINDS, REPORTED_KINDS, BehaviourEvent, DirtyMark, Member, Product
from members.services.earning.marks import mark_events
from members.services.journal import Journal

REPORTED = frozenset(kind.value for kind in REPORTED_KINDS)
OWN = frozenset(kind.value for kind in OWN_KINDS)

MOST_PROPERTIES_CHARACTERS = 8_000
"""Names and texts of an event's properties together: a description of what happened, not a document."""

EVENT_KEYS: tuple[Key, ...] = (
    Key("session_id", "session_id", text(100), ""),
    Key("page", "page", text(2000), ""),
    Key("dwell_seconds", "dwell_seconds", as_is, None),
    Key("category", "category", text(200), ""),
    Key("keyword", "keyword", text(200), ""),
    Key("rating", "rating", as_is, None),
    Key("topic", "topic", text(100), ""),
    Key("response_seconds", "response_seconds", as_is, None),
    Key("value", "value", as_is, None),
)
EMPTY: dict[str, Any] = {key.column: key.empty for key in EVENT_KEYS}
COLUMNS = ("external_id", "member", "kind", "occurred_at", "day", "product", "properties", *EMPTY)


@dataclass(slots=True)
class EventRow:
    index: int
    external_id: str
    member: str
    kind: str
    occurred_at: datetime
    day: int
    product: str
    products: dict[str, ProductStated]
    properties: dict[str, Any]
    stated: dict[str, Any]


# --- Cleaning


def event_row(index: int, item: EventItem, given: Surroundings) -> EventRow | RejectedRow:
    """This function will clean one event item, or tell everything that is wrong with it."""
    reader = Reader(given)
    external_id = reader.take("id", _event_id, item.id)
    member = reader.take("member", identity, item.member)
    kind = reader.take("kind", reported_kind, item.kind)
    occurred_at = reader.take("at", _moment, item.at, given)
    stated = reader.stated(item, EVENT_KEYS)
    product = reader.take("product", trimmed, item.product, 200) if item.product else ""
    properties = _properties(reader, item.properties) if item.properties else {}
    if reader.problems:
        return RejectedRow(index, tuple(reader.problems))
    return EventRow(
        index=index,
        external_id=external_id,
        member=member,
        kind=kind,
        occurred_at=occurred_at,
        day=day_number(occurred_at, given.zone),
        product=product,
        products={product: ProductStated("", stated.get("category", ""))} if product else {},
        properties=properties,
        stated=stated,
    )


def _event_id(value: str) -> str:
    external_id = identity(value)
    if external_id.startswith(OWN_ID_PREFIX):
        message = _("Ids that begin with “%(prefix)s” are those of the product's own events.")
        raise Refused("reserved", message % {"prefix": OWN_ID_PREFIX})
    return external_id


def reported_kind(kind: str) -> str:
    """This function will take a kind that a shop may report."""
    if kind in REPORTED:
        return kind
    if kind in OWN:
        raise Refused("written_by_the_product", _("Events of this kind are written by the product alone, as they happen."))
    allowed = [each.value for each in REPORTED_KINDS]
    message = _("This must be one of %(choices)s.") % {"choices": ", ".join(allowed)}
    raise Refused("unknown_choice", message + suggestion(kind, allowed))


def _moment(at: Any, given: Surroundings) -> datetime:
    if at is None:
        raise Refused("required", _("This is required."))
    return instant(at, given)


def _properties(reader: Reader, given: dict[str, Any] | UnsetType | None) -> dict[str, Any]:
    if given is UNSET or given is None:
        return {}
    pairs = [reader.take(f"properties.{name[:60]}", attribute, name, value) for name, value in given.items()]
    properties = {name: value for name, value in filter(None, pairs) if value is not None}
    size = sum(len(name) + len(value if isinstance(value, str) else "") for name, value in properties.items())
    if size > MOST_PROPERTIES_CHARACTERS:
        message = _("At most %(limit)s characters are taken.") % {"limit": MOST_PROPERTIES_CHARACTERS}
        reader.problems.append(FieldProblem("properties", "too_long", message))
    return properties


# --- Writing


def write_events(rows: Sequence[EventRow], given: Surroundings, journal: Journal | None = None) -> IngestResult:
    """This function will write cleaned rows and mark their members, inside the caller's transaction.

    1. leave out the events that are known, and of two rows with one id the later;
    2. find or make the products and members that the others name;
    3. insert the events, except those that a rival inserted meanwhile;
    4. mark every member of whom an event is new, and the events that may earn; take back what only a rival's event would
       have needed.
    """
    fresh = _fresh(rows)
    if not fresh:
        return IngestResult(len(rows), ())
    products, categories = resolve_products(fresh, journal)
    members = resolve_members((row.member for row in fresh), given.now)
    made = _insert(fresh, members, products)
    kept = [row for row in fresh if row.external_id in made]
    touched = sorted({members.ids[row.member] for row in kept})
    insert_rows(DirtyMark, ["member_id"], [(pk,) for pk in touched])
    mark_events([(made[row.external_id], row.kind) for row in kept])
    if len(kept) < len(fresh):
        forget_unused(Member, members, {row.member for row in kept})
        forget_unused(Product, products, {row.product for row in kept if row.product})
        forget_unused_categories(categories)
    if journal is not None:
        journal.touched += touched
        journal.events += sorted(made.values())
        journal.shells += sorted(members.made)
        journal.products += sorted(products.made)
        journal.categories += sorted(categories.made)
    return IngestResult(len(rows), (), created=len(kept))


def _fresh(rows: Sequence[EventRow]) -> list[EventRow]:
    """The first row of each id that is not stored yet, in the order of ids."""
    first: dict[str, EventRow] = {}
    for row in rows:
        first.setdefault(row.external_id, row)
    known = find_rows(BehaviourEvent, ["external_id"], [(name,) for name in first], returning=["external_id"])
    for (name,) in known:
        del first[name]
    return [first[name] for name in sorted(first)]


def _insert(rows: Iterable[EventRow], members: Resolved, products: Resolved) -> dict[str, int]:
    """This function will insert events and return the ids of those that are new, by their names."""
    table = []
    for row in rows:
        product = products.ids[row.product] if row.product else None
        values = {**EMPTY, **row.stated}.values()
        known = (row.external_id, members.ids[row.member], row.kind, row.occurred_at, row.day, product, row.properties)
        table.append((*known, *values))
    made = insert_rows(BehaviourEvent, COLUMNS, table, conflict=["external_id"], returning=["external_id", "pk"])
    return dict(made)
