from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from members.ingest.connectors.detect import detect, open_table
from members.ingest.connectors.generic import MappedColumns, readers
from members.ingest.connectors.guess import guess_columns
from members.ingest.connectors.synonyms import SYNONYMS
from members.ingest.contracts import MemberItem, OrderItem
from members.models import ColumnMapping
from members.services.mappings import KEYS

NOW = datetime(2026, 6, 15, tzinfo=UTC)

ORDER_COLUMNS = {
    "Order No.": "external_id",
    "Customer": "member",
    "Date": "placed_at",
    "State": "status",
    "Total": "total",
    "Refund": "refund",
    "Item": "product_name",
    "Qty": "quantity",
    "Price": "unit_price",
}


def mapping(columns: dict[str, str], target: str = "orders", **how: Any) -> MappedColumns:
    return MappedColumns(ColumnMapping(name="till", target=target, columns=columns, changed_at=NOW, **how))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, connector: MappedColumns) -> list[tuple[int, dict[str, Any], list[tuple[str, str]]]]:
    (found,) = detect([path], target=connector.target, connector=connector)
    rows = found.rows(currency="CNY")
    return [(row.number, row.item, [(each.path, each.code) for each in row.problems]) for row in rows]


class TestMappedOrders:
    HEADER = "Order No.;Customer;Date;State;Total;Refund;Item;Qty;Price;Till\n"

    def test_are_read_by_the_mapping(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.csv", self.HEADER + "A1;m1;23/05/2016;done;¥1.234,50;0;Tea;2;10,00;7\nA1;;;;;;Cup;1;5;7\n"
        )
        (order,) = read(path, mapping(ORDER_COLUMNS, dates="dmy"))
        assert order == (
            2,
            {
                "external_id": "A1",
                "member": "m1",
                "placed_at": "2016-05-23T00:00:00",
                "status": "completed",
                "total_minor": 123450,
                "refunds": [],
                "lines": [
                    {"product": "Tea", "name": "Tea", "quantity": 2, "unit_price_minor": 1000},
                    {"product": "Cup", "name": "Cup", "quantity": 1, "unit_price_minor": 500},
                ],
            },
            [],
        )

    def test_have_what_is_the_same_in_every_row(self, tmp_path: Path) -> None:
        columns = {
            name: key for name, key in ORDER_COLUMNS.items() if key in ("external_id", "member", "placed_at", "total")
        }
        path = write(tmp_path / "a.csv", "Order No.,Customer,Date,Total\nA1,m1,2016-05-23,5\n")
        ((_, item, _),) = read(path, mapping(columns, constants={"status": "completed", "shop": "till"}))
        assert (item["status"], item["shop"], item["total_minor"]) == ("completed", "till", 500)

    def test_tell_what_is_wrong_by_the_file_s_own_columns(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", self.HEADER + "1E+15;m1;05/06/2016;flown;much;0;Tea;x;10;7\n")
        assert read(path, mapping(ORDER_COLUMNS))[0][2] == [
            ("Order No.", "digits_lost"),
            ("Date", "ambiguous_date"),
            ("State", "unknown_status"),
            ("Total", "invalid_amount"),
            ("Qty", "invalid_number"),
        ]

    def test_lacking_a_column_are_refused_as_a_file(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "Order No.,Customer\nA1,m1\n")
        with pytest.raises(Exception, match="columns cannot be read") as caught:
            read(path, mapping(ORDER_COLUMNS))
        assert {each.path for each in caught.value.problems} == {"Date", "State", "Total", "Refund", "Item", "Qty", "Price"}  # type: ignore[attr-defined]

    def test_refund_what_a_column_says(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", self.HEADER + "A1;m1;2016-05-23;done;10;4;Tea;1;10;7\n")
        ((_, item, _),) = read(path, mapping(ORDER_COLUMNS))
        assert item["refunds"] == [{"amount_minor": 400, "reason": "other", "at": "2016-05-23T00:00:00"}]


class TestMappedMembers:
    COLUMNS = {"卡号": "external_id", "姓名": "name", "性别": "gender", "生日": "birth_date", "手机": "phone"}

    def test_are_read_by_the_mapping(self, tmp_path: Path) -> None:
        columns = {**self.COLUMNS, "鞋码": "attributes.shoe", "短信": "consent_sms", "标签": "tags", "地址": "address"}
        header = "卡号,姓名,性别,生日,手机,鞋码,短信,标签,地址\n"
        path = write(tmp_path / "a.csv", header + "007,王五,女,1990/2/28,13800138000,42,是,vip|茶,浙江省 杭州市 某路\n")
        assert read(path, mapping(columns, "members")) == [
            (
                2,
                {
                    "external_id": "007",
                    "name": "王五",
                    "gender": "female",
                    "birth_date": "1990-02-28",
                    "phone": "13800138000",
                    "attributes": {"shoe": "42"},
                    "consents": {"sms": True},
                    "tags": ["vip", "茶"],
                    "province": "浙江省",
                    "city": "杭州市",
                },
                [],
            )
        ]

    def test_have_no_masked_phone(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "卡号,姓名,性别,生日,手机\n7,王,保密,--02-28,138****8000\n")
        assert read(path, mapping(self.COLUMNS, "members")) == [
            (2, {"external_id": "7", "name": "王", "birth_date": "--02-28"}, [])
        ]


class TestKeys:
    @pytest.mark.parametrize("target", ["orders", "members"])
    def test_are_what_the_contract_takes(self, target: str) -> None:
        shape = {"orders": OrderItem, "members": MemberItem}[target]
        taken = {field.name for field in msgspec.structs.fields(shape)}
        renamed = {
            "total",
            "discount",
            "paid",
            "refund",
            "refund_reason",
            "refund_at",
            "address",
            "consent_sms",
            "consent_email",
        }
        plain = {key for key, meaning in KEYS[target].items() if not meaning.part}
        assert plain - renamed <= taken

    @pytest.mark.parametrize("target", ["orders", "members"])
    def test_can_all_be_read_and_guessed(self, target: str) -> None:
        assert {meaning.kind for meaning in KEYS[target].values()} <= readers("CNY", "ymd").keys()
        assert SYNONYMS[target].keys() == KEYS[target].keys()


class TestGuess:
    def guessed(self, path: Path, target: str = "orders") -> dict[str, str]:
        return {guess.column: guess.key for guess in guess_columns(open_table(path), target)}

    def test_knows_english_headers(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.csv",
            "Order ID,Customer No,Order Date,Status,Grand Total,Item Name,Qty,Unit Price,Shelf\n"
            "1,7,2026-01-02,paid,9.50,Tea,1,9.50,x\n",
        )
        assert self.guessed(path) == {
            "Order ID": "external_id",
            "Customer No": "member",
            "Order Date": "placed_at",
            "Status": "status",
            "Grand Total": "total",
            "Item Name": "product_name",
            "Qty": "quantity",
            "Unit Price": "unit_price",
            "Shelf": "",
        }

    def test_knows_chinese_headers(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.csv", "单号,会员卡号,下单日期,订单状态,实收金额,商品名称,件数\n1,7,2026-01-02,已完成,9.50,茶,1\n"
        )
        assert list(self.guessed(path).values()).count("") == 0
        assert self.guessed(path)["会员卡号"] == "member"

    def test_puts_the_unsure_ones_first(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "Order ID,Shelf,Total\n1,x,9.50\n")
        guesses = guess_columns(open_table(path), "orders")
        assert [guess.column for guess in guesses] == ["Shelf", "Order ID", "Total"]
        assert [round(guess.confidence, 2) for guess in guesses] == [0.0, 0.9, 1.0]
        assert guesses[2].sample == ("9.50",)

    def test_doubts_a_name_that_the_values_contradict(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "Total\nnot\nan\namount\n")
        assert [round(guess.confidence, 2) for guess in guess_columns(open_table(path), "orders")] == [0.36]

    def test_knows_addresses_and_phones_by_their_looks(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "A,B,C\n7,a@b.cn,13800138000\n8,c@d.cn,139****8000\n")
        assert self.guessed(path, "members") == {"A": "", "B": "email", "C": "phone"}

    def test_uses_each_key_once(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "Total,Amount,Revenue\n1,2,3\n")
        assert sorted(self.guessed(path).values()) == ["", "", "total"]
