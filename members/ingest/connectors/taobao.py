"""Taobao's and Tmall's order report, alone or with its line report; the two belong together by the order's number.

What counts as what is told in docs/how-to/import-from-taobao.md; in short: the buyer's nick as it is written, masked or
not, is the member within a shop; what the buyer really paid is the total; refunds are refunds, not a smaller total; a
closed order is cancelled, paid for before or not; a masked phone or name says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import FieldProblem
from members.ingest.connectors import values
from members.ingest.connectors.base import BesideRow, Cells, Claim, Connector, Profile, Reading, SourceRow, stated
from members.ingest.connectors.grouping import Columns, Group, groups
from members.ingest.connectors.spill import FoundLine, LinesByOrder, spilled
from members.ingest.connectors.tables import TableFile
from members.ingest.connectors.taobao_columns import (
    LINE_COLUMNS,
    MOBILE,
    NOT_CLOSED,
    NOTHING,
    ORDER_COLUMNS,
    reason_of,
    status_of,
)
from members.ingest.connectors.taobao_lines import CURRENCY, keep_lines, line_item, missing, orphans, recognised, refunded
from members.ingest.contracts import MOST_LINES
from members.ingest.normalise import LONGEST_SHOP, Refused, phone
from members.models import OrderStatus

DEFAULT_SHOP = "default"
LONGEST_REMARK = 1000
SHOP_ROWS = 50
"""Rows of a report that are looked at for the shop's name before it is read."""

ESSENTIAL = ("order", "nick", "status", "created")
AMOUNTS = ("paid", "sum", "goods")
SAID_ONCE = ("nick", "status", "created", "paid_at", "shop")
"""What the rows of one order must agree about, where a report has a row for each line."""


def _yuan(text: str) -> int:
    return values.amount(text, CURRENCY)


def _yuan_text(minor: int) -> str:
    return f"{minor / 100:.2f}"


SUMMED: Mapping[str, tuple[Callable[[str], int], Callable[[int], str]]] = {
    **dict.fromkeys(("goods", "paid", "refunded", "coupon", "tmall_coupon"), (_yuan, _yuan_text)),
    **dict.fromkeys(("points", "treasure"), (values.points, str)),
}
"""What a report states of each line where its rows are sub-orders, and how that is read and written."""

FILLS: Mapping[str, str] = {
    "order": "external_id",
    "nick": "member",
    "created": "placed_at",
    "status": "status",
    "paid": "total_minor",
    "sum": "total_minor",
    "goods": "total_minor",
    "coupon": "discount_minor",
    "points": "points_used",
    "refunded": "refunds",
    "refunded_at": "refunds",
    "paid_at": "paid_at",
    "shipped_at": "shipped_at",
    "completed_at": "completed_at",
    "remark": "remark",
    "shop": "shop",
    "method": "payment_method",
    "price": "lines",
    "quantity": "lines",
}
"""Which key of an item each of our columns fills, for marking a problem where it stands."""

PAID_FOR = frozenset({OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.COMPLETED})


def shop_slug(name: str) -> str:
    """This function will make a shop's short name; Chinese stays Chinese."""
    return (slugify(name, allow_unicode=True) or name)[:LONGEST_SHOP]


def member_id(shop: str, nick: str) -> str:
    """This function will name a member by shop and nick; no two pairs give one name."""
    return f"{shop.replace('%', '%25').replace(':', '%3A')}:{nick}"


class TaobaoOrders(Connector):
    """The order report (ExportOrderList): one row an order, or one a line where the two reports are one file."""

    code = "taobao"
    label = gettext_lazy("Taobao / Tmall order report")

    def recognises(self, header: Sequence[str]) -> float:
        names = ORDER_COLUMNS.of(header)
        if "nick" not in names and {"price", "quantity"} <= {*LINE_COLUMNS.of(header)}:
            return 0.0  # lines that tell no buyer
        found = sum(name in names for name in ESSENTIAL) + any(name in names for name in AMOUNTS)
        share = max(ORDER_COLUMNS.known(header), LINE_COLUMNS.known(header))
        return recognised(share, len(ESSENTIAL) + 1, found)

    def header_problems(self, header: Sequence[str]) -> list[FieldProblem]:
        names = ORDER_COLUMNS.of(header)
        problems = missing(ESSENTIAL, names, ORDER_COLUMNS.names)
        if not any(name in names for name in AMOUNTS):
            problems += missing(AMOUNTS[:1], names, ORDER_COLUMNS.names)
        return problems

    def fills(self, header: Sequence[str]) -> Mapping[str, str]:
        written = ORDER_COLUMNS.written(header)
        return {column: FILLS[name] for name, column in written.items() if name in FILLS}

    def shops(self, table: TableFile) -> Mapping[str, str]:
        found = groups(table, Columns(ORDER_COLUMNS.of(table.header)))
        names = {name for group in islice(found, SHOP_ROWS) if (name := group.cells.get("shop", ""))}
        return {shop_slug(name): name for name in sorted(names)}

    def rows(self, reading: Reading) -> Iterator[SourceRow]:
        with spilled() as connection:
            lines = LinesByOrder(connection)
            for place, file in enumerate(reading.companions):
                yield from keep_lines(place, file, lines)
            lines.ready()
            for table in reading.tables:
                report = _Report(table, reading, lines)
                for group in groups(table, Columns(report.names), ("order",)):
                    yield report.row(group)
            yield from orphans(reading.companions, lines)


# --- Orders


@dataclass(slots=True)
class _Money:
    total: int | None
    paid: int | None
    discount: int | None
    refund: int | None
    coupon_code: str


class _Report:
    """An order report while it is read: its columns, its shop, the lines that belong to it."""

    def __init__(self, table: TableFile, reading: Reading, lines: LinesByOrder) -> None:
        self.path = table.path
        self.reading = reading
        self.lines = lines
        self.names = ORDER_COLUMNS.of(table.header)
        self.written = ORDER_COLUMNS.written(table.header)
        line_names = LINE_COLUMNS.of(table.header)
        self.holds_lines = "price" in line_names and "quantity" in line_names
        self.amounts_of_lines = self.holds_lines and "line" in line_names
        self.line_columns = Columns(line_names)
        self.line_written = LINE_COLUMNS.written(table.header)
        self.found_in = [(file.path.name, LINE_COLUMNS.written(file.header)) for file in reading.companions]

    def row(self, group: Group) -> SourceRow:
        """This function will read the rows of one order into its item, and what they tell of the member."""
        group.disagreements({name: self.written[name] for name in self._said_once() if name in self.written})
        cells = self._cells(group)
        if group.problems:
            beside = self._beside(self._found_lines(cells))
            return SourceRow(group.number, cells.cells, tuple(group.problems), self.path, group.source, None, beside)
        found = self._found_lines(cells)
        lines, line_refund = self._lines(cells, group, found)
        item, profile = self._order(cells, lines, line_refund)
        problems = tuple(group.problems)
        told = None if problems else profile
        return SourceRow(group.number, item, problems, self.path, group.source, told, self._beside(found))

    def _found_lines(self, cells: Cells) -> list[FoundLine]:
        if self.holds_lines or not self.reading.companions:
            return []
        return self.lines.of(cells.text("order"), MOST_LINES + 1)

    def _beside(self, found: list[FoundLine]) -> Callable[[], Sequence[BesideRow]] | None:
        return partial(_rows_of, found, self.reading.companions) if found else None

    def _said_once(self) -> tuple[str, ...]:
        return SAID_ONCE if self.amounts_of_lines else SAID_ONCE + tuple(SUMMED)

    def _cells(self, group: Group) -> Cells:
        """The order's own cells. Where each row is a sub-order (子订单编号), its amounts are the line's and added up."""
        words = {name: text for name, text in group.cells.items() if name in ("order", "nick") or text not in NOTHING}
        cells = Cells(words, self.written, group.problems)
        if self.amounts_of_lines and len(group.rows) > 1:
            for name, (read, write) in SUMMED.items():
                told = [Cells(row, self.written, group.problems).read(name, read) for row in group.rows]
                if any(amount is not None for amount in told):
                    words[name] = write(sum(amount or 0 for amount in told))
        return cells

    def _order(
        self, cells: Cells, lines: list[dict[str, Any]] | None, line_refund: int | None
    ) -> tuple[dict[str, Any], Profile]:
        shop = self.reading.shop or shop_slug(cells.text("shop")) or DEFAULT_SHOP
        nick = cells.demand("nick", _nick) or ""
        status = cells.demand("status", _status)
        created = cells.demand("created", values.moment)
        paid_at = cells.read("paid_at", values.moment)
        money = _money(cells, status, paid_for=status in PAID_FOR or paid_at is not None, line_refund=line_refund)
        province, city = _place(cells)
        member = member_id(shop, nick)
        item = stated(
            external_id=cells.demand("order", values.identity),
            member=member,
            placed_at=_iso(created),
            status=status and status.value,
            shop=shop,
            currency=CURRENCY,
            total_minor=money.total,
            discount_minor=money.discount,
            paid_minor=money.paid,
            points_used=_points(cells),
            coupon_code=money.coupon_code[:100],
            payment_method=cells.text("method")[:60],
            channel=MOBILE.get(cells.text("mobile"), cells.text("mobile")[:60]),
            paid_at=_iso(paid_at),
            shipped_at=_iso(cells.read("shipped_at", values.moment)),
            completed_at=_iso(cells.read("completed_at", values.moment)),
            province=province,
            city=city,
            remark=_remark(cells),
            lines=lines,
            refunds=_refunds(cells, money.refund, _iso(cells.read("refunded_at", values.moment) or paid_at or created)),
        )
        claim = Claim(shop, "masked_nick" if values.is_masked(nick) else "nick", nick)
        told = stated(
            name=_unmasked(cells.text("recipient")), phone=_phone(cells.text("phone")), province=province, city=city
        )
        return item, Profile(member, values.sortable(created) if created else "", told, (claim,) if nick else ())

    def _lines(self, cells: Cells, group: Group, found: list[FoundLine]) -> tuple[list[dict[str, Any]] | None, int | None]:
        """Lines from this file's own rows, from the line reports, or the one kind that a report alone tells of."""
        if self.holds_lines:
            own = [self.line_columns.cells_of(row) for row in group.source]
            read = [Cells(words, self.line_written, group.problems) for words in own if "price" in words]
        else:
            read = [self._found(line, group.problems) for line in found]
        if not read:
            return self._one_kind(cells), None
        told = any("refunded" in line.cells for line in read)
        return [line_item(line) for line in read], sum(map(refunded, read)) if told else None

    def _found(self, line: FoundLine, problems: list[FieldProblem]) -> Cells:
        name, written = self.found_in[line.file]
        where = _("Row %(number)s of %(file)s: ") % {"number": line.number, "file": name}
        return Cells(line.cells, written, problems, where)

    def _one_kind(self, cells: Cells) -> list[dict[str, Any]] | None:
        """An order of one kind of product tells its line: the title, how many, what for. Of several it does not."""
        title, pieces = cells.text("titles"), cells.read("pieces", values.count)
        goods = cells.read("goods", values.amount, CURRENCY)
        if not title or not pieces or goods is None or goods < 0 or pieces < 0 or cells.text("kinds") not in ("1", "1.0"):
            return None
        price = goods // pieces
        return [
            {
                "product": title[:200],
                "name": title[:300],
                "quantity": pieces,
                "unit_price_minor": price,
                "amount_minor": goods,
            }
        ]


def _rows_of(found: Sequence[FoundLine], files: Sequence[TableFile]) -> list[BesideRow]:
    """Lines as their file has them, as far as anything of them is read."""
    names = [LINE_COLUMNS.of(file.header) for file in files]
    return [
        BesideRow(files[line.file].path, line.number, [line.cells.get(name, "") for name in names[line.file]])
        for line in found
    ]


def _money(cells: Cells, status: OrderStatus | None, *, paid_for: bool, line_refund: int | None) -> _Money:
    """This function will read the amounts.

    The total is what the buyer really paid, postage included; of an order not paid for, or closed with the payment undone,
    what was to be paid. A refund larger than that was taken off the paid amount already: then too the total is what was to
    be paid.
    """
    goods, postage = (cells.read(name, values.amount, CURRENCY) for name in ("goods", "postage"))
    due = cells.read("sum", values.amount, CURRENCY)
    if due is None and goods is not None:
        due = goods + (postage or 0)
    paid = cells.read("paid", values.amount, CURRENCY)
    refund = cells.read("refunded", values.amount, CURRENCY) if cells.text("refunded") else line_refund
    undone = not paid_for or (status == OrderStatus.CANCELLED and not paid)
    total = due if paid is None or (undone and due is not None) else paid
    if refund and total is not None and due is not None and total < refund <= due:
        total = due
    if total is None and not cells.text("paid"):
        cells.refuse("paid", "required", _("This cell is empty."))
    discount, coupon_code = _discount(cells)
    return _Money(total, paid if paid_for else None, discount, refund, cells.text("coupon_code") or coupon_code)


def _discount(cells: Cells) -> tuple[int | None, str]:
    """Coupons of shop and platform together. The coupon column of some exports holds a code, of others an amount."""
    found = []
    code = ""
    for text in filter(None, (cells.text("coupon"), cells.text("tmall_coupon"))):
        try:
            found.append(abs(values.amount(text, CURRENCY)))
        except Refused:
            code = code or text
    return (sum(found) if found else None), code


def _points(cells: Cells) -> int | None:
    used = [cells.read(name, values.points) for name in ("points" if cells.text("points") else "points_due", "treasure")]
    told = [abs(points) for points in used if points is not None]
    return sum(told) if told else None


def _refunds(cells: Cells, refund: int | None, at: str) -> list[dict[str, Any]] | None:
    """No amount of refund is nothing said; an amount of 0 says that there is none."""
    if not refund:
        return None if refund is None else []
    closed = cells.text("closed")
    reason = cells.text("refund_reason") or ("" if closed in NOT_CLOSED else closed)
    return [{"amount_minor": refund, "reason": reason_of(reason).value, "at": at}]


def _nick(text: str) -> str:
    """A nick made of digits can be shortened by a spreadsheet too; others may look as they like."""
    return values.identity(text) if "." in text and "E+" in text.upper() else text


def _status(text: str) -> OrderStatus:
    found = status_of(text)
    if found is None:
        raise Refused("unknown_status", _("This order status is not known: %(words)s.") % {"words": text[:40]})
    return found


def _place(cells: Cells) -> tuple[str, str]:
    province, city = values.place(cells.text("new_address") or cells.text("address"))
    return province or _unmasked(cells.text("province"))[:100], city or _unmasked(cells.text("city"))[:100]


def _unmasked(text: str) -> str:
    return "" if values.is_masked(text) else text[:200]


def _phone(text: str) -> str:
    """A number that is masked or none at all is no phone; the order is taken all the same."""
    try:
        return "" if values.is_masked(text) else phone(text, None)  # type: ignore[arg-type]
    except Refused:
        return ""


def _remark(cells: Cells) -> str:
    said = dict.fromkeys(cells.text(name) for name in ("remark", "message", "note"))
    return " / ".join(words for words in said if words)[:LONGEST_REMARK]


def _iso(at: Any) -> str:
    return at.isoformat() if at else ""
