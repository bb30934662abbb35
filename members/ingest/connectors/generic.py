"""A shop's own columns: guessed by their names and values, mapped by a person, read by the mapping that was saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import FieldProblem, Text
from members.ingest.cells import decimal, flag, words
from members.ingest.connectors import values
from members.ingest.connectors.base import Cells, Connector, Reading, SourceRow, Target, stated
from members.ingest.connectors.grouping import Columns, Group, groups
from members.ingest.connectors.synonyms import GENDER_WORDS, KIND_WORDS, STATUS_WORDS, plain
from members.ingest.connectors.tables import TableFile
from members.ingest.connectors.taobao_columns import reason_of
from members.ingest.normalise import Refused
from members.models import ColumnMapping
from members.services.mappings import ATTRIBUTE, ORDER_KEYS, PROPERTY, MappedKey, key_of

Read = Callable[[str], Any]
LINE_KEYS = frozenset(key for key, meaning in ORDER_KEYS.items() if meaning.part)


def _status(text: str) -> str:
    found = STATUS_WORDS.get(plain(text))
    if found is None:
        raise Refused("unknown_status", _("This order status is not known: %(words)s.") % {"words": text[:40]})
    return found.value


def _gender(text: str) -> str | None:
    found = GENDER_WORDS.get(plain(text))
    if found is None:
        raise Refused("unknown_choice", _("This gender is not known: %(words)s.") % {"words": text[:40]})
    return found


def _kind(text: str) -> str:
    """What is not known is left as it is: the ingest says what there is."""
    return KIND_WORDS.get(plain(text), text)


def _phone(text: str) -> str | None:
    """A masked number says nothing, and must not keep its member from being taken."""
    return None if values.is_masked(text) else text


def readers(currency: str, dates: str) -> Mapping[str, Read]:
    """This function will return how each kind of key is read, given what the file's rows do not tell."""
    return {
        "text": str,
        "identity": values.identity,
        "amount": lambda text: values.amount(text, currency),
        "number": values.count,
        "points": values.points,
        "time": lambda text: values.moment(text, dates).isoformat(),
        "birthday": lambda text: text if text.startswith("--") else values.moment(text, dates).date().isoformat(),
        "status": _status,
        "gender": _gender,
        "phone": _phone,
        "flag": flag,
        "words": words,
        "address": values.place,
        "kind": _kind,
        "decimal": decimal,
        "reason": lambda text: reason_of(text).value,
    }


class MappedColumns(Connector):
    """A file of one's own with the mapping that says what its columns are."""

    code = "mapping"
    label: ClassVar[Text] = gettext_lazy("a mapping of one's own")

    def __init__(self, mapping: ColumnMapping) -> None:
        self.label = mapping.name  # type: ignore[misc]
        self.target: Target = mapping.target  # type: ignore[misc,assignment]
        self.columns = {plain(column): key for column, key in mapping.columns.items()}
        self.names = {key: column for column, key in mapping.columns.items()}
        self.constants = dict(mapping.constants)
        self.dates = mapping.dates
        known = ((key, key_of(mapping.target, key)) for key in [*self.names, *self.constants])
        self.keys: dict[str, MappedKey] = {key: meaning for key, meaning in known if meaning is not None}

    def recognises(self, header: Sequence[str]) -> float:
        present = {plain(column) for column in header}
        return sum(column in present for column in self.columns) / max(len(self.columns), 1)

    def header_problems(self, header: Sequence[str]) -> list[FieldProblem]:
        present = {plain(column) for column in header}
        message = _("This column, which the mapping names, is missing.")
        return [
            FieldProblem(self.names[key], "missing_column", message)
            for column, key in self.columns.items()
            if column not in present
        ]

    def fills(self, header: Sequence[str]) -> Mapping[str, str]:
        return {column: filled(key) for column in header if (key := self.columns.get(plain(column)))}

    def rows(self, reading: Reading) -> Iterator[SourceRow]:
        for table in reading.tables:
            yield from self._items(table, reading)

    def _items(self, table: TableFile, reading: Reading) -> Iterator[SourceRow]:
        names = [self.columns.get(plain(column), "") for column in table.header]
        key = tuple(name for name in ("shop", "external_id") if name in names) if self.target == "orders" else ()
        once = {key: self.names[key] for key, meaning in self.keys.items() if key in self.names and not meaning.part}
        if "external_id" not in names:
            key = ()
        for group in groups(table, Columns(names), key):
            if key:
                group.disagreements(once)
            item = self._item(group, reading) if not group.problems else group.cells
            yield SourceRow(group.number, item, tuple(group.problems), table.path, group.source)

    def _item(self, group: Group, reading: Reading) -> dict[str, Any]:
        currency = (group.cells.get("currency") or self.constants.get("currency") or reading.currency).upper()
        read = readers(currency, self.dates)
        cells = Cells({**self.constants, **group.cells}, self.names, group.problems)
        told = {key: cells.read(key, read[meaning.kind]) for key, meaning in self.keys.items() if not meaning.part}
        item = BUILDERS[self.target](told)
        if any(meaning.part for meaning in self.keys.values()):
            parts = {key: meaning for key, meaning in self.keys.items() if meaning.part}
            rows = [Cells(row, self.names, group.problems) for row in group.rows]
            lines = [{key: row.read(key, read[meaning.kind]) for key, meaning in parts.items()} for row in rows]
            item["lines"] = [_line(line) for line in lines if any(value is not None for value in line.values())]
        return item


def filled(key: str) -> str:
    """This function will return the key of our items that a mapping's key ends up in."""
    if key in ("total", "discount", "paid"):
        return f"{key}_minor"
    if key.startswith("refund"):
        return "refunds"
    return "lines" if key in LINE_KEYS else key


def _order(told: dict[str, Any]) -> dict[str, Any]:
    province, city = told.pop("address", None) or ("", "")
    refund, reason, at = (told.pop(name, None) for name in ("refund", "refund_reason", "refund_at"))
    for name in ("total", "discount", "paid"):
        if name in told:
            told[f"{name}_minor"] = told.pop(name)
    item = stated(**told)
    item = {**stated(province=province, city=city), **item}
    if refund is not None:
        when = at or item.get("paid_at") or item.get("placed_at")
        item["refunds"] = [{"amount_minor": refund, "reason": reason or "other", "at": when}] if refund else []
    return item


def _line(told: dict[str, Any]) -> dict[str, Any]:
    """What a product is called is its code where it has none."""
    name = told.get("product_name")
    return stated(
        product=told.get("product") or (name and name[:200]),
        name=name,
        sku=told.get("sku"),
        category=told.get("category"),
        quantity=1 if told.get("quantity") is None else told["quantity"],
        unit_price_minor=_unit_price(told),
        amount_minor=told.get("line_amount"),
    )


def _unit_price(told: dict[str, Any]) -> int | None:
    price, amount, quantity = told.get("unit_price"), told.get("line_amount"), told.get("quantity") or 1
    return price if price is not None or amount is None else amount // quantity


def _member(told: dict[str, Any]) -> dict[str, Any]:
    province, city = told.pop("address", None) or ("", "")
    attributes = {key.removeprefix(ATTRIBUTE): told.pop(key) for key in [*told] if key.startswith(ATTRIBUTE)}
    consents = {key.removeprefix("consent_"): told.pop(key) for key in ("consent_sms", "consent_email") if key in told}
    item = {**stated(province=province, city=city), **stated(**told)}
    for name, values_told in (("attributes", attributes), ("consents", consents)):
        said = {key: value for key, value in values_told.items() if value is not None}
        if said:
            item[name] = said
    return item


def _event(told: dict[str, Any]) -> dict[str, Any]:
    properties = {key.removeprefix(PROPERTY): told.pop(key) for key in [*told] if key.startswith(PROPERTY)}
    said = {key: value for key, value in properties.items() if value is not None}
    return {**stated(**told), **({"properties": said} if said else {})}


BUILDERS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "orders": _order,
    "members": _member,
    "events": _event,
}
