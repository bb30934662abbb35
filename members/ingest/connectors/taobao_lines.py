"""Taobao's and Tmall's line report: what was in the orders. It is read with the order report it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import FieldProblem
from members.ingest.connectors import values
from members.ingest.connectors.base import SURE, Cells, Connector, Reading, SourceRow, stated
from members.ingest.connectors.grouping import Columns, groups
from members.ingest.connectors.spill import LinesByOrder
from members.ingest.connectors.tables import TableFile
from members.ingest.connectors.taobao_columns import LINE_COLUMNS, NOTHING, ORDER_COLUMNS, REFUND_SUCCEEDED

CURRENCY = "CNY"
LINE_ESSENTIAL = ("order", "title", "price", "quantity")


def recognised(known: float, essential: int, found: int) -> float:
    """This function will weigh a header: all essential columns make it sure, few strange ones make it surer."""
    return SURE * found / essential + (1 - SURE) * known


def missing(columns: Iterable[str], present: Sequence[str], names: Mapping[str, tuple[str, ...]]) -> list[FieldProblem]:
    """This function will name, as the reports do, the columns that a header lacks."""
    return [
        FieldProblem(names[name][0], "missing_column", _("This column is missing."))
        for name in columns
        if name not in present
    ]


class TaobaoLines(Connector):
    """The line report (ExportOrderDetailList): what was in the orders. It tells no buyer, so it is read with the other."""

    code = "taobao_lines"
    label = gettext_lazy("Taobao / Tmall line report")
    completes = "taobao"
    alone = gettext_lazy("This is the line report alone. Give it together with its order report (ExportOrderList).")

    def recognises(self, header: Sequence[str]) -> float:
        names = LINE_COLUMNS.of(header)
        if "nick" in ORDER_COLUMNS.of(header):
            return 0.0
        return recognised(LINE_COLUMNS.known(header), len(LINE_ESSENTIAL), sum(name in names for name in LINE_ESSENTIAL))

    def header_problems(self, header: Sequence[str]) -> list[FieldProblem]:
        return missing(LINE_ESSENTIAL, LINE_COLUMNS.of(header), LINE_COLUMNS.names)

    def rows(self, reading: Reading) -> Iterator[SourceRow]:
        raise NotImplementedError("a line report is read with its order report")


def keep_lines(place: int, file: TableFile, lines: LinesByOrder) -> Iterator[SourceRow]:
    """This function will keep a line report's rows by order, and yield those that show no order.

    Of such a row that cannot be read nobody knows whose line it was: the orders of its neighbours are not taken.
    """
    column = LINE_COLUMNS.written(file.header).get("order", "")
    before: tuple[str, int, dict[str, str]] | None = None
    doubt = ""
    for group in groups(file, Columns(LINE_COLUMNS.of(file.header))):
        cells = {name: text for name, text in group.cells.items() if text not in NOTHING}
        problems = group.problems
        if not cells.get("order"):
            problems += [] if problems else [FieldProblem(column, "required", _("This cell is empty."))]
            yield SourceRow(group.number, group.cells, tuple(problems), file.path, group.source)
            doubt = _("Row %(number)s, which may belong to this order, cannot be read.") % {"number": group.number}
            if before is not None:
                before[2]["unreadable"] = doubt
            continue
        if problems or doubt:
            cells["unreadable"] = str(problems[0].message) if problems else doubt
        doubt = ""
        if before is not None:
            lines.put(before[0], place, before[1], before[2])
        before = (cells["order"], group.number, cells)
    if before is not None:
        lines.put(before[0], place, before[1], before[2])


def orphans(files: Sequence[TableFile], lines: LinesByOrder) -> Iterator[SourceRow]:
    """This function will yield the lines whose order no report has named."""
    for line in lines.untaken():
        file = files[line.file]
        column = LINE_COLUMNS.written(file.header)["order"]
        problem = FieldProblem(column, "order_missing", _("The order of this line is not in the order report."))
        source = [[line.cells.get(name, "") for name in LINE_COLUMNS.of(file.header)]]
        yield SourceRow(line.number, line.cells, (problem,), file.path, source)


def line_item(cells: Cells) -> dict[str, Any]:
    """This function will read one line: the product is the shop's own code for it, or its title."""
    if "unreadable" in cells.cells:
        cells.refuse("order", "row_unreadable", cells.text("unreadable"))
        return {}
    code = cells.read("product", values.identity) or cells.read("merchant", values.identity)
    title = cells.text("title")
    if not (code or title):
        cells.refuse("title", "required", _("This cell is empty."))
    amount = cells.read("amount", values.amount, CURRENCY)
    return stated(
        product=code or title[:200],
        name=title[:300],
        sku=cells.text("variant")[:200],
        quantity=cells.demand("quantity", values.count),
        unit_price_minor=cells.demand("price", values.amount, CURRENCY),
        amount_minor=cells.read("due", values.amount, CURRENCY) if amount is None else amount,
    )


def refunded(cells: Cells) -> int:
    """What a line report says was given back; a refund that is only asked for is none yet."""
    state = cells.text("refund_state")
    return (cells.read("refunded", values.amount, CURRENCY) or 0) if state in ("", REFUND_SUCCEEDED) else 0
