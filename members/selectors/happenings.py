"""Reads of what happened: behaviour events page by page, and what one member did, orders and events together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from core.conf import shop_zone
from core.periods import start_of
from members.models import BehaviourEvent, Order

EVENTS_LOOKED_THROUGH = 20_000
"""Events that one page looks through for a kind or a keyword. Origin: read in their order they take a few hundredths of a
second."""


# --- Behaviour events


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list of events goes on: behind this one."""

    at: datetime
    pk: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first. `following` is where older ones are looked for; `until` how far back was looked, where the page
    is not full only because looking has an end."""

    events: list[BehaviourEvent]
    following: Place | None = None
    until: datetime | None = None


def event_page(
    *,
    most: int,
    kind: str = "",
    keyword: str = "",
    day: int | None = None,
    members: Collection[int] | None = None,
    products: Collection[int] | None = None,
    chosen: QuerySet[Any, Any] | None = None,
    before: Place | None = None,
) -> EventPage:
    """This function will return the newest events that fit, behind `before`.

    Days, members, products and chosen ids have an index each. Kinds and keywords are looked for among the next
    EVENTS_LOOKED_THROUGH events of those: a rare one is found page by page, and no page reads the whole table.
    """
    events = BehaviourEvent.objects.select_related("member", "product")
    order: tuple[str, ...] = ("-occurred_at", "-pk")
    for column, ids in (("member_id", members), ("product_id", products), ("pk", chosen)):
        if ids is not None:
            events = events.filter(**{f"{column}__in": ids})
    if products is not None:  # its index goes by the day, which goes with the instant
        order = ("-day", *order)
    if day is not None:
        first, end = start_of(day, shop_zone()), start_of(day + 1, shop_zone())
        events = events.filter(day=day, occurred_at__gte=first, occurred_at__lt=end)
    if before is not None:
        events = events.filter(_older(before))
    last: Place | None = None
    wanted = Q(**({"kind": kind} if kind else {}), **({"keyword": keyword} if keyword else {}))
    if wanted:
        looked = events.order_by(*order).values_list("occurred_at", "pk")
        for at, pk in looked[EVENTS_LOOKED_THROUGH - 1 : EVENTS_LOOKED_THROUGH]:
            last = Place(at, pk)
        if last is not None:
            events = events.filter(~_older(last), occurred_at__gte=last.at)
    found = list(events.filter(wanted).order_by(*order)[: most + 1])
    if len(found) > most:
        return EventPage(found[:most], Place(found[most - 1].occurred_at, found[most - 1].pk))
    return EventPage(found, last, last.at if last else None)


def _older(place: Place) -> Q:
    """The plain bound comes beside the exact one: it is what an index can begin from."""
    same = Q(occurred_at=place.at, pk__lt=place.pk)
    return Q(occurred_at__lte=place.at) & (Q(occurred_at__lt=place.at) | same)


def newest_event_at() -> datetime | None:
    return BehaviourEvent.objects.order_by("-occurred_at").values_list("occurred_at", flat=True).first()


# --- What one member did


@dataclass(frozen=True, slots=True)
class Moment:
    """An order or an event of a member. Of equal instants orders come first, then the greater id."""

    at: datetime
    pk: int
    order: Order | None = None
    event: BehaviourEvent | None = None

    @property
    def rank(self) -> int:
        return 1 if self.order else 0


ORDERED = "order"
"""The kind of a timeline's orders; the other kinds are those of events."""


Spot = tuple[datetime, int, int]
"""Instant, rank and id of a moment: its place in the timeline."""


def timeline(
    member_id: int, *, most: int, kind: str = "", before: Spot | None = None, after: Spot | None = None
) -> tuple[list[Moment], bool]:
    """This function will return what a member did, newest first, and whether there is more: the newest of all, those next
    `before` a place, or those next `after` one.

    Each of the two statements reads rows of this member alone.
    """
    orders, events = Order.objects.filter(member_id=member_id), BehaviourEvent.objects.filter(member_id=member_id)
    if kind:
        orders = orders if kind == ORDERED else orders.none()
        events = events.filter(kind=kind)
    spot = before or after
    past, sign = ("lt", "-") if after is None else ("gt", "")
    if spot is not None:
        orders = orders.filter(_beyond("placed_at", 1, spot, past))
        events = events.filter(_beyond("occurred_at", 0, spot, past))
    nearest_orders = orders.select_related("shop").order_by(f"{sign}placed_at", f"{sign}pk")[: most + 1]
    nearest_events = events.select_related("product").order_by(f"{sign}occurred_at", f"{sign}pk")[: most + 1]
    moments = [Moment(each.placed_at, each.pk, order=each) for each in nearest_orders]
    moments += [Moment(each.occurred_at, each.pk, event=each) for each in nearest_events]
    nearest = sorted(moments, key=lambda moment: (moment.at, moment.rank, moment.pk), reverse=after is None)
    found = nearest[:most]
    return (found if after is None else found[::-1]), len(moments) > most


def _beyond(column: str, rank: int, spot: Spot, past: str) -> Q:
    """Rows of one rank past a place. Of equal instants the greater rank is the newer moment."""
    at, other, pk = spot
    beyond = Q(**{f"{column}__{past}": at})
    if rank == other:
        same = Q(**{column: at, f"pk__{past}": pk})
    elif (rank < other) == (past == "lt"):
        same = Q(**{column: at})
    else:
        return beyond
    return Q(**{f"{column}__{past}e": at}) & (beyond | same)


def kinds_of(member_id: int) -> list[str]:
    """This function will name the kinds of events a member has, by the index alone."""
    found = BehaviourEvent.objects.filter(member_id=member_id).values_list("kind", flat=True)
    return sorted(set(found.order_by("kind").distinct()))
