"""What is asked of the data: for each field what is missing, invalid, duplicate, stale. Declared once; one scan counts all.

A part is a table read in ranges of its key, newest first. Its measures are conditions that one statement counts together, or
rows that a statement of their own finds; its tables are counts and last instants by some group (a shop, a source, a kind).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, FilteredRelation, Max, Min, Model, OuterRef, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.conf import shop_zone
from core.periods import day_number
from members.models import (
    ADDRESS_COLUMNS,
    BehaviourEvent,
    Channel,
    EventKind,
    Member,
    Order,
    OrderLine,
    OrderStatus,
    Product,
    Purpose,
)

Text = str | Promise
Rows = QuerySet[Any, Any]

MISSING, INVALID, DUPLICATE, STALE = "missing", "invalid", "duplicate", "stale"
KINDS: Mapping[str, Text] = {
    MISSING: _("missing"),
    INVALID: _("invalid"),
    DUPLICATE: _("likely duplicates"),
    STALE: _("stale"),
}

OLDEST_YEARS = 110
"""Nobody who orders is older; a birth year further back is a default of some form."""
OPEN_DAYS = 30
"""An order that is neither completed nor cancelled after so many days was not updated."""
SILENT_DAYS = 365
LONGEST_DWELL_SECONDS = 86_400
PHONE = r"^\+[1-9][0-9]{6,14}$"
"""The international form in which numbers are stored: what differs was masked or never parsed."""
EMAIL = r"^[^@\s*]+@[^@\s*]+\.[^@\s*]+$"
SHORT_MONTHS = (230, 231, 431, 631, 931, 1131)


@dataclass(frozen=True, slots=True)
class Moment:
    """When the look is, in the forms in which columns are compared with it."""

    now: datetime

    @property
    def day(self) -> int:
        return day_number(self.now, shop_zone())

    @property
    def year(self) -> int:
        return self.now.astimezone(shop_zone()).year

    @property
    def month_and_day(self) -> int:
        today = self.now.astimezone(shop_zone())
        return today.month * 100 + today.day


@dataclass(frozen=True, slots=True)
class Measure:
    """One question to a field. `when` is a condition on the part's rows, `found` a statement that returns ids instead.

    `rule` says the same in the rule language, where it can: the list behind the number can become a segment.
    """

    code: str
    when: Callable[[Moment], Q] | None = None
    found: Callable[[Rows, Moment], Rows] | None = None
    rule: Mapping[str, Any] | None = None

    @property
    def field(self) -> str:
        return self.code.split(".", 1)[1].rsplit(".", 1)[0]

    @property
    def kind(self) -> str:
        return self.code.rsplit(".", 1)[1]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Rows and their last instant by a column."""

    code: str
    column: str
    instant: str


@dataclass(frozen=True, slots=True)
class Part:
    """A table that is read in ranges of ids. `rows` prepares the range for the conditions."""

    code: str
    model: type[Model]
    at_once: int
    measures: Sequence[Measure]
    groups: Sequence[Grouped] = ()
    rows: Callable[[Rows], Rows] = field(default=lambda rows: rows)


def _is(condition: Q) -> Callable[[Moment], Q]:
    return lambda _moment: condition


def _empty(subject: str, name: str, *, ruled: str = "") -> Measure:
    rule = {"field": ruled, "operator": "is_null"} if ruled else None
    return Measure(f"{subject}.{name}.{MISSING}", _is(Q(**{name: ""})), rule=rule)


def _unknown(subject: str, name: str, column: str, *, ruled: str = "") -> Measure:
    rule = {"field": ruled, "operator": "is_null"} if ruled else None
    return Measure(f"{subject}.{name}.{MISSING}", _is(Q(**{f"{column}__isnull": True})), rule=rule)


# --- Members


def _impossible_birthday(moment: Moment) -> Q:
    """Out of range: no such day in any year, before anybody's lifetime, or still to come."""
    no_such_day = Q(birth_key__in=SHORT_MONTHS, birth_calendar="")
    for month in range(1, 13):
        no_such_day |= Q(birth_key=month * 100) | Q(birth_key__gt=month * 100 + 31, birth_key__lt=month * 100 + 100)
    to_come = Q(birth_year__gt=moment.year) | Q(birth_year=moment.year, birth_key__gt=moment.month_and_day)
    return no_such_day | to_come | Q(birth_year__lt=moment.year - OLDEST_YEARS)


def _never_active(rows: Rows, moment: Moment) -> Rows:
    return rows.filter(~Exists(_orders_of_member()), ~Exists(_events_of_member())).order_by("-pk").values_list("pk")


def _silent(rows: Rows, moment: Moment) -> Rows:
    since = moment.day - SILENT_DAYS
    recent_orders, recent_events = _orders_of_member(placed_day__gt=since), _events_of_member(day__gt=since)
    once = Q(Exists(_orders_of_member())) | Q(Exists(_events_of_member()))
    return rows.filter(once, ~Exists(recent_orders), ~Exists(recent_events)).order_by("-pk").values_list("pk")


def _orders_of_member(**which: Any) -> Rows:
    return Order.objects.filter(member_id=OuterRef("pk"), **which)


def _events_of_member(**which: Any) -> Rows:
    return BehaviourEvent.objects.filter(member_id=OuterRef("pk"), **which)


def _with_consents(rows: Rows) -> Rows:
    """One word a channel and purpose is a constraint, so that the joins repeat nobody."""
    for channel in Channel.values:
        said = Q(consents__channel=channel, consents__purpose=Purpose.MARKETING)
        rows = rows.annotate(**{f"said_{channel}": FilteredRelation("consents", condition=said)})
    return rows


REACHABLE, UNSUBSCRIBED, UNASKED, NO_ADDRESS, NOTHING = "reachable", "unsubscribed", "unasked", "no_address", "nothing"
REACHES = (REACHABLE, UNASKED, UNSUBSCRIBED, NO_ADDRESS, NOTHING)


def _reach(channel: str) -> tuple[Measure, ...]:
    """Each member is in exactly one of them: what a bar of the channel is made of."""
    address = ~Q(**{ADDRESS_COLUMNS[channel]: ""})
    yes, no = Q(**{f"said_{channel}__granted": True}), Q(**{f"said_{channel}__granted": False})
    silent = Q(**{f"said_{channel}__granted__isnull": True})
    conditions = {
        REACHABLE: address & yes,
        UNASKED: address & silent,
        UNSUBSCRIBED: no,
        NO_ADDRESS: ~address & yes,
        NOTHING: ~address & silent,
    }
    return tuple(Measure(f"reach.{channel}.{code}", _is(condition)) for code, condition in conditions.items())


MEMBERS = Part(
    "members",
    Member,
    50_000,
    (
        _empty("members", "name"),
        _empty("members", "gender", ruled="gender"),
        _unknown("members", "birth_date", "birth_key"),
        Measure("members.birth_date.invalid", _impossible_birthday),
        _unknown("members", "birth_year", "birth_year", ruled="age"),
        _empty("members", "phone"),
        Measure("members.phone.invalid", _is(~Q(phone="") & ~Q(phone__regex=PHONE))),
        _empty("members", "email"),
        Measure("members.email.invalid", _is(~Q(email="") & ~Q(email__regex=EMAIL))),
        _empty("members", "province", ruled="province"),
        _empty("members", "city", ruled="city"),
        _unknown("members", "registered_at", "registered_at", ruled="registered_at"),
        Measure("members.registered_at.invalid", lambda moment: Q(registered_at__gt=moment.now)),
        _empty("members", "source", ruled="source"),
        _empty("members", "language", ruled="language"),
        Measure("members.activity.missing", found=_never_active),
        Measure("members.activity.stale", found=_silent),
        *(measure for channel in Channel.values for measure in _reach(channel)),
    ),
    (Grouped("sources", "source", "created_at"),),
    _with_consents,
)


# --- Orders


def _without_lines(rows: Rows, moment: Moment) -> Rows:
    return rows.filter(~Exists(OrderLine.objects.filter(order_id=OuterRef("pk")))).order_by("-pk").values_list("pk")


def _not_adding_up(rows: Rows, moment: Moment) -> Rows:
    """Read from the lines: a sum for each order would look lines up order by order."""
    lines = OrderLine.objects.filter(order_id__in=rows.values("pk")).values("order_id", "order__total_minor")
    added = lines.annotate(lines_minor=Sum("amount_minor")).exclude(lines_minor=F("order__total_minor"))
    return added.order_by("-order_id").values_list("order_id")


def _forgotten(moment: Moment) -> Q:
    open_states = (OrderStatus.PLACED, OrderStatus.PAID, OrderStatus.SHIPPED)
    return Q(status__in=open_states, placed_day__lt=moment.day - OPEN_DAYS)


DISORDER = (
    Q(paid_at__lt=F("placed_at"))
    | Q(shipped_at__lt=F("placed_at"))
    | Q(delivered_at__lt=F("shipped_at"))
    | Q(completed_at__lt=F("placed_at"))
)
TAKEN = (OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.COMPLETED)

ORDERS = Part(
    "orders",
    Order,
    100_000,
    (
        Measure("orders.placed_at.invalid", lambda moment: Q(placed_at__gt=moment.now)),
        Measure("orders.status.stale", _forgotten),
        Measure("orders.steps.missing", _is(Q(paid_at__isnull=True, status__in=TAKEN))),
        Measure("orders.steps.invalid", _is(DISORDER)),
        Measure("orders.lines.missing", found=_without_lines),
        Measure("orders.lines.invalid", found=_not_adding_up),
        _empty("orders", "channel"),
        _empty("orders", "payment_method"),
        _empty("orders", "city"),
    ),
    (Grouped("shops", "shop_id", "placed_at"),),
)


def _told_twice(rows: Rows, moment: Moment) -> Rows:
    """Orders of one member, one instant and one total under two numbers: the newer ones. A date alone is no instant."""
    orders = Order.objects.filter(member_id__in=rows.values("pk"), placed_hour__isnull=False, total_minor__gt=0)
    alike = orders.values("member_id", "placed_at", "total_minor").annotate(first=Min("pk"), last=Max("pk"))
    newer = alike.filter(last__gt=F("first")).values("last")
    return Order.objects.filter(pk__in=newer).order_by("-pk").values_list("pk")


TWICE = Part("orders_twice", Member, 50_000, (Measure("orders.number.duplicate", found=_told_twice),))


# --- Products and events


def _never_sold(rows: Rows, moment: Moment) -> Rows:
    return rows.filter(~Exists(OrderLine.objects.filter(product_id=OuterRef("pk")))).order_by("-pk").values_list("pk")


def _named_alike(rows: Rows, moment: Moment) -> Rows:
    """By the names that several have, all at once: names have no index, and asking product by product reads all of them."""
    names = Product.objects.exclude(name="").order_by().values("name").annotate(products=Count("pk"))
    return rows.filter(name__in=names.filter(products__gt=1).values("name")).order_by("-pk").values_list("pk")


PRODUCTS = Part(
    "products",
    Product,
    20_000,
    (
        _empty("products", "name"),
        Measure("products.name.duplicate", found=_named_alike),
        _unknown("products", "category", "category"),
        Measure("products.sales.missing", found=_never_sold),
    ),
)

OF_A_PRODUCT = (EventKind.VIEW, EventKind.FAVOURITE, EventKind.CART_ADD, EventKind.CART_REMOVE)

EVENTS = Part(
    "events",
    BehaviourEvent,
    200_000,
    (
        Measure("events.occurred_at.invalid", lambda moment: Q(occurred_at__gt=moment.now)),
        Measure("events.product.missing", _is(Q(kind__in=OF_A_PRODUCT, product__isnull=True))),
        Measure("events.keyword.missing", _is(Q(kind=EventKind.SEARCH, keyword=""))),
        Measure("events.rating.missing", _is(Q(kind=EventKind.REVIEW, rating__isnull=True))),
        Measure("events.dwell_seconds.invalid", _is(Q(dwell_seconds__gt=LONGEST_DWELL_SECONDS))),
        _empty("events", "session_id"),
    ),
    (Grouped("kinds", "kind", "occurred_at"),),
)

PARTS = (MEMBERS, ORDERS, TWICE, PRODUCTS, EVENTS)
MEASURES = {measure.code: measure for part in PARTS for measure in part.measures}


def counts_of(part: Part, rows: Rows, moment: Moment) -> dict[str, int]:
    """This function will count a range's rows and what its conditions find, in one statement."""
    conditions = {measure.code: measure.when(moment) for measure in part.measures if measure.when is not None}
    names = {f"c{place}": code for place, code in enumerate(conditions)}
    aggregates = {name: Count("pk", filter=conditions[code]) for name, code in names.items()}
    counted = part.rows(rows).aggregate(total=Count("pk"), **aggregates)
    return {f"{part.code}.total": counted["total"], **{code: counted[name] for name, code in names.items()}}


def found_by(measure: Measure, part: Part, rows: Rows, moment: Moment) -> Rows:
    """This function will return the ids of a range's rows that a measure finds, one column, the newest first."""
    if measure.found is not None:
        return measure.found(rows, moment)
    assert measure.when is not None
    return part.rows(rows).filter(measure.when(moment)).order_by("-pk").values_list("pk")


def groups_of(group: Grouped, rows: Rows) -> list[tuple[Any, int, datetime | None]]:
    """This function will return how many rows of a range each group has, and its last instant."""
    counted = rows.order_by().values_list(group.column).annotate(count=Count("pk"), last=Max(group.instant))
    return [(key, count, last) for key, count, last in counted]


OLD = timedelta(days=7)
"""Past it a shop, a source or a kind of events that used to come is worth a question."""
