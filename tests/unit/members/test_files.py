from __future__ import annotations

from pathlib import Path

import pytest

from members.ingest.cells import MEMBERS, ORDERS
from members.ingest.files import RowFile, UnreadableFile

ORDER_HEADER = "external_id,member,placed_at,status,total_minor,product,quantity,unit_price_minor"


@pytest.fixture
def written(tmp_path: Path) -> object:
    def write(content: str | bytes, *, encoding: str = "utf-8") -> Path:
        path = tmp_path / "rows"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def members_of(path: Path) -> list[tuple[int, object]]:
    rows = list(RowFile(path, MEMBERS))
    assert all(not row.problems for row in rows)
    return [(row.number, row.item) for row in rows]


def orders_of(path: Path) -> list[tuple[int, object, list[str]]]:
    return [(row.number, row.item, [problem.code for problem in row.problems]) for row in RowFile(path, ORDERS)]


def refused_of(path: Path, table: object = MEMBERS) -> list[tuple[str, str]]:
    with pytest.raises(UnreadableFile) as caught:
        list(RowFile(path, table))  # type: ignore[arg-type]
    return [(problem.path, problem.code) for problem in caught.value.problems]


class TestEncoding:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_and_delimiter_are_found_out(self, written, encoding: str, delimiter: str) -> None:
        content = f"external_id{delimiter}name{delimiter}city\r\nm1{delimiter}王五{delimiter}杭州\r\n"
        path = written(content, encoding=encoding)
        assert members_of(path) == [(2, {"external_id": "m1", "name": "王五", "city": "杭州"})]

    def test_is_decided_by_the_whole_file(self, written) -> None:
        rows = "".join(f"m{number},x\n" for number in range(300_000))
        path = written(("external_id,name\n" + rows + "last,王五\n").encode("gb18030"))
        *_, last = RowFile(path, MEMBERS)
        assert last.item == {"external_id": "last", "name": "王五"}

    @pytest.mark.parametrize(
        "content", [b"PK\x03\x04" + b"x" * 50, bytes(range(256)) * 40, b"\x1f\x8b\x08rest", b"PAR1rest"]
    )
    def test_of_what_is_no_text_is_refused(self, written, content: bytes) -> None:
        assert refused_of(written(content)) == [("", "not_text")]

    def test_that_ends_within_a_character_costs_the_row_only(self, written) -> None:
        first, cut = RowFile(written("external_id,name\nm1,王五\nm2,王五".encode()[:-1]), MEMBERS)
        assert first.item == {"external_id": "m1", "name": "王五"}
        assert cut.item["name"].startswith("王\udce4")


class TestTable:
    def test_reads_numbers_flags_tags_and_attributes(self, written) -> None:
        path = written(
            "external_id,tags,consent_sms,consent_email,attributes.shoe size\n"
            '="1930679858170647",vip | tea||,是,0,42\n'
            "m2,,,,\n"
        )
        assert members_of(path) == [
            (
                2,
                {
                    "external_id": "1930679858170647",
                    "tags": ["vip", "tea"],
                    "consents": {"sms": {"marketing": True}, "email": {"marketing": False}},
                    "attributes": {"shoe size": "42"},
                },
            ),
            (3, {"external_id": "m2"}),
        ]

    def test_leaves_what_is_no_number_to_the_contract(self, written) -> None:
        path = written('external_id,member,placed_at,status,total_minor\no1,m1,2026-01-01,paid,"1,200"\n')
        assert orders_of(path)[0][1]["total_minor"] == "1,200"

    def test_skips_blank_rows(self, written) -> None:
        assert members_of(written("external_id,name\n\n,\nm1,x\n\n")) == [(4, {"external_id": "m1", "name": "x"})]

    def test_numbers_rows_not_lines_of_text(self, written) -> None:
        assert members_of(written('external_id,name\nm1,"two\nlines"\nm2,x\n')) == [
            (2, {"external_id": "m1", "name": "two\nlines"}),
            (3, {"external_id": "m2", "name": "x"}),
        ]

    def test_names_every_wrong_column(self, written) -> None:
        assert refused_of(written("extrnal_id,name,name\n1,2,3\n")) == [
            ("extrnal_id", "unknown_column"),
            ("name", "repeated_column"),
            ("external_id", "missing_column"),
        ]

    @pytest.mark.parametrize("content", ["", "\n", "   \n"])
    def test_that_is_empty_is_refused(self, written, content: str) -> None:
        assert refused_of(written(content)) == [("", "empty_file")]

    def test_hands_on_rows_of_another_width(self, written) -> None:
        rows = list(RowFile(written("external_id,name\nm1\nm2,x,y\nm3,z\n"), MEMBERS))
        assert [(row.number, [problem.code for problem in row.problems]) for row in rows] == [
            (2, ["wrong_number_of_cells"]),
            (3, ["wrong_number_of_cells"]),
            (4, []),
        ]

    def test_says_from_where_on_quotes_do_not_close(self, written) -> None:
        rows = list(RowFile(written('external_id,name\nm1,x\nm2,"open\nm3,y\n'), MEMBERS))
        assert [(row.number, [problem.code for problem in row.problems]) for row in rows] == [
            (2, []),
            (3, ["unreadable_row"]),
        ]


class TestOrderRows:
    def test_that_share_a_number_are_one_order(self, written) -> None:
        path = written(
            ORDER_HEADER + ",refund_amount_minor,refund_reason,refund_at\n"
            "o1,m1,2026-01-05,paid,300,p1,1,100,50,price,2026-01-06\n"
            "o1,,,,,p2,2,100,,,\n"
            "o2,m2,2026-01-05,paid,0,,,,,,\n"
        )
        assert orders_of(path) == [
            (
                2,
                {
                    "external_id": "o1",
                    "member": "m1",
                    "placed_at": "2026-01-05",
                    "status": "paid",
                    "total_minor": 300,
                    "lines": [
                        {"product": "p1", "quantity": 1, "unit_price_minor": 100},
                        {"product": "p2", "quantity": 2, "unit_price_minor": 100},
                    ],
                    "refunds": [{"amount_minor": 50, "reason": "price", "at": "2026-01-06"}],
                },
                [],
            ),
            (4, {"external_id": "o2", "member": "m2", "placed_at": "2026-01-05", "status": "paid", "total_minor": 0}, []),
        ]

    def test_that_say_different_things_are_refused(self, written) -> None:
        path = written(ORDER_HEADER + "\no1,m1,2026-01-05,paid,300,p1,1,100\no1,m2,2026-01-05,paid,300,p2,2,100\n")
        assert [(number, codes) for number, _, codes in orders_of(path)] == [(2, ["rows_disagree"])]

    def test_that_stand_apart_are_refused_the_second_time(self, written) -> None:
        row = "{},m1,2026-01-05,paid,300,p1,1,100\n"
        path = written(ORDER_HEADER + "\n" + row.format("o1") + row.format("o2") + row.format("o1"))
        assert [(number, codes) for number, _, codes in orders_of(path)] == [(2, []), (3, []), (4, ["rows_apart"])]

    def test_without_a_number_stand_alone(self, written) -> None:
        path = written(ORDER_HEADER + "\n" + ",m1,2026-01-05,paid,300,p1,1,100\n" * 2)
        assert [number for number, _, _ in orders_of(path)] == [2, 3]

    def test_cut_in_half_cost_the_order_they_belong_to(self, written) -> None:
        path = written(ORDER_HEADER + "\no1,m1,2026-01-05,paid,300,p1,1,100\no1,m1,2026-01-05,pa")
        assert [(number, codes) for number, _, codes in orders_of(path)] == [
            (2, ["wrong_number_of_cells", "row_unreadable"])
        ]

    def test_that_show_no_number_cost_both_neighbours(self, written) -> None:
        row = "{},m1,2026-01-05,paid,300,p1,1,100\n"
        path = written(ORDER_HEADER + "\n" + row.format("o1") + ",m1\n" + row.format("o2") + row.format("o3"))
        assert [(number, codes) for number, _, codes in orders_of(path)] == [
            (3, ["wrong_number_of_cells"]),
            (2, ["row_unreadable"]),
            (4, ["row_unreadable"]),
            (5, []),
        ]

    def test_without_end_do_not_fill_the_memory(self, written) -> None:
        path = written(ORDER_HEADER + "\n" + "o1,m1,2026-01-05,paid,300,p1,1,100\n" * 6_000)
        ((_, item, _),) = orders_of(path)
        assert len(item["lines"]) == 5_001


class TestLines:
    def test_are_items_and_blank_ones_nothing(self, written) -> None:
        assert members_of(written('{"external_id": "m1"}\n\n{"external_id": "m2", "tags": ["茶"]}')) == [
            (1, {"external_id": "m1"}),
            (3, {"external_id": "m2", "tags": ["茶"]}),
        ]

    @pytest.mark.parametrize(
        "bad", ['{"external_id": "m', "nonsense", "{}{}", '{"a": NaN}', '{"a": "\\ud800"}', "[" * 100_000]
    )
    def test_that_are_not_json_are_handed_on(self, written, bad: str) -> None:
        rows = list(RowFile(written('{"external_id": "m1"}\n' + bad + '\n{"external_id": "m3"}\n'), MEMBERS))
        assert [(row.number, [problem.code for problem in row.problems]) for row in rows] == [
            (1, []),
            (2, ["not_json"]),
            (3, []),
        ]

    def test_in_one_json_list_are_refused_as_such(self, written) -> None:
        assert refused_of(written('[{"external_id": "m1"}]')) == [("", "not_lines")]

    def test_of_utf16_are_read(self, written) -> None:
        assert members_of(written('{"external_id": "王"}\n', encoding="utf-16")) == [(1, {"external_id": "王"})]


class TestRowFile:
    def test_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableFile):
            RowFile(tmp_path / "none.csv", MEMBERS)

    def test_ends_where_its_size_says(self, written) -> None:
        file = RowFile(written("external_id\nm1\n"), MEMBERS)
        assert [row.number for row in file] == [2]
        assert file.position == file.size == 15
