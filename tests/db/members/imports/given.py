"""Uploads for tests: files in, jobs run, and everything that an import can touch as one comparable picture."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from core.services.jobs import run_jobs
from members.ingest.uploads import recognise
from members.models import (
    BehaviourEvent,
    Category,
    Consent,
    Identifier,
    Import,
    Member,
    MemberTag,
    Order,
    OrderLine,
    Product,
    Refund,
    Shop,
)
from members.services.import_files import (
    Upload,
    receive,
)
from members.services.imports import (
    register_import,
    start_import,
    start_undo,
)
from tests.factories import NOW
from tests.unit.members.connectors.samples import line, line_report, order, order_report


def uploaded(
    *paths: Path, target: str = "", reading: Mapping[str, Any] | None = None, now: datetime = NOW, by: str = "ann"
) -> Import:
    """This function will upload files, recognised as they are or read as said."""
    received = receive([Upload(path.name, [path.read_bytes()]) for path in paths])
    found = recognise(received.folder.files(received.names), target=target)
    said = {"format": "auto"} if reading is None else reading
    return register_import(received=received, target=found.target, now=now, by=by, said=found.sentence, reading=said)


def work(now: datetime = NOW) -> dict[str, int]:
    return run_jobs(now=now)


def imported(*paths: Path, target: str = "", reading: Mapping[str, Any] | None = None, now: datetime = NOW) -> Import:
    source = uploaded(*paths, target=target, reading=reading, now=now)
    start_import(import_id=source.pk, now=now, by="ann")
    work(now)
    source.refresh_from_db()
    return source


def undone(source: Import, now: datetime = NOW) -> Import:
    start_undo(import_id=source.pk, now=now, by="ann")
    work(now)
    source.refresh_from_db()
    return source


def _told(value: Any) -> str:
    """Of attributes the order means nothing."""
    return str(sorted(value.items())) if isinstance(value, dict) else str(value)


LEFT_OUT = frozenset({"id", "created_at", "random_bucket"})


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """This function will tell all that there is, by names instead of ids."""
    plain = [
        field.attname for field in Member._meta.concrete_fields if field.attname not in LEFT_OUT and not field.generated
    ]
    orders = [
        field.attname
        for field in Order._meta.concrete_fields
        if field.attname not in {"id", "shop_id", "member_id"} and not field.generated
    ]
    return {
        "members": [tuple(map(_told, row)) for row in Member.objects.order_by("external_id").values_list(*plain)],
        "orders": [
            tuple(map(str, row))
            for row in Order.objects.order_by("shop__slug", "external_id").values_list(
                "shop__slug", "member__external_id", *orders
            )
        ],
        "lines": [
            *OrderLine.objects.order_by("order__external_id", "position").values_list(
                "order__external_id", "position", "product__code", "sku", "quantity", "unit_price_minor", "amount_minor"
            )
        ],
        "refunds": [
            *Refund.objects.order_by("order__external_id", "position").values_list(
                "order__external_id", "position", "amount_minor", "reason"
            )
        ],
        "events": [
            *BehaviourEvent.objects.order_by("external_id").values_list("external_id", "member__external_id", "kind")
        ],
        "names": [
            *Identifier.objects.order_by("source", "kind", "value").values_list(
                "source", "kind", "value", "member__external_id"
            )
        ],
        "tags": [*MemberTag.objects.order_by("member__external_id", "tag").values_list("member__external_id", "tag")],
        "consents": [
            *Consent.objects.order_by("member__external_id", "channel").values_list(
                "member__external_id", "channel", "granted", "proof"
            )
        ],
        "products": [*Product.objects.order_by("code").values_list("code", "name", "category__name")],
        "categories": [*Category.objects.order_by("name").values_list("name")],
        "shops": [*Shop.objects.order_by("slug").values_list("slug")],
    }


MEMBERS = "external_id,name,phone,email,tags,consent_sms\n"


ORDERS = "external_id,member,placed_at,status,total_minor,product,quantity,unit_price_minor,category\n"


def orders_file(file: Any, count: int = 5, name: str = "orders.csv", status: str = "paid") -> Path:
    rows = "".join(f"o{n},m{n % 3},2026-05-0{n % 9 + 1},{status},{1000 + n},tea,1,{1000 + n},drinks\n" for n in range(count))
    return file(ORDERS + rows, name)


def tmall(file: Any, tmp_path: Path) -> tuple[Path, Path]:
    orders = [
        order(订单编号="A1", 买家会员名="ann", 联系手机="13800138000", 收货人姓名="王五"),
        order(订单编号="A2", 买家会员名="bob", 订单状态="莫名其妙"),
        order(订单编号="A3", 买家会员名="ann"),
    ]
    lines = [line(订单编号="A1"), line(订单编号="A2"), line(订单编号="A3", 价格="abc")]
    return order_report(tmp_path, *orders), line_report(tmp_path, *lines)
