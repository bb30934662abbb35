"""The first rows as we would read them, with what is wrong marked where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.display import money, number
from core.conf import shop_currency, shop_zone
from core.errors import FieldProblem, Text
from members.ingest.connectors.base import SourceRow
from members.ingest.connectors.values import content
from members.ingest.load import check_items
from members.ingest.uploads import LineFile, Source
from members.models import Import, OrderStatus, Purpose
from members.services.mappings import KEYS

SHOWN = 20
ESSENTIAL: Mapping[str, tuple[str, ...]] = {
    "orders": ("external_id", "member", "placed_at", "status", "total_minor", "lines"),
    "members": ("external_id", "name", "phone", "email"),
    "events": ("id", "member", "kind", "at"),
}
NAMED: Mapping[str, Text] = {
    "lines": _("products"),
    "refunds": _("refunds"),
    "attributes": _("attributes"),
    "properties": _("properties"),
    "consents": _("agreed to"),
    "identifiers": _("names elsewhere"),
    "tags": _("tags"),
    "total_minor": _("total"),
    "discount_minor": _("discount"),
    "paid_minor": _("paid"),
}
LONGEST_CELL = 80


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    file: str
    cells: Sequence[Cell]
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class Preview:
    """The table: what its columns are called, its rows, and of how many rows something is wrong."""

    columns: Sequence[Text]
    rows: Sequence[Row]
    wrong: int
    several: bool

    @property
    def sentence(self) -> str:
        if not self.rows:
            return gettext("There is no row under the header.")
        told = {"count": number(len(self.rows)), "wrong": number(self.wrong)}
        if self.wrong:
            return gettext("The first %(count)s as we read them: %(wrong)s with a problem, marked below.") % told
        return gettext("The first %(count)s as we read them: nothing is wrong with them.") % told


def preview(found: Import, sources: Sequence[Source], *, now: datetime) -> Preview:
    """This function will read the first rows and check them as the import would, without looking anything up."""
    shop = str(found.reading.get("shop", ""))
    read = [(source, row) for source in sources for row in islice(source.rows(shop=shop, currency=shop_currency()), SHOWN)][
        :SHOWN
    ]
    checked = check_items([row.item for _source, row in read], target=found.target, now=now, shop=shop or "default")
    refused = {each.index: each.errors for each in checked}
    problems = {place: row.problems or tuple(refused.get(place, ())) for place, (_source, row) in enumerate(read)}
    keys = _keys(found.target, (row.item for _source, row in read if not row.problems))
    rows = [
        Row(
            row.number,
            row.path.name,
            [_cell(key, source, row, problems[place]) for key in keys],
            [_sentence(problem, found.target) for problem in problems[place]],
        )
        for place, (source, row) in enumerate(read)
    ]
    wrong = sum(bool(each) for each in problems.values())
    return Preview([_called(found.target, key) for key in keys], rows, wrong, len({row.file for row in rows}) > 1)


def _keys(target: str, items: Iterable[Any]) -> list[str]:
    """What must be there, then whatever else some row says, in the order in which the rows say it."""
    told = dict.fromkeys(ESSENTIAL[target])
    for item in items:
        told |= dict.fromkeys(item if isinstance(item, dict) else ())
    return [key for key in told if key != "currency"]


def _called(target: str, key: str) -> Text:
    if key in NAMED:
        return NAMED[key]
    known = KEYS[target].get(key) or KEYS[target].get(key.removesuffix("_minor"))
    return known.label if known else key


def _cell(key: str, source: Source, row: SourceRow, problems: Sequence[FieldProblem]) -> Cell:
    columns = _columns(source, row)
    wrong = any(_place(problem, columns) == key for problem in problems)
    item = row.item if isinstance(row.item, dict) else {}
    if key in item and not (row.problems and columns):
        return Cell(_shown(key, item[key])[:LONGEST_CELL], wrong)
    if not (wrong or row.problems):
        return Cell("")
    return Cell(_as_written(key, source, row, columns, problems)[:LONGEST_CELL], wrong)


def _columns(source: Source, row: SourceRow) -> Mapping[str, str]:
    header = _header(source, row)
    return source.connector.fills(header) if header and not isinstance(source, LineFile) else {}


def _header(source: Source, row: SourceRow) -> Sequence[str]:
    if isinstance(source, LineFile):
        return ()
    return next((table.header for table in source.tables if table.path == row.path), ())


def _place(problem: FieldProblem, columns: Mapping[str, str]) -> str:
    """The key of the item that a problem stands at, whether it names a column of the file or a key."""
    if problem.path in columns:
        return columns[problem.path]
    return problem.path.split(".")[0].split("[")[0]


def _as_written(
    key: str, source: Source, row: SourceRow, columns: Mapping[str, str], problems: Sequence[FieldProblem]
) -> str:
    """What the file says where we could not read it: in the column that the problem names, else in one that fills it."""
    cells = row.source[0] if row.source else ()
    written = {column: content(cell) for column, cell in zip(_header(source, row), cells, strict=False)}
    named = [problem.path for problem in problems if columns.get(problem.path) == key]
    mine = [*named, *(column for column in written if columns.get(column) == key)]
    return next((text for column in mine if (text := written.get(column, ""))), "")


def _sentence(problem: FieldProblem, target: str) -> str:
    return f"{problem.path}: {problem.message}" if problem.path else str(problem.message)


def _shown(key: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if key.endswith("_minor") and isinstance(value, int):
        return money(value)
    if key == "status" and value in OrderStatus.values:
        return str(OrderStatus(value).label)
    if key == "lines":
        return ", ".join(_line(each) for each in value)
    if key == "refunds":
        return ", ".join(money(each.get("amount_minor")) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_word(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if (key == "at" or key.endswith("_at")) and isinstance(value, str):
        return _instant(value)
    return _word(value)


def _line(line: Mapping[str, Any]) -> str:
    return f"{line.get('quantity', 1)} × {line.get('name') or line.get('product') or '?'}"


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return " · ".join(
            f"{Purpose(name).label if name in Purpose.values else name} {_word(each)}" for name, each in value.items()
        )
    return {True: gettext("yes"), False: gettext("no")}[value] if isinstance(value, bool) else str(value)


def _instant(text: str) -> str:
    try:
        found = parse_datetime(text)
    except ValueError:
        return text
    if found is None:
        return text
    local = timezone.localtime(found, shop_zone()) if found.tzinfo else found
    return f"{local:%Y-%m-%d %H:%M}"
