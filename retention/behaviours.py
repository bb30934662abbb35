"""What rules may ask that members did: orders and every kind of event, what of them adds up, what they may be like."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, NullIf
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.conf import shop_zone
from core.periods import day_number, start_of
from core.registry import Store
from members.models import BehaviourEvent, EventKind, Order, OrderLine, OrderStatus, Refund, RefundReason
from retention.deeds import CONTACT_DEEDS, EVENT_DEEDS
from rules.ast import Aggregate
from rules.compile import OneOf
from rules.fields import Behaviour, Deed, Field, FieldType
from rules.joined import MEMBER, Measure, Sought

COUNTED = ~Q(status=OrderStatus.CANCELLED)
"""Orders that count."""

# --- Fields of what was done


def _text(name: str, label: Promise, *, column: str = "", of_part: bool = False, help: Promise | str = "") -> Field:
    read = column or name
    return Field(
        name=name,
        type=FieldType.TEXT,
        label=label,
        help=help,
        of_part=of_part,
        expression=lambda: NullIf(F(read), Value("")),
    )


def _number(name: str, label: Promise, kind: FieldType = FieldType.NUMBER, *, column: str = "", **more: Any) -> Field:
    return Field(name=name, type=kind, label=label, column=column, **more)


class ShopDay(Func):
    """The shop day number of a moment."""

    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"((({sql}) AT TIME ZONE %s)::date - DATE '1970-01-01')", [*params, shop_zone().key]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        day = f"julianday(django_datetime_cast_date({sql}, %s, 'UTC'))"
        return f"CAST({day} - 2440587.5 AS INTEGER)", [*params, shop_zone().key]


def _days_until(name: str, moment: str, label: Promise, help: Promise) -> Field:
    return Field(
        name=name,
        type=FieldType.NUMBER,
        label=label,
        unit="days",
        help=help,
        expression=lambda: ShopDay(F(moment)) - F("placed_day"),
    )


def _category_of_event() -> Coalesce:
    """What the event itself says, else what is known of its product."""
    return Coalesce(NullIf(F("category"), Value("")), F("product__category__name"))


ORDER_WHERES = (
    _text("category", _("Category"), column="product__category__name", of_part=True),
    _text("product", _("Product"), column="product__code", of_part=True, help=_("The product's code.")),
    _text("sku", _("Variant"), of_part=True),
    _text("shop", _("Shop"), column="shop__slug", help=_("The shop's short name.")),
    _number("amount_minor", _("Amount"), FieldType.MONEY, column="revenue", help=_("The order's total less refunds.")),
    _number("discount_minor", _("Discount"), FieldType.MONEY),
    _number("refunded_minor", _("Refunded"), FieldType.MONEY, column="refunded"),
    Field(
        name="status",
        type=FieldType.ENUMERATION,
        label=_("Status"),
        choices=tuple((status.value, status.label) for status in OrderStatus if status != OrderStatus.CANCELLED),
        help=_("Cancelled orders never count."),
    ),
    _text("channel", _("Channel")),
    _text("payment_method", _("Payment method")),
    _text("coupon_code", _("Coupon")),
    _number("points_used", _("Points used"), unit="points"),
    _text("city", _("City")),
    _text("province", _("Province")),
    _number("hour", _("Hour of the day"), column="placed_hour", help=_("From 0 to 23, where the order's time is known.")),
    _days_until("shipping_days", "shipped_at", _("Days until shipped"), _("From the day it was placed.")),
    _days_until("delivery_days", "delivered_at", _("Days until delivered"), _("From the day it was placed.")),
)
ORDER_SUMS = (
    _number("amount_minor", _("Amount"), FieldType.MONEY, column="revenue", help=_("Totals of the orders less refunds.")),
    _number(
        "lines_minor",
        _("Amount of the products"),
        FieldType.MONEY,
        column="amount_minor",
        of_part=True,
        help=_("What the order lines brought in, of the category, product or variant asked for alone. Refunds stay in."),
    ),
    _number("quantity", _("Pieces"), of_part=True, help=_("Of the category, product or variant asked for alone.")),
    _number("discount_minor", _("Discount"), FieldType.MONEY),
    _number("points_used", _("Points used"), unit="points"),
)
REFUND_WHERES = (
    Field(name="reason", type=FieldType.ENUMERATION, label=_("Reason"), choices=tuple(RefundReason.choices)),
    _number("amount_minor", _("Amount"), FieldType.MONEY),
    _text("shop", _("Shop"), column="order__shop__slug", help=_("The shop's short name.")),
)
REFUND_SUMS = (_number("amount_minor", _("Amount"), FieldType.MONEY),)
EVENT_WHERES = (
    _text("product", _("Product"), column="product__code", help=_("The product's code.")),
    Field(name="category", type=FieldType.TEXT, label=_("Category"), expression=_category_of_event),
    _text("keyword", _("Keyword")),
    _number("rating", _("Rating"), help=_("From 1 to 5.")),
    _text("topic", _("Topic")),
    _text("page", _("Page")),
    _number("dwell_seconds", _("Seconds on the page"), FieldType.DECIMAL),
    _number("response_seconds", _("Seconds until answered"), FieldType.DECIMAL),
    _number("value", _("Value"), FieldType.DECIMAL),
)
EVENT_SUMS = (
    _number("value", _("Value"), FieldType.DECIMAL),
    _number("dwell_seconds", _("Seconds on the page"), FieldType.DECIMAL),
    _number("response_seconds", _("Seconds until answered"), FieldType.DECIMAL),
)


def _noted(name: str, label: Promise, help: Promise) -> Field:
    """What an event of the product's own notes under this name."""
    return Field(
        name=name,
        type=FieldType.TEXT,
        label=label,
        help=help,
        expression=lambda: KeyTextTransform(name, "properties"),
    )


_CHANNEL = _noted("channel", _("Channel"), _("Of the message: sms, email."))
_CAMPAIGN = _noted("campaign", _("Campaign"), _("The campaign's short name."))
_TEMPLATE = _noted("template", _("Coupon"), _("The coupon's short name."))
CONTACT_WHERES: dict[EventKind, tuple[Field, ...]] = {
    EventKind.MESSAGE_SENT: (_CHANNEL, _CAMPAIGN),
    EventKind.MESSAGE_OPENED: (_CHANNEL, _CAMPAIGN),
    EventKind.MESSAGE_CLICKED: (_CHANNEL, _CAMPAIGN),
    EventKind.COUPON_REDEEMED: (_TEMPLATE, _CAMPAIGN),
}

# --- Rows: a member's deeds added up


def orders(sought: Sought) -> QuerySet[Any, Any]:
    """This function will add up the orders that are looked at, or the lines of them that are."""
    known = Order.objects.filter(COUNTED).alias(**_known_refunds(sought.as_of))
    counted = _in_time(known, sought, day="placed_day", at="placed_at")
    if sought.whole is not None:
        counted = counted.filter(sought.whole)
    if sought.by_part:
        lines = OrderLine.objects.filter(order_id__in=counted.values("pk"))
        lines = lines if sought.parts is None else lines.filter(sought.parts)
        return added_up(lines.values(**{MEMBER: F("order__member_id")}), sought, day="order__placed_day")
    if sought.parts is not None:
        counted = counted.filter(Exists(OrderLine.objects.filter(sought.parts, order_id=OuterRef("pk"))))
    return added_up(counted.values(MEMBER), sought, day="placed_day")


def _known_refunds(as_of: datetime | None) -> dict[str, Any]:
    """What orders brought in and gave back, without refunds given after `as_of`.

    Orders carry their refunds added up, so ordinarily no refund is read: only a look back, or a refund dated ahead, pays
    for it.
    """
    later = Refund.objects.filter(refunded_at__gt=as_of) if as_of is not None else Refund.objects.none()
    if not later.exists():
        return {"revenue": F("revenue_minor"), "refunded": F("refunded_minor")}
    of_order = later.filter(order_id=OuterRef("pk")).values("order_id").annotate(amount=Sum("amount_minor"))
    amount = Cast(Coalesce(Subquery(of_order.values("amount")), 0, output_field=BigIntegerField()), BigIntegerField())
    return {"revenue": F("revenue_minor") + amount, "refunded": F("refunded_minor") - amount}


def refunds(sought: Sought) -> QuerySet[Any, Any]:
    """This function will add up refunds: each belongs to its order's day, and counts once it was given."""
    rows = Refund.objects.filter(~Q(order__status=OrderStatus.CANCELLED)).annotate(**{MEMBER: F("order__member_id")})
    rows = of_members(rows, sought.members).filter(order__placed_day__lte=sought.last_day)
    if sought.first_day is not None:
        rows = rows.filter(order__placed_day__gte=sought.first_day)
    if sought.as_of is not None:
        rows = rows.filter(refunded_at__lte=sought.as_of, order__placed_at__lte=sought.as_of)
    if sought.whole is not None:
        rows = rows.filter(sought.whole)
    return added_up(rows.values(MEMBER), sought, day="order__placed_day")


def events_of(kind: EventKind) -> Any:
    """This function will give what adds up events of one kind."""

    def events(sought: Sought) -> QuerySet[Any, Any]:
        counted = _in_time(BehaviourEvent.objects.filter(kind=kind), sought, day="day", at="occurred_at")
        if sought.whole is not None:
            counted = counted.filter(sought.whole)
        return added_up(counted.values(MEMBER), sought, day="day")

    return events


def _in_time(rows: QuerySet[Any], sought: Sought, *, day: str, at: str) -> QuerySet[Any]:
    """Moments are named beside days, which say the same: events have no index that begins with the day."""
    rows = of_members(rows, sought.members).filter(**{f"{day}__lte": sought.last_day})
    if sought.first_day is not None:
        rows = rows.filter(**{f"{day}__gte": sought.first_day})
        if at == "occurred_at":
            rows = rows.filter(**{f"{at}__gte": start_of(sought.first_day, shop_zone())})
    if sought.as_of is not None and _cuts(sought.as_of, sought.last_day):
        rows = rows.filter(**{f"{at}__lte": sought.as_of})
    return rows


def _cuts(as_of: datetime, last_day: int) -> bool:
    """Whether something of the window's last day may be later than `as_of`."""
    day = day_number(as_of, shop_zone())
    return last_day > day or (last_day == day and start_of(day + 1, shop_zone()) - as_of > datetime.resolution)


def of_members(rows: QuerySet[Any], members: Any) -> QuerySet[Any]:
    """This function will keep the rows of the members that are asked about: an id, ids, a queryset of ids, or None, all."""
    match members:
        case None:
            return rows
        case int():
            return rows.filter(**{MEMBER: members})
        case QuerySet():
            return rows.filter(**{f"{MEMBER}__in": members})
        case _:
            return rows.filter(OneOf(F(MEMBER), list(members)))


def added_up(rows: QuerySet[Any, Any], sought: Sought, *, day: str) -> QuerySet[Any, Any]:
    """This function will make a row a member of rows grouped by MEMBER, with each measure under its name."""
    in_order = sorted(sought.measures, key=lambda measure: measure.name)
    return rows.annotate(**{measure.name: _aggregate(measure, day) for measure in in_order})


def _aggregate(measure: Measure, day: str) -> Count | Sum:
    match measure.aggregate:
        case Aggregate.COUNT:
            return Count(day)  # never missing, and in the index
        case Aggregate.DISTINCT_DAYS:
            return Count(day, distinct=True)
        case Aggregate.SUM:
            return Sum(measure.column)


# --- The catalogue's behaviours

_BOUGHT = Deed(_("bought %(what)s"), _("did not buy %(what)s"))

BEHAVIOURS = (
    Behaviour(
        code="order",
        label=_("Ordered"),
        deed=Deed(_("ordered"), _("did not order")),
        deeds_to=(("product", _BOUGHT), ("category", _BOUGHT), ("sku", _BOUGHT)),
        sums=ORDER_SUMS,
        wheres=ORDER_WHERES,
        rows=orders,
    ),
    Behaviour(
        code="refund",
        label=_("Was given money back"),
        deed=Deed(_("was given money back"), _("was not given money back")),
        deeds_to=(("reason", Deed(_("was given money back for %(what)s"), _("was not given money back for %(what)s"))),),
        sums=REFUND_SUMS,
        wheres=REFUND_WHERES,
        rows=refunds,
    ),
    *(
        Behaviour(
            code=kind.value,
            label=kind.label,
            deed=Deed(*deed),
            deeds_to=tuple((name, Deed(*said)) for name, said in deeds_to.items()),
            sums=EVENT_SUMS,
            wheres=EVENT_WHERES,
            rows=events_of(kind),
        )
        for kind, (deed, deeds_to) in EVENT_DEEDS.items()
    ),
    *(
        Behaviour(
            code=kind.value,
            label=kind.label,
            deed=Deed(*deed),
            deeds_to=tuple((name, Deed(*said)) for name, said in deeds_to.items()),
            wheres=CONTACT_WHERES[kind],
            rows=events_of(kind),
        )
        for kind, (deed, deeds_to) in CONTACT_DEEDS.items()
    ),
)

registered: Store[Behaviour] = Store()
"""What higher apps say that members did, added up of rows of their own: registered in `AppConfig.ready()`."""
