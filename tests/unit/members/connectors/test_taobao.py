from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from members.ingest.connectors.base import Claim
from members.ingest.connectors.taobao import member_id, shop_slug
from members.ingest.connectors.taobao_columns import STATUS, reason_of, status_of
from tests.unit.members.connectors.reading import SHOP, item_of, problems_of, read
from tests.unit.members.connectors.samples import (
    ORDER,
    ORDER_HEADER,
    order,
    order_report,
    write_csv,
    write_xlsx,
)


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
