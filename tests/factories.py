"""Rows for tests: fixed instants, sensible defaults, the same derived columns as ingest writes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import count
from typing import Any

from core.conf import shop_zone
from core.periods import date_of, day_number, day_of, hour_of_day
from members.models import BehaviourEvent, Category, DirtyMark, Member, Order, OrderLine, OrderStatus, Product, Refund, Shop

NOW = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
"""A Monday, noon in the shop."""
TODAY = date(2026, 6, 15)
TODAY_NUMBER = day_of(TODAY)
BUYERS: dict[str, Any] = {"field": "order_count", "operator": ">=", "value": 1}
"""The rule that most tests need: who ever ordered."""

_numbers = count(1)


def shop_time(day: int, at: time = time(12)) -> datetime:
    """This function will return the instant of a wall clock time on a shop day number."""
    return datetime.combine(date_of(day), at, tzinfo=shop_zone()).astimezone(UTC)


def make_member(external_id: str = "", **fields: Any) -> Member:
    """This function will save a member and mark it dirty, as ingest does."""
    registered_at = fields.get("registered_at")
    if registered_at is not None:
        fields.setdefault("registered_day", day_number(registered_at, shop_zone()))
    fields.setdefault("created_at", NOW)
    member = Member.objects.create(external_id=external_id or f"m{next(_numbers)}", **fields)
    mark_dirty(member)
    return member


def mark_dirty(*members: Member) -> None:
    DirtyMark.objects.bulk_create([DirtyMark(member_id=member.pk) for member in members])


def default_shop() -> Shop:
    shop, _created = Shop.objects.get_or_create(slug="default", defaults={"name": "Default"})
    return shop


def make_order(
    member: Member,
    *,
    placed_at: datetime = NOW,
    total_minor: int = 10_000,
    refunded_minor: int = 0,
    status: str = OrderStatus.COMPLETED,
    **fields: Any,
) -> Order:
    """This function will save an order (refunded at once, if so) and mark its member dirty."""
    order = Order.objects.create(
        shop=fields.pop("shop", None) or default_shop(),
        member=member,
        external_id=fields.pop("external_id", f"o{next(_numbers)}"),
        status=status,
        placed_at=placed_at,
        placed_day=day_number(placed_at, shop_zone()),
        placed_hour=hour_of_day(placed_at, shop_zone()),
        total_minor=total_minor,
        refunded_minor=refunded_minor,
        refund_count=fields.pop("refund_count", int(refunded_minor > 0)),
        **fields,
    )
    if refunded_minor:
        Refund.objects.create(order=order, position=1, amount_minor=refunded_minor, reason="other", refunded_at=placed_at)
    mark_dirty(member)
    return order


def make_line(order: Order, code: str, category: str = "", *, amount_minor: int = 0, quantity: int = 1) -> OrderLine:
    """This function will save a line of a product, which is made with its category when it is first named."""
    kept = Category.objects.get_or_create(name=category)[0] if category else None
    product, _made = Product.objects.get_or_create(code=code, defaults={"category": kept})
    return OrderLine.objects.create(
        order=order,
        position=order.lines.count(),
        product=product,
        quantity=quantity,
        unit_price_minor=amount_minor // quantity,
        amount_minor=amount_minor,
    )


def make_event(member: Member, kind: str, *, occurred_at: datetime = NOW, **fields: Any) -> BehaviourEvent:
    """This function will save an event and mark its member dirty."""
    event = BehaviourEvent.objects.create(
        external_id=fields.pop("external_id", f"e{next(_numbers)}"),
        member=member,
        kind=kind,
        occurred_at=occurred_at,
        day=day_number(occurred_at, shop_zone()),
        **fields,
    )
    mark_dirty(member)
    return event
