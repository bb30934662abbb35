"""Saved mappings: what the columns of a shop's own file mean, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, FieldProblem, InvalidInput, NotFound, Text
from members.models import ColumnMapping, DateOrder, MappingTarget

MOST_COLUMNS = 200
LONGEST_COLUMN = 200
LONGEST_NAME = 60
RESERVED = frozenset({"auto", "csv", "jsonl", "orders", "members", "events", "taobao", "taobao_lines", "shopify"})
"""Names of formats that `--format` knows already."""

ATTRIBUTE = "attributes."
PROPERTY = "properties."
FREELY_NAMED = {"members": ATTRIBUTE, "events": PROPERTY}
"""What a key begins with whose name the shop chooses."""


@dataclass(frozen=True, slots=True)
class MappedKey:
    """One thing that a column can be. `kind` says how its cells are read, `part` of which list it is one entry."""

    label: Text
    kind: str = "text"
    part: str = ""


ORDER_KEYS: Mapping[str, MappedKey] = {
    "external_id": MappedKey(_("order number"), "identity"),
    "member": MappedKey(_("member"), "identity"),
    "placed_at": MappedKey(_("placed at"), "time"),
    "status": MappedKey(_("status"), "status"),
    "total": MappedKey(_("total"), "amount"),
    "total_minor": MappedKey(_("total, in cents"), "number"),
    "discount": MappedKey(_("discount"), "amount"),
    "paid": MappedKey(_("paid"), "amount"),
    "points_used": MappedKey(_("points used"), "points"),
    "currency": MappedKey(_("currency")),
    "shop": MappedKey(_("shop")),
    "payment_method": MappedKey(_("payment method")),
    "channel": MappedKey(_("channel")),
    "coupon_code": MappedKey(_("coupon")),
    "paid_at": MappedKey(_("paid at"), "time"),
    "shipped_at": MappedKey(_("shipped at"), "time"),
    "delivered_at": MappedKey(_("delivered at"), "time"),
    "completed_at": MappedKey(_("completed at"), "time"),
    "province": MappedKey(_("province")),
    "city": MappedKey(_("city")),
    "address": MappedKey(_("address (province and city are read from it)"), "address"),
    "remark": MappedKey(_("remark")),
    "refund": MappedKey(_("refunded"), "amount"),
    "refund_reason": MappedKey(_("refund reason"), "reason"),
    "refund_at": MappedKey(_("refunded at"), "time"),
    "product": MappedKey(_("product code"), "identity", part="lines"),
    "product_name": MappedKey(_("product"), part="lines"),
    "sku": MappedKey(_("variant"), part="lines"),
    "category": MappedKey(_("category"), part="lines"),
    "quantity": MappedKey(_("quantity"), "number", part="lines"),
    "unit_price": MappedKey(_("unit price"), "amount", part="lines"),
    "line_amount": MappedKey(_("amount of the line"), "amount", part="lines"),
}

MEMBER_KEYS: Mapping[str, MappedKey] = {
    "external_id": MappedKey(_("member number"), "identity"),
    "name": MappedKey(_("name")),
    "gender": MappedKey(_("gender"), "gender"),
    "birth_date": MappedKey(_("birthday"), "birthday"),
    "phone": MappedKey(_("phone"), "phone"),
    "email": MappedKey(_("e-mail")),
    "province": MappedKey(_("province")),
    "city": MappedKey(_("city")),
    "address": MappedKey(_("address (province and city are read from it)"), "address"),
    "registered_at": MappedKey(_("registered at"), "time"),
    "source": MappedKey(_("source")),
    "language": MappedKey(_("language")),
    "time_zone": MappedKey(_("time zone")),
    "occupation": MappedKey(_("occupation")),
    "family": MappedKey(_("family")),
    "hobbies": MappedKey(_("hobbies"), "words"),
    "referrer": MappedKey(_("referred by")),
    "tags": MappedKey(_("tags"), "words"),
    "consent_sms": MappedKey(_("agreed to SMS"), "flag"),
    "consent_email": MappedKey(_("agreed to e-mail"), "flag"),
    "consent_at": MappedKey(_("agreed or refused at"), "time"),
    "consent_proof": MappedKey(_("proof of consent")),
    "consent_text_version": MappedKey(_("version of the text")),
    "birth_calendar": MappedKey(_("calendar of the birthday")),
}

EVENT_KEYS: Mapping[str, MappedKey] = {
    "id": MappedKey(_("event number"), "identity"),
    "member": MappedKey(_("member"), "identity"),
    "kind": MappedKey(_("what happened"), "kind"),
    "at": MappedKey(_("when"), "time"),
    "session_id": MappedKey(_("session")),
    "page": MappedKey(_("page")),
    "dwell_seconds": MappedKey(_("seconds on the page"), "decimal"),
    "product": MappedKey(_("product code"), "identity"),
    "category": MappedKey(_("category")),
    "keyword": MappedKey(_("keyword")),
    "rating": MappedKey(_("rating"), "number"),
    "topic": MappedKey(_("topic")),
    "response_seconds": MappedKey(_("seconds until answered"), "decimal"),
    "value": MappedKey(_("value"), "decimal"),
}

KEYS: Mapping[str, Mapping[str, MappedKey]] = {
    MappingTarget.ORDERS: ORDER_KEYS,
    MappingTarget.MEMBERS: MEMBER_KEYS,
    MappingTarget.EVENTS: EVENT_KEYS,
}

REQUIRED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    MappingTarget.ORDERS: (("external_id",), ("member",), ("placed_at",), ("status",), ("total", "total_minor")),
    MappingTarget.MEMBERS: (("external_id",),),
    MappingTarget.EVENTS: (("id",), ("member",), ("kind",), ("at",)),
}
"""What must be told of each item; of several keys in one place any will do."""


class NameTaken(DomainError):
    code = "name_taken"


def key_of(target: str, key: str) -> MappedKey | None:
    """This function will return what a mapping's key means, or None when it means nothing."""
    own = FREELY_NAMED.get(target, "")
    if own and key.startswith(own) and len(key) > len(own):
        return MappedKey(key.removeprefix(own))
    return KEYS[target].get(key)


def save_mapping(
    *,
    name: str,
    target: str,
    columns: Mapping[str, str],
    now: datetime,
    constants: Mapping[str, str] | None = None,
    dates: str = DateOrder.YEAR_FIRST,
) -> ColumnMapping:
    """This function will save a mapping under its name, over an earlier one of that name.

    Raises InvalidInput naming every column that cannot be what it is said to be.
    """
    name = _checked_name(name)
    constants = dict(constants or {})
    problems = mapping_problems(target=target, columns=columns, constants=constants, dates=dates)
    if problems:
        raise InvalidInput(_("This mapping cannot be saved."), problems=problems)
    values = {"target": target, "columns": dict(columns), "constants": constants, "dates": dates, "changed_at": now}
    mapping, _created = ColumnMapping.objects.update_or_create(name=name, defaults=values)
    return mapping


def rename_mapping(*, name: str, new_name: str, now: datetime) -> None:
    """This function will give a mapping another name, unless that name is taken."""
    new_name = _checked_name(new_name)
    try:
        with transaction.atomic():
            renamed = ColumnMapping.objects.filter(name=name).update(name=new_name, changed_at=now)
    except IntegrityError:
        raise NameTaken(_("There is a mapping of this name already.")) from None
    if not renamed:
        raise _unknown(name)


def delete_mapping(*, name: str) -> None:
    """This function will forget a mapping; what was imported with it stays."""
    if not ColumnMapping.objects.filter(name=name).delete()[0]:
        raise _unknown(name)


def mapping_named(*, name: str, target: str) -> ColumnMapping:
    """This function will find a saved mapping, or raise NotFound with the names there are."""
    found = ColumnMapping.objects.filter(name=name, target=target).first()
    if found is None:
        raise _unknown(name, target)
    return found


def mapping_problems(
    *, target: str, columns: Mapping[str, str], constants: Mapping[str, str], dates: str
) -> list[FieldProblem]:
    """This function will tell everything that keeps a mapping from being used."""
    if target not in MappingTarget.values:
        return [FieldProblem("target", "unknown_choice", _("This must be orders, members or events."))]
    problems = []
    if dates not in DateOrder.values:
        problems.append(FieldProblem("dates", "unknown_choice", _("This must be ymd, dmy or mdy.")))
    if len(columns) > MOST_COLUMNS:
        problems.append(FieldProblem("columns", "too_long", _("This file has too many columns.")))
    problems += [*_key_problems("columns", target, columns.items()), *_constant_problems(target, columns, constants)]
    told = {*columns.values(), *constants}
    for keys in REQUIRED[target]:
        if told.isdisjoint(keys):
            message = _("No column says the %(what)s.") % {"what": KEYS[target][keys[0]].label}
            problems.append(FieldProblem(keys[0], "missing_column", message))
    return problems


def _key_problems(path: str, target: str, pairs: object) -> list[FieldProblem]:
    problems = []
    taken: set[str] = set()
    for column, key in pairs:  # type: ignore[attr-defined]
        where = f"{path}.{str(column)[:60]}"
        if not isinstance(column, str) or not column.strip() or len(column) > LONGEST_COLUMN:
            problems.append(FieldProblem(where, "invalid", _("This is not a column's name.")))
        elif not isinstance(key, str) or key_of(target, key) is None:
            problems.append(FieldProblem(where, "unknown_field", _("This is nothing that a column can be.")))
        elif key in taken:
            problems.append(FieldProblem(where, "repeated_column", _("Another column is this already.")))
        taken.add(str(key))
    return problems


def _constant_problems(target: str, columns: Mapping[str, str], constants: Mapping[str, str]) -> list[FieldProblem]:
    problems = []
    for key, value in constants.items():
        where = f"constants.{str(key)[:60]}"
        known = key_of(target, key)
        if known is None or known.part or not isinstance(value, str) or not value.strip():
            problems.append(FieldProblem(where, "invalid", _("This cannot be the same in every row.")))
        elif key in columns.values():
            problems.append(FieldProblem(where, "repeated_column", _("A column says this already.")))
    return problems


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or "\x00" in name:
        raise InvalidInput(
            _("The name is not valid."),
            problems=[FieldProblem("name", "invalid", _("A name has 1 to 60 characters."))],
        )
    if name.lower() in RESERVED:
        message = _("This name belongs to a format that is built in; choose another.")
        raise InvalidInput(_("The name is not valid."), problems=[FieldProblem("name", "reserved", message)])
    return name


def _unknown(name: str, target: str = "") -> NotFound:
    known = ColumnMapping.objects.filter(**({"target": target} if target else {})).order_by("name")
    names = ", ".join(known.values_list("name", flat=True)[:20])
    message = _("There is no mapping named %(name)s. Saved ones: %(names)s.")
    return NotFound(message % {"name": name[:60], "names": names or "-"})
