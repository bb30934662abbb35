"""The doors: members, orders and events in, whatever from. Rows are told apart one by one, a call is one transaction.

Each raises ZoneChanged when stored days follow another zone than SHOP_TIME_ZONE: it would write days of two calendars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import Struct

from core.batching import without_looking_for_cycles
from core.conf import shop_currency, shop_zone
from core.errors import InvalidInput
from members.ingest.contracts import MemberItem, OrderItem
from members.ingest.contracts_events import EventItem
from members.ingest.events import event_row, write_events
from members.ingest.members import write_members
from members.ingest.normalise import Refused, Surroundings, shop_slug
from members.ingest.orders import write_orders
from members.ingest.reading import read_items
from members.ingest.result import IngestResult, RejectedRow
from members.ingest.rows import member_row, order_row
from members.models import ConsentSource
from members.services.calendar import hold_zone
from members.services.consents import Origin
from members.services.journal import Journal

LONGEST_PROOF = 300

Item = TypeVar("Item", bound=Struct)
Row = TypeVar("Row")

ROWS: Mapping[str, tuple[type[Struct], Callable[..., Any]]] = {
    "orders": (OrderItem, order_row),
    "members": (MemberItem, member_row),
    "events": (EventItem, event_row),
}


@without_looking_for_cycles()
def ingest_members(
    items: Sequence[object],
    *,
    now: datetime,
    proof: str,
    source: ConsentSource = ConsentSource.FILE,
    journal: Journal | None = None,
) -> IngestResult:
    """This function will take member items (decoded JSON objects) in, one transaction a call, at most about 5,000 items.

    Never raises for a bad row: it is rejected with its reasons, the others are written. `proof` says how we know of the
    consents that the items state without a proof of their own, for instance "stated by the key Shop"; `source` through what
    they came. A consent of who unsubscribed is not taken without a later date and a proof; the rest of the item is, and
    `warnings` say so. Posting an item again changes nothing. A member who stands twice among the items is written once, the
    later item over the earlier.

    `journal` notes what was made and changed; it commits with the caller's transaction.

    A PUT is one item with the address's id; `created` tells 201 from 200. A PATCH is the same item after the face has seen
    that the member exists (404 otherwise). In both a rejected row is the face's 422.
    """
    given = Surroundings(now=now, zone=shop_zone(), currency=shop_currency())
    rows, rejected = _read(items, MemberItem, member_row, given)
    origin = Origin(source, proof[:LONGEST_PROOF], stated_by=proof[:LONGEST_PROOF])
    with transaction.atomic():
        hold_zone(now=now)
        result = write_members(rows, given, origin=origin, journal=journal) if rows else IngestResult(0, ())
    return _with_rejected(result, rejected)


@without_looking_for_cycles()
def ingest_orders(
    items: Sequence[object], *, now: datetime, shop: str = "default", journal: Journal | None = None
) -> IngestResult:
    """This function will take order items (decoded JSON objects) in, one transaction a call, at most about 5,000 items.

    Never raises for a bad row: it is rejected with its reasons, the others are written. `shop` is the shop of items that
    name none. Posting an item again changes nothing. An order that stands twice among the items is written once, the later
    item over the earlier.
    """
    given = Surroundings(now=now, zone=shop_zone(), currency=shop_currency(), shop=_shop(shop))
    rows, rejected = _read(items, OrderItem, order_row, given)
    with transaction.atomic():
        hold_zone(now=now)
        result = write_orders(rows, given, journal) if rows else IngestResult(0, ())
    return _with_rejected(result, rejected)


@without_looking_for_cycles()
def ingest_events(items: Sequence[object], *, now: datetime, journal: Journal | None = None) -> IngestResult:
    """This function will take event items (decoded JSON objects) in, one transaction a call, at most about 5,000 items.

    Never raises for a bad row: it is rejected with its reasons, the others are written. An event whose id is known is
    accepted and changes nothing, whatever it says now; of two items with one id the first is written.
    """
    given = Surroundings(now=now, zone=shop_zone(), currency=shop_currency())
    rows, rejected = _read(items, EventItem, event_row, given)
    with transaction.atomic():
        hold_zone(now=now)
        result = write_events(rows, given, journal) if rows else IngestResult(0, ())
    return _with_rejected(result, rejected)


def check_items(items: Sequence[object], *, target: str, now: datetime, shop: str = "default") -> list[RejectedRow]:
    """This function will tell what would be refused of items, as far as that can be seen without looking anything up."""
    given = Surroundings(now=now, zone=shop_zone(), currency=shop_currency(), shop=_shop(shop))
    shape, clean = ROWS[target]
    return _read(items, shape, clean, given)[1]


def _shop(slug: str) -> str:
    try:
        return shop_slug(slug)
    except Refused as refused:
        raise InvalidInput(_("The shop's name is not valid."), problems=[refused.at("shop")]) from None


def _read(
    items: Sequence[object],
    shape: type[Item],
    clean: Callable[[int, Item, Surroundings], Row | RejectedRow],
    given: Surroundings,
) -> tuple[list[Row], list[RejectedRow]]:
    read, rejected = read_items(items, shape)
    rows = []
    for index, item in read:
        row = clean(index, item, given)
        if isinstance(row, RejectedRow):
            rejected.append(row)
        else:
            rows.append(row)
    return rows, rejected


def _with_rejected(result: IngestResult, rejected: list[RejectedRow]) -> IngestResult:
    everything = sorted((*rejected, *result.rejected), key=lambda row: row.index)
    return replace(result, rejected=tuple(everything))
