from __future__ import annotations

import csv
import json
from pathlib import Path

from core.errors import FieldProblem
from members.ingest.connectors.base import BesideRow, SourceRow
from members.ingest.connectors.detect import open_table
from members.ingest.rejects import RejectFile, add_reasons, rows_by_file
from members.ingest.result import RejectedRow
from members.ingest.sources import RefusedItem

HEADER = ["订单编号", "实付金额"]
PROBLEMS = (FieldProblem("实付金额", "invalid_amount", "This is none."), FieldProblem("", "x", "Nor this."))


def refused(path: Path, number: int, *rows: list[str], beside: tuple[BesideRow, ...] = ()) -> RefusedItem:
    row = SourceRow(number, {}, (), path, rows, None, lambda: beside)
    return RefusedItem(number, {}, RejectedRow(0, PROBLEMS), row)


class TestRejectFile:
    def test_says_number_and_reasons_behind_the_cells(self, tmp_path: Path) -> None:
        item = refused(tmp_path / "a.csv", 7, ["1930679858170647", "=1+1"], ["1930679858170647"])
        rows = rows_by_file([item], first=tmp_path / "a.csv")[tmp_path / "a.csv"]
        path = tmp_path / "refused"
        size, count = RejectFile(path, HEADER).write(rows, kept=0)
        assert (size, count) == (path.stat().st_size, 2)
        with path.open(encoding="utf-8-sig", newline="") as file:
            assert list(csv.reader(file)) == [
                [*HEADER, "rekindle:row", "rekindle:why"],
                ["'1930679858170647", "'=1+1", "7", "实付金额: This is none.; Nor this."],
                ["'1930679858170647", "", "8", ""],
            ]
        table = open_table(path)
        assert table.header == HEADER
        assert [row.cells for row in table.rows()] == [["'1930679858170647", "'=1+1"], ["'1930679858170647", ""]]

    def test_goes_on_behind_the_bytes_that_count_and_forgets_the_others(self, tmp_path: Path) -> None:
        file = RejectFile(tmp_path / "refused", ["a"])
        kept, _count = file.write([(2, ["x"], "why", None)], kept=0)
        file.write([(3, ["lost"], "why", None)], kept=kept)
        file.write([(3, ["y"], "why", None)], kept=kept)
        text = (tmp_path / "refused").read_text("utf-8-sig")
        assert text.splitlines() == ["a,rekindle:row,rekindle:why", "x,2,why", "y,3,why"]

    def test_writes_lines_where_the_file_had_lines(self, tmp_path: Path) -> None:
        file = RejectFile(tmp_path / "refused", None)
        file.write([(2, (), "why", {"id": "é"}), (3, (), "why", "no json")], kept=0)
        lines = (tmp_path / "refused").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [
            {"id": "é", "rekindle:row": 2, "rekindle:why": "why"},
            {"rekindle:line": "no json", "rekindle:row": 3, "rekindle:why": "why"},
        ]


class TestRowsByFile:
    def test_puts_rows_of_files_that_belong_to_it_beside_the_order(self, tmp_path: Path) -> None:
        orders, lines = tmp_path / "orders.csv", tmp_path / "lines.csv"
        found = rows_by_file([refused(orders, 2, ["A1"], beside=(BesideRow(lines, 5, ["A1", "tea"]),))], first=orders)
        assert [row[:2] for row in found[orders]] == [(2, ["A1"])]
        assert found[lines] == [(5, ["A1", "tea"], "The order of this line was refused.", None)]


class TestAddReasons:
    def test_counts_items_by_reason_whatever_the_place_in_a_list(self) -> None:
        problems = [(FieldProblem(f"lines[{place}].product", "required", "This is required."),) for place in (0, 4)]
        items = [RefusedItem(1, {}, RejectedRow(0, each)) for each in problems]
        reasons: dict[str, int] = {}
        add_reasons(reasons, items, most=9, others="others")
        assert reasons == {"lines[].product: This is required.": 2}

    def test_counts_as_others_past_the_limit(self) -> None:
        reasons = {"known": 1}
        item = RefusedItem(1, {}, RejectedRow(0, (FieldProblem("", "x", "new"),)))
        add_reasons(reasons, [item, item], most=1, others="others")
        assert reasons == {"known": 1, "others": 2}
