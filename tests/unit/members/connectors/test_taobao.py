from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from members.ingest.connectors.base import Claim, SourceRow
from members.ingest.connectors.detect import detect
from members.ingest.connectors.taobao import member_id, shop_slug
from members.ingest.connectors.taobao_columns import STATUS, reason_of, status_of
from tests.unit.members.connectors.samples import (
    LINE,
    LINE_HEADER,
    ORDER,
    ORDER_HEADER,
    line,
    line_report,
    order,
    order_report,
    write_csv,
    write_xlsx,
)

SHOP = "某某旗舰店"


def read(*paths: Path, shop: str = "") -> list[SourceRow]:
    (found,) = detect(paths)
    return list(found.rows(shop=shop, currency="CNY"))


def item_of(tmp_path: Path, **changes: str) -> dict[str, Any]:
    (row,) = read(order_report(tmp_path, order(**changes)))
    assert row.problems == ()
    return dict(row.item)


def problems_of(rows: Sequence[SourceRow]) -> list[tuple[int, str, str]]:
    return [(row.number, problem.path, problem.code) for row in rows for problem in row.problems]


class TestOrderReport:
    @pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-8", "utf-8-sig"])
    def test_is_read_in_any_encoding(self, tmp_path: Path, encoding: str) -> None:
        (row,) = read(order_report(tmp_path, encoding=encoding))
        assert (row.number, row.problems) == (2, ())
        assert row.item == {
            "external_id": "1930679858170647",
            "member": f"{SHOP}:t**8",
            "placed_at": "2016-05-23T22:02:31",
            "paid_at": "2016-05-23T22:03:02",
            "status": "completed",
            "shop": SHOP,
            "currency": "CNY",
            "total_minor": 59800,
            "paid_minor": 59800,
            "points_used": 0,
            "channel": "mobile",
            "province": "吉林省",
            "city": "通化市",
            "refunds": [],
        }

    def test_is_read_from_a_workbook(self, tmp_path: Path) -> None:
        rows = [
            ORDER_HEADER,
            [ORDER.get(name, "").replace('="1930679858170647"', "1930679858170647") for name in ORDER_HEADER],
        ]
        (row,) = read(write_xlsx(tmp_path / "orders.xlsx", {"Sheet0": rows}))
        assert (row.item["external_id"], row.item["total_minor"]) == ("1930679858170647", 59800)

    def test_is_read_with_the_columns_of_another_year(self, tmp_path: Path) -> None:
        header = "订单编号,买家昵称,实付金额（元）,订单状态,订单创建时间,优惠券,积分抵扣,备注".split(",")  # noqa: SIM905
        cells = ["1930679858170647", "小王", "88.00", "买家已付款，等待卖家发货", "2024/5/3 9:05", "5.00", "0.50元", "送人"]
        (row,) = read(write_csv(tmp_path / "a.csv", header, [dict(zip(header, cells, strict=True))]))
        assert row.problems == ()
        assert row.item == {
            "external_id": "1930679858170647",
            "member": "default:小王",
            "placed_at": "2024-05-03T09:05:00",
            "status": "paid",
            "shop": "default",
            "currency": "CNY",
            "total_minor": 8800,
            "paid_minor": 8800,
            "discount_minor": 500,
            "points_used": 50,
            "remark": "送人",
        }

    def test_belongs_to_the_shop_it_is_told(self, tmp_path: Path) -> None:
        (row,) = read(order_report(tmp_path), shop="tmall")
        assert (row.item["shop"], row.item["member"]) == ("tmall", "tmall:t**8")

    @pytest.mark.parametrize("number", ["1.93068E+15", "1.93067985817064E+15"])
    def test_refuses_numbers_that_lost_their_digits(self, tmp_path: Path, number: str) -> None:
        (row,) = read(order_report(tmp_path, order(订单编号=number)))
        assert problems_of([row]) == [(2, "订单编号", "digits_lost")]
        assert "Export the file again" in str(row.problems[0].message)

    def test_refuses_numbers_that_a_workbook_holds_as_numbers(self, tmp_path: Path) -> None:
        cells: list[object] = [ORDER.get(name, "") for name in ORDER_HEADER]
        cells[0] = 1930679858170647
        (row,) = read(write_xlsx(tmp_path / "orders.xlsx", {"Sheet0": [ORDER_HEADER, cells]}))
        assert problems_of([row]) == [(2, "订单编号", "digits_lost")]

    def test_tells_every_wrong_cell_of_a_row_by_its_column(self, tmp_path: Path) -> None:
        bad = order(订单编号="", 买家会员名="", 订单状态="已飞走", 订单创建时间="昨天", 买家实际支付金额="很多")
        assert problems_of(read(order_report(tmp_path, ORDER, bad))) == [
            (3, "买家会员名", "required"),
            (3, "订单状态", "unknown_status"),
            (3, "订单创建时间", "invalid_time"),
            (3, "买家实际支付金额", "invalid_amount"),
            (3, "订单编号", "required"),
        ]

    def test_reads_null_as_nothing(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 订单付款时间="null", 订单备注="null", 退款金额="--")
        assert not {"paid_at", "remark", "refunds"} & item.keys()

    def test_joins_what_buyer_and_seller_remark(self, tmp_path: Path) -> None:
        assert item_of(tmp_path, 订单备注="老客户", 买家留言="请包好")["remark"] == "老客户 / 请包好"
        assert len(item_of(tmp_path, 订单备注="长" * 2_000)["remark"]) == 1_000

    def test_takes_the_address_that_was_changed_last(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 修改后的收货地址="浙江省 杭州市 西湖区 某路")
        assert (item["province"], item["city"]) == ("浙江省", "杭州市")

    @pytest.mark.parametrize(("cell", "channel"), [("手机订单", "mobile"), ("是", "mobile"), ("否", "web"), ("", None)])
    def test_says_where_the_order_was_placed(self, tmp_path: Path, cell: str, channel: str | None) -> None:
        assert item_of(tmp_path, 是否手机订单=cell).get("channel") == channel

    def test_refuses_the_second_of_two_orders_with_one_number(self, tmp_path: Path) -> None:
        rows = read(order_report(tmp_path, ORDER, order(订单编号="2"), ORDER))
        assert problems_of(rows) == [(4, "", "rows_apart")]


class TestStatus:
    @pytest.mark.parametrize(
        ("words", "status"),
        [
            ("等待买家付款", "placed"),
            ("买家已付款，等待卖家发货", "paid"),
            ("买家已付款,等待卖家发货", "paid"),
            ("卖家部分发货", "shipped"),
            ("卖家已发货，等待买家确认", "shipped"),
            ("交易成功", "completed"),
            ("交易关闭", "cancelled"),
        ],
    )
    def test_is_read_whatever_the_punctuation(self, words: str, status: str) -> None:
        assert status_of(words) == status

    def test_words_are_written_as_they_are_compared(self) -> None:
        assert all(words.isalnum() for words in STATUS)

    def test_that_is_not_known_is_none(self) -> None:
        assert status_of("已飞走") is None


class TestMoney:
    def test_is_what_the_buyer_paid_less_nothing(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 总金额="598.00", 买家实际支付金额="¥568.00", 天猫卡券抵扣="20.00", 集分宝抵扣="10.00元")
        assert (item["total_minor"], item["paid_minor"], item["discount_minor"], item["points_used"]) == (
            56800,
            56800,
            2000,
            1000,
        )

    def test_of_an_order_not_paid_for_is_what_is_to_be_paid(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 订单状态="等待买家付款", 订单付款时间="", 买家实际支付金额="0.00")
        assert (item["status"], item["total_minor"], "paid_minor" in item) == ("placed", 59800, False)

    def test_without_a_sum_is_goods_and_postage(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 订单状态="等待买家付款", 订单付款时间="", 总金额="", 买家实际支付金额="")
        assert item["total_minor"] == 59800

    def test_of_an_order_paid_with_points_is_nothing(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 买家实际支付金额="0.00", 买家实际支付积分="59800")
        assert (item["total_minor"], item["points_used"]) == (0, 59800)

    def test_that_no_column_tells_is_refused(self, tmp_path: Path) -> None:
        bad = order(买家应付货款="", 总金额="", 买家实际支付金额="")
        assert problems_of(read(order_report(tmp_path, bad))) == [(2, "买家实际支付金额", "required")]

    def test_given_back_is_a_refund_at_the_payment(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 退款金额="100.00")
        assert item["total_minor"] == 59800
        assert item["refunds"] == [{"amount_minor": 10000, "reason": "other", "at": "2016-05-23T22:03:02"}]

    def test_given_back_that_the_paid_amount_lacks_already_is_told_of_the_sum(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, 买家实际支付金额="98.00", 退款金额="500.00")
        assert (item["total_minor"], item["refunds"][0]["amount_minor"]) == (59800, 50000)

    def test_closed_after_payment_is_cancelled_and_refunded(self, tmp_path: Path) -> None:
        item = item_of(
            tmp_path, 订单状态="交易关闭", 订单关闭原因="退款-质量问题", 买家实际支付金额="0.00", 退款金额="598.00"
        )
        assert (item["status"], item["total_minor"]) == ("cancelled", 59800)
        assert item["refunds"] == [{"amount_minor": 59800, "reason": "quality", "at": "2016-05-23T22:03:02"}]

    def test_closed_before_payment_is_cancelled_only(self, tmp_path: Path) -> None:
        item = item_of(
            tmp_path,
            订单状态="交易关闭",
            订单关闭原因="买家未付款",
            买家实际支付金额="0.00",
            订单付款时间="",
            退款金额="0.00",
        )
        assert (item["status"], item["total_minor"], item["refunds"]) == ("cancelled", 59800, [])
        assert not {"paid_at", "paid_minor"} & item.keys()

    def test_coupon_may_be_a_code(self, tmp_path: Path) -> None:
        header = [*ORDER_HEADER, "优惠券"]
        (row,) = read(write_csv(tmp_path / "a.csv", header, [order(优惠券="BACK-50")]))
        assert row.item["coupon_code"] == "BACK-50"
        assert "discount_minor" not in row.item

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("质量问题", "quality"),
            ("与描述不符", "description"),
            ("未按约定时间发货", "logistics"),
            ("买贵了要差价", "price"),
            ("七天无理由退货", "unwanted"),
            ("其他", "other"),
            ("", "other"),
        ],
    )
    def test_is_given_back_for_the_reason_that_is_stated(self, words: str, reason: str) -> None:
        assert reason_of(words) == reason


class TestMember:
    def profile(self, tmp_path: Path, **changes: str) -> Any:
        (row,) = read(order_report(tmp_path, order(**changes)))
        return row.profile

    def test_is_the_nick_within_the_shop_and_said_to_be_masked(self, tmp_path: Path) -> None:
        profile = self.profile(tmp_path)
        assert (profile.member, profile.claims) == (f"{SHOP}:t**8", (Claim(SHOP, "masked_nick", "t**8"),))

    def test_may_have_a_whole_nick(self, tmp_path: Path) -> None:
        profile = self.profile(tmp_path, 买家会员名="tb_老王")
        assert (profile.member, profile.claims) == (f"{SHOP}:tb_老王", (Claim(SHOP, "nick", "tb_老王"),))

    @pytest.mark.parametrize("phone", ["186****0000", "'186****0000", "1860000", "0571-8888", "****"])
    def test_has_no_phone_that_is_masked_or_none(self, tmp_path: Path, phone: str) -> None:
        assert self.profile(tmp_path, 联系手机=phone).item == {"province": "吉林省", "city": "通化市"}

    def test_has_the_name_and_phone_that_old_reports_tell(self, tmp_path: Path) -> None:
        profile = self.profile(tmp_path, 收货人姓名="王小明", 联系手机="'13800138000", 收货地址="***")
        assert profile.item == {"name": "王小明", "phone": "+8613800138000"}

    def test_of_different_shops_are_different(self) -> None:
        names = {member_id(shop, nick) for shop, nick in [("a", "b:c"), ("a:b", "c"), ("a%3Ab", "c"), ("a", "b")]}
        assert len(names) == 4

    @pytest.mark.parametrize(("name", "slug"), [("某某旗舰店", "某某旗舰店"), ("Tea & Co / 店", "tea-co-店"), ("★", "★")])
    def test_shop_has_a_short_name(self, name: str, slug: str) -> None:
        assert shop_slug(name) == slug

    def test_nick_of_digits_that_a_spreadsheet_shortened_is_refused(self, tmp_path: Path) -> None:
        rows = read(order_report(tmp_path, order(买家会员名="1.38E+10")))
        assert problems_of(rows) == [(2, "买家会员名", "digits_lost")]

    def test_nick_that_only_looks_like_a_number_is_a_nick(self, tmp_path: Path) -> None:
        assert self.profile(tmp_path, 买家会员名="1e5").member == f"{SHOP}:1e5"


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
