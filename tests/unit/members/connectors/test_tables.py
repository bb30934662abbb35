"""Files as tables, good and bad: every way a file can be wrong is a sentence, and never half a reading."""

from __future__ import annotations

import sys
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from openpyxl import Workbook
from pyarrow import parquet

from members.ingest.connectors import tables, xlsx
from members.ingest.connectors.detect import open_table
from members.ingest.connectors.tables import TableFile
from members.ingest.files import UnreadableFile
from tests.unit.members.connectors.samples import ORDER_HEADER, csv_text, order, write_xlsx

HEADER = ["订单编号", "买家会员名"]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def rows_of(table: TableFile) -> list[tuple[int, list[str], str]]:
    return [(row.number, row.cells, row.problem.code if row.problem else "") for row in table.rows()]


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(UnreadableFile) as caught:
        open_table(path)
    return caught.value.problems[0].code, str(caught.value)


class TestCsv:
    @pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_is_read_in_any_encoding_and_with_any_delimiter(self, tmp_path: Path, encoding: str, delimiter: str) -> None:
        path = write(tmp_path / "a.csv", f"订单编号{delimiter}买家会员名\r\n1{delimiter}t**8\r\n".encode(encoding))
        table = open_table(path)
        assert (table.header, rows_of(table)) == (HEADER, [(2, ["1", "t**8"], "")])
        assert table.position == table.size

    def test_says_its_encoding_as_people_do(self, tmp_path: Path) -> None:
        names = {}
        for encoding in ("gb18030", "utf-8", "utf-8-sig", "utf-16"):
            names[encoding] = open_table(write(tmp_path / "a.csv", "订单,昵称\n1,二\n".encode(encoding))).description
        assert names == {"gb18030": "GB18030", "utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16"}

    def test_may_name_its_delimiter_in_the_first_row(self, tmp_path: Path) -> None:
        table = open_table(write(tmp_path / "a.csv", b"sep=;\r\na;b, c\r\n1;2\r\n"))
        assert (table.header, rows_of(table)) == (["a", "b, c"], [(3, ["1", "2"], "")])

    def test_counts_its_rows(self, tmp_path: Path) -> None:
        assert open_table(write(tmp_path / "a.csv", b"a,b\n1,2\n3,4")).row_count == 2

    def test_passes_blank_rows_over_and_counts_them(self, tmp_path: Path) -> None:
        table = open_table(write(tmp_path / "a.csv", b"a,b\n\n,\n1,2\n"))
        assert rows_of(table) == [(4, ["1", "2"], "")]

    def test_hands_on_rows_of_another_width(self, tmp_path: Path) -> None:
        table = open_table(write(tmp_path / "a.csv", b"a,b\n1\n1,2,3\n1,2\n"))
        assert [(number, code) for number, _, code in rows_of(table)] == [
            (2, "wrong_number_of_cells"),
            (3, "wrong_number_of_cells"),
            (4, ""),
        ]

    def test_of_half_a_file_ends_in_a_refused_row(self, tmp_path: Path) -> None:
        whole = csv_text(ORDER_HEADER, [order(), order()]).encode("gb18030")
        table = open_table(write(tmp_path / "a.csv", whole[: len(whole) - 60]))
        assert [(number, code) for number, _, code in rows_of(table)] == [(2, ""), (3, "wrong_number_of_cells")]

    def test_whose_quotes_do_not_close_says_from_where_on(self, tmp_path: Path) -> None:
        table = open_table(write(tmp_path / "a.csv", b'a,b\n1,2\n3,"open\n5,6\n'))
        assert [(number, code) for number, _, code in rows_of(table)] == [(2, ""), (3, "unreadable_row")]

    def test_refuses_rows_with_a_formula(self, tmp_path: Path) -> None:
        table = open_table(write(tmp_path / "a.csv", b'a,b\n="123",1\n=A1+1,2\n'))
        first, second = table.rows()
        assert first.problem is None
        assert second.problem is not None
        assert (second.number, second.problem.path, second.problem.code) == (3, "a", "formula")

    @pytest.mark.parametrize("content", [b"", b"\n", b"   \n", b"sep=,\n"])
    def test_that_is_empty_is_refused(self, tmp_path: Path, content: bytes) -> None:
        assert refusal(write(tmp_path / "a.csv", content))[0] == "empty_file"


class TestEncodings:
    HEADER = "订单编号,买家会员名,备注\n"
    ROW = "1,某某旗舰店的买家,请尽快发货谢谢\n"

    def test_that_change_to_gb18030_are_refused_with_the_row(self, tmp_path: Path) -> None:
        content = (self.HEADER + self.ROW).encode() + self.ROW.encode("gb18030")
        code, sentence = refusal(write(tmp_path / "a.csv", content))
        assert (code, "row 3" in sentence) == ("mixed_encodings", True)

    def test_that_change_to_utf8_cost_those_rows(self, tmp_path: Path) -> None:
        content = (self.HEADER + self.ROW).encode("gb18030") + "2,买家某某,谢谢\n".encode() + self.ROW.encode("gb18030")
        table = open_table(write(tmp_path / "a.csv", content))
        assert [(number, code) for number, _, code in rows_of(table)] == [(2, ""), (3, "mixed_encodings"), (4, "")]

    def test_of_one_kind_are_never_taken_for_two(self, tmp_path: Path) -> None:
        letters = "".join(map(chr, range(0x4E00, 0x9FA6)))
        rows = "".join(f"{number},{letters[number : number + 6]},\n" for number in range(0, 20_000, 3))
        table = open_table(write(tmp_path / "a.csv", (self.HEADER + rows).encode("gb18030")))
        assert {code for _, _, code in rows_of(table)} == {""}

    def test_that_are_none_are_refused(self, tmp_path: Path) -> None:
        assert refusal(write(tmp_path / "a.csv", b"a,b\n\xff\xff\xff,1\n"))[0] == "mixed_encodings"


class TestNoTables:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (bytes(range(256)) * 40, "not_text"),
            (b"\x1f\x8b\x08rest", "not_text"),
            (b"%PDF-1.7 rest", "not_text"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old_workbook"),
            (b"PK\x03\x04" + b"x" * 50, "half_a_file"),
            (b"PAR1rest", "half_a_file"),
            (b",".join(b"c%d" % number for number in range(1_001)), "too_many_columns"),
        ],
    )
    def test_are_refused_in_a_sentence(self, tmp_path: Path, content: bytes, code: str) -> None:
        assert refusal(write(tmp_path / "a.xlsx", content))[0] == code

    def test_that_are_not_there_are_refused(self, tmp_path: Path) -> None:
        assert refusal(tmp_path / "none.csv")[0] == "not_readable"


class TestXlsx:
    def test_is_read_with_its_dates_and_numbers(self, tmp_path: Path) -> None:
        path = write_xlsx(
            tmp_path / "a.xlsx",
            {"S": [["a", "b", "c", "d", "e"], ["t**8", datetime(2016, 5, 23, 22, 2, 31), date(2016, 5, 23), 19.9, True]]},
        )
        table = open_table(path)
        assert (table.kind, table.description, table.row_count) == ("xlsx", "XLSX", 1)
        assert rows_of(table) == [(2, ["t**8", "2016-05-23 22:02:31", "2016-05-23", "19.9", "true"], "")]

    def test_writes_long_numbers_so_that_no_id_is_made_of_them(self, tmp_path: Path) -> None:
        path = write_xlsx(tmp_path / "a.xlsx", {"S": [["a", "b"], [1930679858170640, 18600000000]]})
        assert rows_of(open_table(path)) == [(2, ["1.93067985817064E+15", "18600000000"], "")]

    def test_takes_the_first_sheet_with_a_header(self, tmp_path: Path) -> None:
        path = write_xlsx(
            tmp_path / "a.xlsx",
            {"About": [["only a title"]], "Data": [["Report of May"], [], ["a", "b"], [1, 2]], "Z": [["c", "d"]]},
        )
        table = open_table(path)
        assert (table.header, table.header_row, rows_of(table)) == (["a", "b"], 3, [(4, ["1", "2"], "")])

    def test_passes_hidden_sheets_over(self, tmp_path: Path) -> None:
        book = Workbook()
        book.active.append(["x", "y"])
        book.create_sheet("Data").append(["a", "b"])
        book.worksheets[0].sheet_state = "hidden"
        book.active = 1
        book.save(tmp_path / "a.xlsx")
        assert open_table(tmp_path / "a.xlsx").header == ["a", "b"]

    def test_refuses_rows_with_a_formula_by_their_number(self, tmp_path: Path) -> None:
        path = write_xlsx(tmp_path / "a.xlsx", {"S": [["a", "b"], [1, 2], ["=A2+1", 3], ['="1930679858170647"', 4]]})
        assert rows_of(open_table(path)) == [
            (2, ["1", "2"], ""),
            (3, ["=A2+1", "3"], "formula"),
            (4, ['="1930679858170647"', "4"], ""),
        ]

    def test_keeps_a_text_that_looks_like_a_formula(self) -> None:
        assert xlsx.cell_text("=nick", "s") == "'=nick"

    def test_fills_short_rows_and_refuses_long_ones(self, tmp_path: Path) -> None:
        path = write_xlsx(tmp_path / "a.xlsx", {"S": [["a", "b", "c"], [1], [1, 2, 3, 4], [1, 2, 3, None, None]]})
        assert rows_of(open_table(path)) == [
            (2, ["1", "", ""], ""),
            (3, ["1", "2", "3", "4"], "wrong_number_of_cells"),
            (4, ["1", "2", "3"], ""),
        ]

    def test_without_a_header_is_refused(self, tmp_path: Path) -> None:
        assert refusal(write_xlsx(tmp_path / "a.xlsx", {"S": [["only a title"]]}))[0] == "no_header"

    def test_that_was_not_copied_to_its_end_is_refused(self, tmp_path: Path) -> None:
        whole = write_xlsx(tmp_path / "a.xlsx", {"S": [["a", "b"]]}).read_bytes()
        assert refusal(write(tmp_path / "b.xlsx", whole[: len(whole) // 2]))[0] == "half_a_file"

    def test_that_is_an_archive_is_refused(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("orders.csv", "a,b\n")
        assert refusal(tmp_path / "a.zip")[0] == "archive"

    def test_that_unpacks_to_too_much_is_refused_unread(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_xlsx(tmp_path / "a.xlsx", {"S": [["a", "b"]]})
        monkeypatch.setattr(xlsx, "MOST_UNPACKED", 100)
        assert refusal(path)[0] == "too_large"

    def test_that_breaks_off_says_from_where_on(self, tmp_path: Path) -> None:
        path = write_xlsx(tmp_path / "a.xlsx", {"S": [["a", "b"], *([n, n] for n in range(3_000))]})
        broken = tmp_path / "b.xlsx"
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(broken, "w") as new:
            for entry in old.infolist():
                content = old.read(entry)
                new.writestr(entry, content[: len(content) // 2] if entry.filename.endswith("sheet1.xml") else content)
        *rows, last = rows_of(open_table(broken))
        assert 1_000 < len(rows) < 2_000
        assert {code for _, _, code in rows} == {""}
        assert (last[0], last[2]) == (rows[-1][0] + 1, "unreadable_row")


class TestParquet:
    def written(self, path: Path, **columns: object) -> Path:
        parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
        return path

    def test_is_read_with_its_types(self, tmp_path: Path) -> None:
        path = self.written(
            tmp_path / "a.parquet",
            id=[1930679858170647999, 2, 3],
            at=[datetime(2026, 6, 1, 10, tzinfo=UTC), None, datetime(2026, 6, 2, tzinfo=UTC)],
            total=[Decimal("19.90"), Decimal("0.00"), None],
            tags=[["vip", "tea"], [], None],
            yes=[True, False, None],
        )
        table = open_table(path)
        assert (table.kind, table.description, table.row_count, table.header) == (
            "parquet",
            "Parquet",
            3,
            ["id", "at", "total", "tags", "yes"],
        )
        assert rows_of(table) == [
            (1, ["1930679858170647999", "2026-06-01 10:00:00+00:00", "19.90", "vip|tea", "true"], ""),
            (2, ["2", "", "0.00", "", "false"], ""),
            (3, ["3", "2026-06-02 00:00:00+00:00", "", "", ""], ""),
        ]

    def test_with_structures_is_refused_by_the_column(self, tmp_path: Path) -> None:
        path = self.written(tmp_path / "a.parquet", id=[1], lines=[[{"sku": "a"}]])
        with pytest.raises(UnreadableFile) as caught:
            open_table(path)
        assert [(each.path, each.code) for each in caught.value.problems] == [("lines", "nested_column")]

    def test_needs_its_library_and_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = self.written(tmp_path / "a.parquet", id=[1])
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        code, sentence = refusal(path)
        assert (code, "pip install pyarrow" in sentence) == ("parquet_missing", True)


class TestEveryKind:
    def test_is_asked_before_text(self) -> None:
        assert tables.CsvTable.recognises(b"PK\x03\x04")
        assert not xlsx.XlsxTable.recognises(b"order,member")
