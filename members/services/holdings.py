"""What the members app keeps of a member: handed out as it stands, and taken away when the member is to be forgotten.

The profile's own row is emptied by `erasure`, last of all. Orders and events stay under its number, for what the shop sold
and saw must still add up; whatever in them may tell of a person goes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, F, Model, Q, Value, When
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from core.batching import batches
from core.registry import Called, Holding, Kept
from core.sql import rows_as_json
from members.models import (
    ERASED_PREFIX,
    BehaviourEvent,
    Consent,
    DirtyMark,
    Identifier,
    Member,
    MemberTag,
    MergeRecord,
    Order,
    OrderLine,
    Refund,
)

OURS = frozenset({"id", "member_id", "random_bucket", "erased_at", "made_up_fields", "registered_day", "placed_day", "day"})
"""Columns that are ours, not the member's: numbers of rows, and what is worked out from another column."""
LINE = ("sku", "quantity", "unit_price_minor", "amount_minor")
AT_ONCE = 5_000

HOLDS = (
    Holding("profile", _("profile"), ("members.Member",)),
    Holding("tags", _("tags"), ("members.MemberTag",)),
    Holding("identifiers", _("names elsewhere"), ("members.Identifier",)),
    Holding("consents", _("words on consent"), ("members.Consent",)),
    Holding("merges", _("numbers that were merged"), ("members.MergeRecord",)),
    Holding(
        "orders",
        _("orders"),
        ("members.Order", "members.OrderLine", "members.Refund"),
        _("The law asks for books: amounts, days and goods stay, without place, remark or person."),
    ),
    Holding(
        "events",
        _("behaviour events"),
        ("members.BehaviourEvent",),
        _("Statistics: kind, day and goods stay, without any text and without session or page."),
    ),
)


def export(*, member_id: int) -> Kept:
    """This function will hand out profile, names, words on consent, orders with lines and refunds, and events."""
    orders = Order.objects.filter(member_id=member_id).order_by("placed_at", "pk")
    products = OrderLine.objects.filter(order__member_id=member_id).order_by("order_id", "position")
    refunds = Refund.objects.filter(order__member_id=member_id).order_by("order_id", "position")
    numbers = dict(orders.values_list("pk", "external_id"))
    return {
        "profile": own_columns(Member.objects.filter(pk=member_id)),
        "tags": own_columns(MemberTag.objects.filter(member_id=member_id).order_by("tag")),
        "identifiers": own_columns(Identifier.objects.filter(member_id=member_id).order_by("pk")),
        "consents": own_columns(Consent.objects.filter(member_id=member_id).order_by("pk")),
        "merges": rows_of(
            MergeRecord.objects.filter(member_id=member_id)
            .order_by("pk")
            .values("dropped_external_id", "dropped", "merged_at", "undone_at")
        ),
        "orders": _named(orders, shop="shop__slug"),
        "order_lines": [
            {"order": numbers[line.pop("order_id")], **line}
            for line in rows_of(products.values("order_id", "position", "product__code", "product__name", *LINE))
        ],
        "refunds": [
            {"order": numbers[refund.pop("order_id")], **refund}
            for refund in rows_of(refunds.values("order_id", "position", "amount_minor", "reason", "refunded_at"))
        ],
        "events": _named(
            BehaviourEvent.objects.filter(member_id=member_id).order_by("occurred_at", "pk"), product="product__code"
        ),
    }


def rows_of(rows: Any) -> list[dict[str, Any]]:
    """This function will read `.values(...)` of rows as an export holds them."""
    return list(rows)


def own_columns(rows: Any, *, without: frozenset[str] = OURS) -> list[dict[str, Any]]:
    """This function will read whole rows, but for what is ours."""
    return [{name: value for name, value in row.items() if name not in without} for row in rows_as_json(rows)]


def _named(rows: Any, **keys: str) -> list[dict[str, Any]]:
    """Rows in which a foreign key is said by the name that people know."""
    told = own_columns(rows, without=OURS | {f"{name}_id" for name in keys})
    names = rows.values(*keys.values())
    return [{**row, **{key: name[path] for key, path in keys.items()}} for row, name in zip(told, names, strict=True)]


def erase(*, called: Called, now: datetime) -> None:
    """This function will delete what names the member and empty what orders and events tell of a person."""
    member_id = called.member_id
    for model in (MemberTag, Identifier, Consent):
        model._default_manager.filter(member_id=member_id).delete()
    MergeRecord.objects.filter(Q(member_id=member_id) | Q(dropped_id=member_id) | Q(kept_id=member_id)).delete()
    DirtyMark.objects.filter(member_id=member_id).delete()
    _write(Order, member_id, city="", province="", remark="")
    _write(
        BehaviourEvent,
        member_id,
        external_id=pseudonym(F("pk")),
        session_id="",
        page="",
        keyword="",
        topic="",
        properties={},
    )


def pseudonym(number: Any) -> Concat:
    """A text that is nobody's, from a row's own number."""
    return Concat(Value(ERASED_PREFIX), Cast(number, CharField()))


def unless_ours(column: str, prefix: str, replacement: Any) -> Case:
    """What begins as only our own texts do stays; what somebody else wrote is replaced."""
    return Case(When(**{f"{column}__startswith": prefix}, then=F(column)), default=replacement)


def _write(model: type[Model], member_id: int, **values: Any) -> None:
    rows = model._default_manager.filter(member_id=member_id)
    ids = list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
    for chunk in batches(ids, AT_ONCE):
        model._default_manager.filter(pk__in=chunk).update(**values)
