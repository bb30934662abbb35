from __future__ import annotations

from pathlib import Path

import pytest

from members.ingest.connectors.detect import detect
from tests.unit.members.connectors.reading import item_of, problems_of, read
from tests.unit.members.connectors.samples import (
    LINE,
    LINE_HEADER,
    ORDER,
    line,
    line_report,
    order,
    order_report,
    write_csv,
)


class TestLines:
    def test_belong_to_their_order_by_its_number(self, tmp_path: Path) -> None:
        other = line(订单编号='="2"', 标题="围巾", 外部系统编号="", 商家编码="", 商品属性="", 价格="20.00", 购买数量="1")
        rows = read(
            line_report(tmp_path, other, LINE, line(标题="帽子", 外部系统编号="HAT", 价格="8.00", 购买数量="1")),
            order_report(tmp_path, ORDER, order(订单编号='="2"')),
        )
        assert problems_of(rows) == []
        assert [row.item["lines"] for row in rows] == [
            [
                {
                    "product": "DRESS-1",
                    "name": "连衣裙",
                    "sku": "颜色分类:白;尺码:M",
                    "quantity": 2,
                    "unit_price_minor": 29500,
                    "amount_minor": 59000,
                },
                {
                    "product": "HAT",
                    "name": "帽子",
                    "sku": "颜色分类:白;尺码:M",
                    "quantity": 1,
                    "unit_price_minor": 800,
                    "amount_minor": 59000,
                },
            ],
            [{"product": "围巾", "name": "围巾", "quantity": 1, "unit_price_minor": 2000, "amount_minor": 59000}],
        ]

    def test_of_two_reports_are_found_for_two_order_reports(self, tmp_path: Path) -> None:
        (tmp_path / "may").mkdir()
        rows = read(
            order_report(tmp_path),
            line_report(tmp_path, line(订单编号="2")),
            order_report(tmp_path / "may", order(订单编号="2")),
            line_report(tmp_path / "may"),
        )
        assert [(row.path.parent.name == "may", len(row.item["lines"])) for row in rows] == [(False, 1), (True, 1)]

    def test_that_are_wrong_cost_their_order_and_name_their_row(self, tmp_path: Path) -> None:
        rows = read(order_report(tmp_path), line_report(tmp_path, LINE, line(价格="?", 购买数量="")))
        assert problems_of(rows) == [(2, "购买数量", "required"), (2, "价格", "invalid_amount")]
        assert str(rows[0].problems[0].message) == "Row 3 of ExportOrderDetailList.csv: This cell is empty."

    def test_without_their_order_are_refused_in_their_own_file(self, tmp_path: Path) -> None:
        first, second = read(order_report(tmp_path), line_report(tmp_path, line(订单编号="999")))
        assert first.problems == ()
        assert (second.path.name, problems_of([second])) == ("ExportOrderDetailList.csv", [(2, "订单编号", "order_missing")])

    def test_without_a_number_are_refused(self, tmp_path: Path) -> None:
        rows = read(order_report(tmp_path), line_report(tmp_path, LINE, line(订单编号="")))
        assert problems_of(rows)[0] == (3, "订单编号", "required")

    def test_of_half_a_file_cost_the_order_that_may_lack_them(self, tmp_path: Path) -> None:
        report = line_report(tmp_path, LINE, LINE)
        report.write_bytes(report.read_bytes().rstrip()[:-120])
        rows = read(order_report(tmp_path), report)
        assert [(row.path.name, code) for row in rows for _, _, code in problems_of([row])] == [
            ("ExportOrderList.csv", "row_unreadable"),
        ]

    def test_refunds_count_where_the_order_report_tells_none(self, tmp_path: Path) -> None:
        lines = (
            line(退款状态="退款成功", 退款金额="100.00"),
            line(退款状态="退款中", 退款金额="50.00"),
            line(退款状态="没有申请退款", 退款金额="0.00"),
        )
        (row,) = read(order_report(tmp_path, order(退款金额="")), line_report(tmp_path, *lines))
        assert row.item["refunds"] == [{"amount_minor": 10000, "reason": "other", "at": "2016-05-23T22:03:02"}]

    def test_too_many_for_one_order_do_not_fill_the_memory(self, tmp_path: Path) -> None:
        (row,) = read(order_report(tmp_path), line_report(tmp_path, *[LINE] * 5_100))
        assert len(row.item["lines"]) == 5_001

    def test_alone_are_refused_with_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(Exception, match="Give it together with its order report"):
            detect([line_report(tmp_path)])

    def test_of_an_order_of_one_kind_are_told_by_the_order_report(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 宝贝种类="1", 宝贝标题="连衣裙", 宝贝总数量="3", 买家应付货款="100.00")
        assert item["lines"] == [
            {"product": "连衣裙", "name": "连衣裙", "quantity": 3, "unit_price_minor": 3333, "amount_minor": 10000}
        ]

    def test_of_an_order_of_several_kinds_are_not_guessed(self, tmp_path: Path) -> None:
        assert "lines" not in item_of(tmp_path)


class TestOneFileOfLines:
    """Exports whose rows are sub-orders: order columns and line columns side by side."""

    HEADER = (
        *(
            "子订单编号",
            "主订单编号",
            "买家会员名",
            "订单状态",
            "订单创建时间",
            "订单付款时间",
            "商品标题",
            "商品价格",
            "购买数量",
        ),
        *("商家编码", "买家实际支付金额", "退款金额"),
    )

    def row(self, *cells: str) -> dict[str, str]:
        return dict(zip(self.HEADER, cells, strict=True))

    def test_is_an_order_of_neighbours_whose_amounts_add_up(self, tmp_path: Path) -> None:
        said = ("t**8", "交易成功", "2024-05-03 10:00:00", "2024-05-03 10:01:00")
        path = write_csv(
            tmp_path / "a.csv",
            self.HEADER,
            [
                self.row("11", "1", *said, "茶", "30.00", "2", "TEA", "55.00", "0.00"),
                self.row("12", "1", *said, "杯", "10.00", "1", "CUP", "10.00", "10.00"),
                self.row("2", "2", *said, "茶", "30.00", "1", "TEA", "30.00", "0.00"),
            ],
        )
        first, second = read(path)
        assert (first.number, first.problems, second.number) == (2, (), 4)
        assert first.item["total_minor"] == 6500
        assert first.item["refunds"] == [{"amount_minor": 1000, "reason": "other", "at": "2024-05-03T10:01:00"}]
        assert [(each["product"], each["quantity"], each["amount_minor"]) for each in first.item["lines"]] == [
            ("TEA", 2, 5500),
            ("CUP", 1, 1000),
        ]
        assert second.item["total_minor"] == 3000

    def test_whose_rows_disagree_about_the_buyer_is_refused(self, tmp_path: Path) -> None:
        when = ("交易成功", "2024-05-03 10:00:00", "", "茶", "30.00", "2", "TEA", "55.00", "")
        path = write_csv(tmp_path / "a.csv", self.HEADER, [self.row("11", "1", "a", *when), self.row("12", "1", "b", *when)])
        assert problems_of(read(path)) == [(2, "买家会员名", "rows_disagree")]


class TestHeaderOfLines:
    def test_is_not_taken_for_orders(self, tmp_path: Path) -> None:
        paths = [line_report(tmp_path), order_report(tmp_path)]
        (found,) = detect(paths)
        assert [table.path.name for table in found.tables] == ["ExportOrderList.csv"]
        assert [table.path.name for table in found.companions] == ["ExportOrderDetailList.csv"]
        assert found.companions[0].header == LINE_HEADER
