from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from django.utils.functional import Promise
from django.utils.translation import override

from members.ingest.connectors import CONNECTORS
from members.ingest.connectors.base import SURE, Registered
from members.ingest.connectors.detect import Detected, detect, sort_files
from members.ingest.files import UnreadableFile
from tests.unit.members.connectors.samples import (
    LINE_HEADER,
    ORDER,
    ORDER_HEADER,
    SHOPIFY_HEADER,
    line_report,
    order_report,
    shopify_file,
    write_csv,
    write_xlsx,
)

OWN = "external_id,member,placed_at,status,total_minor".split(",")  # noqa: SIM905


def own_orders(folder: Path) -> Path:
    path = folder / "own.csv"
    path.write_text(",".join(OWN) + "\no1,m1,2026-01-02,paid,100\n")
    return path


def sentence(paths: Sequence[Path]) -> list[str]:
    return [str(found.sentence) for found in detect(paths)]


class TestSentence:
    def test_says_what_we_think_a_file_is(self, tmp_path: Path) -> None:
        many = order_report(tmp_path, *[{**ORDER, "订单编号": str(number)} for number in range(5_204)])
        assert sentence([many, line_report(tmp_path)]) == [
            "Taobao / Tmall order report, GB18030, 5,204 rows, two files that belong together"
        ]

    def test_says_so_of_every_kind(self, tmp_path: Path) -> None:
        book = write_xlsx(tmp_path / "a.xlsx", {"S": [ORDER_HEADER, [ORDER.get(name, "") for name in ORDER_HEADER]]})
        assert sentence([book, shopify_file(tmp_path), own_orders(tmp_path)]) == [
            "Taobao / Tmall order report, XLSX, 1 row",
            "Shopify orders, UTF-8, 1 row",
            "Orders in our own columns, UTF-8, 1 row",
        ]

    def test_is_translated_when_it_is_shown(self, tmp_path: Path) -> None:
        (found,) = detect([shopify_file(tmp_path)])
        shown = found.sentence
        assert isinstance(shown, Promise)
        with override("en"):
            assert str(shown) == "Shopify orders, UTF-8, 1 row"


class TestDetect:
    def test_names_the_shops_of_a_report(self, tmp_path: Path) -> None:
        (found,) = detect([order_report(tmp_path, ORDER, {**ORDER, "店铺名称": "Tea & Co"})])
        assert found.shops == {"tea-co": "Tea & Co", "某某旗舰店": "某某旗舰店"}

    @pytest.mark.parametrize("header", [ORDER_HEADER, LINE_HEADER, SHOPIFY_HEADER, OWN])
    def test_is_sure_of_one_connector_alone(self, header: list[str]) -> None:
        sure = [each.code for each in CONNECTORS if each.target == "orders" and each.recognises(header) >= SURE]
        assert len(sure) == 1

    @pytest.mark.parametrize("missing", ["订单编号", "买家会员名", "订单状态", "订单创建时间"])
    def test_knows_a_report_that_lacks_a_column_and_names_it(self, tmp_path: Path, missing: str) -> None:
        header = [name for name in ORDER_HEADER if name != missing]
        cells = {name: cell for name, cell in ORDER.items() if name != missing}
        (found,) = detect([write_csv(tmp_path / "a.csv", header, [cells])])
        with pytest.raises(UnreadableFile) as caught:
            list(found.rows(currency="CNY"))
        assert [(each.path, each.code) for each in caught.value.problems] == [(missing, "missing_column")]

    def test_tells_a_file_it_does_not_know_what_our_own_columns_are(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("extrnal_id,membr\n1,2\n")
        with pytest.raises(UnreadableFile, match="columns cannot be read") as caught:
            detect([tmp_path / "a.csv"])
        assert [each.code for each in caught.value.problems] == ["unknown_column"] * 2 + ["missing_column"] * 5

    def test_tells_a_file_that_it_half_knows_what_it_lacks(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("订单编号,买家会员名,订单状态\n1,2,3\n")
        with pytest.raises(UnreadableFile, match="looks like Taobao / Tmall order report") as caught:
            detect([tmp_path / "a.csv"])
        assert {each.path for each in caught.value.problems} == {"订单创建时间", "买家实际支付金额"}

    def test_sorts_what_can_be_read_from_what_cannot(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(bytes(range(256)) * 20)
        (tmp_path / "lines").mkdir()
        lines = line_report(tmp_path / "lines")
        found = sort_files([tmp_path / "a.csv", shopify_file(tmp_path), lines, tmp_path / "none.csv"])
        assert [each.connector.code for each in found.found] == ["shopify"]
        assert [(path.name, error.problems[0].code) for path, error in found.unread] == [
            ("a.csv", "not_text"),
            ("none.csv", "not_readable"),
            (lines.name, "companion_alone"),
        ]

    def test_reads_own_columns_from_a_workbook(self, tmp_path: Path) -> None:
        path = write_xlsx(tmp_path / "a.xlsx", {"S": [OWN, ["o1", "m1", "2026-01-02", "paid", 100]]})
        (found,) = detect([path])
        assert [(row.number, row.item) for row in found.rows(currency="CNY")] == [
            (2, {"external_id": "o1", "member": "m1", "placed_at": "2026-01-02", "status": "paid", "total_minor": 100})
        ]

    def test_counts_how_far_it_has_read(self, tmp_path: Path) -> None:
        (found,) = detect([own_orders(tmp_path)])
        assert isinstance(found, Detected)
        assert found.position == 0
        assert len(list(found.rows(currency="CNY"))) == 1
        assert found.position == found.size > 0


class TestRegister:
    def test_refuses_a_code_that_stands_twice(self) -> None:
        with pytest.raises(ValueError, match="stands twice"):
            Registered.of([CONNECTORS[0], CONNECTORS[0]])

    def test_names_a_main_file_for_every_companion(self) -> None:
        codes = {each.code for each in CONNECTORS}
        assert {each.completes for each in CONNECTORS} - {""} <= codes
        assert all(str(each.alone) for each in CONNECTORS if each.completes)
