"""What members do in the shop, as reports read it: whose behaviour, in which sessions, and what was ordered meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members.models import BehaviourEvent, Order
from retention.features.events import BROWSING
from retention.reports.base import Asked
from retention.reports.sources import events_within, orders_until

MONTH_DAYS = 30
TIMES: tuple[tuple[str, timedelta | None, str | Promise], ...] = (
    ("10m", timedelta(minutes=10), _("10 minutes")),
    ("1h", timedelta(hours=1), _("1 hour")),
    ("1d", timedelta(days=1), _("1 day")),
    ("3d", timedelta(days=3), _("3 days")),
    ("7d", timedelta(days=7), _("7 days")),
    ("later", None, _("longer")),
)
"""Bands of a time between two moments: up to and with so much."""


def last_days(known_day: int) -> tuple[int, int]:
    """This function will return the period that is usual for behaviour: the last 30 days."""
    return known_day - MONTH_DAYS + 1, known_day


def behaviour(asked: Asked) -> QuerySet[BehaviourEvent, Any]:
    """This function will select the events of the period; for one shop, those of members who ordered there by its end.

    Events do not say in which shop something was done.
    """
    events = events_within(asked)
    return events if asked.shop_id is None else events.filter(member_id__in=orders_until(asked).values("member_id"))


def browsing(asked: Asked) -> QuerySet[BehaviourEvent, Any]:
    """This function will select those of them that are done in the shop: looking, searching, filling carts."""
    return behaviour(asked).filter(kind__in=BROWSING)


def orders_soon_after(asked: Asked, *, days: int) -> QuerySet[Order, Any]:
    """This function will select the orders from the period's first day until `days` days past its end, if known."""
    until = replace(asked, last_day=min(asked.last_day + days, asked.known_day))
    return orders_until(until).filter(placed_day__gte=asked.first_day)


def ordered_that_day(asked: Asked) -> Exists:
    """Whether the row's member ordered on the row's day; days are compared because many shops know no time of an order."""
    found = orders_soon_after(asked, days=0).filter(member_id=OuterRef("member_id"), placed_day=OuterRef("day"))
    return Exists(found)


def time_band(begins: str, ends: str) -> Case:
    """The band of TIMES that lies between two moments of a row; NULL without both in this order."""
    whens = [When(**{f"{ends}__lte": F(begins) + length}, then=Value(code)) for code, length, _label in TIMES if length]
    known = Q(**{f"{begins}__isnull": False, f"{ends}__gte": F(begins)})
    return Case(
        When(~known | Q(**{f"{ends}__isnull": True}), then=Value(None)),
        *whens,
        default=Value("later"),
        output_field=CharField(),
    )


def shop_note(asked: Asked) -> list[str]:
    """This function will say whose behaviour is told where a shop was chosen."""
    if asked.shop_id is None:
        return []
    return [
        gettext(
            "Behaviour does not say in which shop it was: this is what members did anywhere who have ordered in this one."
        )
    ]


def nothing_done() -> str:
    return gettext(
        "No behaviour is known of this time. Send events (views, searches, carts) or import them, and this page answers."
    )
