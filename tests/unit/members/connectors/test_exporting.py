from __future__ import annotations

import csv
from pathlib import Path

import pytest

from core.errors import FieldProblem
from members.ingest.connectors.detect import open_table
from members.ingest.connectors.exporting import RejectsCsv, safe_cell


class TestSafeCell:
    @pytest.mark.parametrize("text", ["=1+1", "+8613800138000", "-1", "@SUM(A1)", "\tx", "\rx", '=cmd|"/c calc"!A0'])
    def test_is_never_calculated(self, text: str) -> None:
        assert safe_cell(text) == f"'{text}"

    def test_keeps_the_digits_of_long_numbers(self) -> None:
        assert safe_cell("1930679858170647") == "'1930679858170647"

    @pytest.mark.parametrize("text", ["", "t**8", "598.00", "王五", "a=b", "'=1"])
    def test_leaves_the_rest_as_it_is(self, text: str) -> None:
        assert safe_cell(text) == text


class TestRejectsCsv:
    PROBLEMS = (FieldProblem("实付金额", "invalid_amount", "This is none."), FieldProblem("", "x", "Nor this."))

    def written(self, tmp_path: Path) -> Path:
        path = tmp_path / "rejects.csv"
        with RejectsCsv(path, ["订单编号", "实付金额"]) as rejects:
            rejects.write(7, [["1930679858170647", "=1+1"], ["1930679858170647"]], self.PROBLEMS)
        return path

    def test_says_number_and_reasons_behind_the_cells(self, tmp_path: Path) -> None:
        with self.written(tmp_path).open(encoding="utf-8-sig", newline="") as file:
            assert list(csv.reader(file)) == [
                ["订单编号", "实付金额", "rekindle:row", "rekindle:why"],
                ["'1930679858170647", "'=1+1", "7", "实付金额: This is none.; Nor this."],
                ["'1930679858170647", "", "8", ""],
            ]

    def test_is_read_again_without_what_we_put_there(self, tmp_path: Path) -> None:
        table = open_table(self.written(tmp_path))
        assert table.header == ["订单编号", "实付金额"]
        assert [row.cells for row in table.rows()] == [["'1930679858170647", "'=1+1"], ["'1930679858170647", ""]]
