"""Shopify's orders CSV: a row a line, the order's own columns on its first row only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import FieldProblem
from members.ingest.connectors import values
from members.ingest.connectors.base import SURE, Cells, Claim, Connector, Profile, Reading, SourceRow, stated
from members.ingest.connectors.grouping import Columns, Group, groups
from members.ingest.connectors.tables import TableFile
from members.ingest.normalise import Refused, email, phone
from members.models import OrderStatus, RefundReason

DEFAULT_SHOP = "default"
ESSENTIAL = (
    "name",
    "email",
    "financial status",
    "total",
    "created at",
    "lineitem quantity",
    "lineitem name",
    "lineitem price",
)
KNOWN_TEXT = """
name, email, financial status, paid at, fulfillment status, fulfilled at, accepts marketing, currency, subtotal, shipping,
taxes, total, discount code, discount amount, shipping method, created at, lineitem quantity, lineitem name, lineitem price,
lineitem compare at price, lineitem sku, lineitem requires shipping, lineitem taxable, lineitem fulfillment status,
lineitem discount, notes, note attributes, cancelled at, payment method, payment reference, refunded amount, vendor,
outstanding balance, employee, location, device id, id, tags, risk level, source, tax 1 name, tax 1 value, phone, duties,
receipt number, payment id, payment references, payment terms name, next payment due at, customer id, billing name,
billing street, billing address1, billing address2, billing company, billing city, billing zip, billing province,
billing province name, billing country, billing phone, shipping name, shipping street, shipping address1, shipping address2,
shipping company, shipping city, shipping zip, shipping province, shipping province name, shipping country, shipping phone
"""
KNOWN = frozenset(" ".join(name.split()) for name in KNOWN_TEXT.split(","))

WHILE_UNPAID = frozenset({"pending", "authorized", "partially_paid", "expired", "unpaid", ""})
AFTER_PAYMENT = frozenset({"paid", "partially_refunded", "refunded"})
SENT = frozenset({"fulfilled", "partial"})
CONSENT: Mapping[str, bool] = {"yes": True, "true": True, "no": False, "false": False}
LINE = "lineitem "
FILLS: Mapping[str, str] = {
    "name": "external_id",
    "email": "member",
    "customer id": "member",
    "created at": "placed_at",
    "financial status": "status",
    "fulfillment status": "status",
    "total": "total_minor",
    "discount amount": "discount_minor",
    "refunded amount": "refunds",
    "paid at": "paid_at",
    "fulfilled at": "shipped_at",
    "notes": "remark",
    "payment method": "payment_method",
    "lineitem name": "lines",
    "lineitem price": "lines",
    "lineitem quantity": "lines",
    "lineitem discount": "lines",
}
"""Which key of an item each column fills, for marking a problem where it stands."""


class ShopifyOrders(Connector):
    code = "shopify"
    label = gettext_lazy("Shopify orders")

    def recognises(self, header: Sequence[str]) -> float:
        columns = _names(header)
        share = sum(name in KNOWN for name in columns) / max(len(columns), 1)
        return SURE * sum(name in columns for name in ESSENTIAL) / len(ESSENTIAL) + (1 - SURE) * share

    def header_problems(self, header: Sequence[str]) -> list[FieldProblem]:
        columns = _names(header)
        message = _("This column is missing.")
        return [FieldProblem(name.capitalize(), "missing_column", message) for name in ESSENTIAL if name not in columns]

    def fills(self, header: Sequence[str]) -> Mapping[str, str]:
        return {written: FILLS[name] for name, written in zip(_names(header), header, strict=True) if name in FILLS}

    def rows(self, reading: Reading) -> Iterator[SourceRow]:
        for table in reading.tables:
            yield from _orders(table, reading)


def _names(header: Sequence[str]) -> list[str]:
    return [" ".join(column.lower().split()) for column in header]


def _orders(table: TableFile, reading: Reading) -> Iterator[SourceRow]:
    names = _names(table.header)
    written = dict(zip(names, table.header, strict=True))
    said_once = {name: written[name] for name in ESSENTIAL[:5] if name != "name"}
    for group in groups(table, Columns(names), ("name",)):
        group.disagreements(said_once)
        if group.problems:
            yield SourceRow(group.number, group.cells, tuple(group.problems), table.path, group.source)
            continue
        item, profile = _order(Cells(group.cells, written, group.problems), group, reading)
        problems = tuple(group.problems)
        yield SourceRow(group.number, item, problems, table.path, group.source, None if problems else profile)


def _order(cells: Cells, group: Group, reading: Reading) -> tuple[dict[str, Any], Profile]:
    currency = cells.text("currency").upper() or reading.currency
    shop = reading.shop or DEFAULT_SHOP
    member, claims = _customer(cells, shop)
    financial = cells.text("financial status").lower()
    created = cells.demand("created at", values.moment)
    paid_at = cells.read("paid at", values.moment)
    total = cells.demand("total", values.amount, currency)
    refunded = cells.read("refunded amount", values.amount, currency)
    cancelled_at = cells.read("cancelled at", values.moment)
    at = cancelled_at or paid_at or created
    place = {"province": _first(cells, "shipping province name", "shipping province"), "city": cells.text("shipping city")}
    item = stated(
        external_id=cells.demand("name", values.identity),
        member=member,
        placed_at=_iso(created),
        status=_status(cells, financial),
        shop=shop,
        currency=currency,
        total_minor=total,
        discount_minor=cells.read("discount amount", values.amount, currency),
        paid_minor=_paid(cells, financial, total, currency),
        coupon_code=cells.text("discount code").split(",")[0].strip()[:100],
        payment_method=cells.text("payment method")[:60],
        channel=cells.text("source")[:60],
        paid_at=_iso(paid_at),
        shipped_at=_iso(cells.read("fulfilled at", values.moment)),
        remark=cells.text("notes")[:1000],
        lines=[_line(Cells(row, cells.columns, group.problems), currency) for row in group.rows if _has_line(row)],
        refunds=_refunds(refunded, _iso(at)),
        **place,
    )
    told: dict[str, Any] = stated(
        name=_first(cells, "billing name", "shipping name")[:200], email=_email(cells), phone=_phone(cells), **place
    )
    consent = CONSENT.get(cells.text("accepts marketing").lower())
    if consent is not None:
        told["consents"] = {"email": consent}
    return item, Profile(member, values.sortable(created) if created else "", told, claims)


def _customer(cells: Cells, shop: str) -> tuple[str, tuple[Claim, ...]]:
    """Who bought: the e-mail address, else the shop's number of the customer, else the phone.

    An address and a phone mean one person whatever the shop; a number means something within its shop only.
    """
    address, number, called = cells.read("email", email, None), cells.read("customer id", values.identity), _phone(cells)
    claims = []
    if address:
        claims.append(Claim(shop, "email", address))
    if number:
        claims.append(Claim(shop, "customer_id", number))
    if not cells.text("email") and not claims and not called:
        cells.refuse("email", "no_customer", _("This order names no customer: no e-mail address, customer number or phone."))
    return address or (f"{shop}:{number}" if number else called), tuple(claims)


def _status(cells: Cells, financial: str) -> str | None:
    fulfilment = cells.text("fulfillment status").lower()
    if cells.text("cancelled at") or financial == "voided":
        return OrderStatus.CANCELLED.value
    if financial not in WHILE_UNPAID | AFTER_PAYMENT:
        message = _("This order status is not known: %(words)s.") % {"words": financial[:40]}
        cells.refuse("financial status", "unknown_status", message)
        return None
    if fulfilment in SENT:
        return OrderStatus.SHIPPED.value
    return OrderStatus.PAID.value if financial in AFTER_PAYMENT else OrderStatus.PLACED.value


def _paid(cells: Cells, financial: str, total: int | None, currency: str) -> int | None:
    outstanding = cells.read("outstanding balance", values.amount, currency)
    if total is None or financial not in AFTER_PAYMENT | {"partially_paid"}:
        return None
    return max(total - outstanding, 0) if outstanding is not None else total if financial in AFTER_PAYMENT else None


def _refunds(refunded: int | None, at: str) -> list[dict[str, Any]] | None:
    if not refunded:
        return None if refunded is None else []
    return [{"amount_minor": refunded, "reason": RefundReason.OTHER.value, "at": at}]


def _has_line(row: Mapping[str, str]) -> bool:
    return any(name.startswith(LINE) for name in row)


def _line(cells: Cells, currency: str) -> dict[str, Any]:
    sku, title = cells.read("lineitem sku", values.identity), cells.text("lineitem name")
    if not (sku or title):
        cells.refuse("lineitem name", "required", _("This cell is empty."))
    quantity = cells.demand("lineitem quantity", values.count)
    price = cells.demand("lineitem price", values.amount, currency)
    discount = cells.read("lineitem discount", values.amount, currency)
    whole = None if quantity is None or price is None else quantity * price
    return stated(
        product=sku or title[:200],
        name=title[:300],
        quantity=quantity,
        unit_price_minor=price,
        amount_minor=max(whole - discount, 0) if discount and whole is not None else None,
    )


def _first(cells: Cells, *names: str) -> str:
    return next((text for name in names if (text := cells.text(name))), "")[:100]


def _email(cells: Cells) -> str:
    return cells.text("email").lower()


def _phone(cells: Cells) -> str:
    """A phone that is none is left out; numbers without a country are China's only where they are valid there."""
    for name in ("phone", "billing phone", "shipping phone"):
        try:
            found = phone(cells.text(name), None)  # type: ignore[arg-type]
        except Refused:
            continue
        if found:
            return found
    return ""


def _iso(at: Any) -> str:
    return at.isoformat() if at else ""
