"""The order report on the command line: what a shop exports in, members and orders out, refused rows by their number."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from members.ingest import ingest_members
from members.models import Consent, DirtyMark, Identifier, Member, Order, OrderLine, Refund, Shop
from tests.factories import NOW, make_member
from tests.unit.members.connectors.samples import (
    ORDER,
    ORDER_HEADER,
    line,
    line_report,
    order,
    order_report,
    shopify,
    shopify_file,
    write_csv,
    write_xlsx,
)

pytestmark = pytest.mark.django_db

SHOP = "某某旗舰店"


def run(*arguments: object) -> tuple[str, str, str]:
    """This function will import orders: what was said, what was complained of, the error (exit 1) it ended with."""
    out, err = StringIO(), StringIO()
    error = ""
    try:
        call_command("import_orders", *map(str, arguments), stdout=out, stderr=err, no_color=True)
    except CommandError as raised:
        error = str(raised)
    return out.getvalue().strip(), err.getvalue().strip(), error


def refused(path: Path) -> list[tuple[int, list[str]]]:
    lines = path.with_name(path.name + ".rejected.jsonl").read_text(encoding="utf-8").splitlines()
    return [(each["row"], [error["code"] for error in each["errors"]]) for each in map(json.loads, lines)]


class TestTwoReports:
    def test_become_orders_with_lines_of_members_in_their_shop(self, tmp_path: Path) -> None:
        said, complained, error = run(
            order_report(tmp_path), line_report(tmp_path, line(), line(标题="帽子", 外部系统编号="HAT"))
        )
        assert error == ""
        assert said.startswith("Orders: 1 accepted (1 new, 0 changed), 0 refused. Of 1 members")
        assert complained == (
            "ExportOrderList.csv: Taobao / Tmall order report, GB18030, 1 row, two files that belong together"
        )
        stored = Order.objects.select_related("shop", "member").get()
        assert (stored.external_id, stored.shop.slug, stored.shop.name) == ("1930679858170647", SHOP, SHOP)
        assert stored.placed_at == datetime(2016, 5, 23, 14, 2, 31, tzinfo=UTC)
        assert (stored.status, stored.total_minor, stored.revenue_minor, stored.paid_minor) == (
            "completed",
            59800,
            59800,
            59800,
        )
        assert (stored.province, stored.city, stored.channel) == ("吉林省", "通化市", "mobile")
        assert list(OrderLine.objects.order_by("position").values_list("product__code", "product__name", "quantity")) == [
            ("DRESS-1", "连衣裙", 2),
            ("HAT", "帽子", 2),
        ]
        member = stored.member
        assert (member.external_id, member.phone, member.name, member.city) == (f"{SHOP}:t**8", "", "", "通化市")
        assert list(Identifier.objects.values_list("source", "kind", "value", "member__external_id")) == [
            (SHOP, "masked_nick", "t**8", f"{SHOP}:t**8")
        ]

    def test_change_nothing_the_second_time(self, tmp_path: Path) -> None:
        paths = order_report(tmp_path), line_report(tmp_path)
        run(*paths)
        marks = DirtyMark.objects.count()
        assert run(*paths)[0].startswith("Orders: 1 accepted (0 new, 0 changed)")
        assert (DirtyMark.objects.count(), Identifier.objects.count(), Member.objects.count()) == (marks, 1, 1)

    def test_may_come_one_after_the_other(self, tmp_path: Path) -> None:
        path = order_report(tmp_path)
        run(path)
        assert OrderLine.objects.count() == 0
        run(path, line_report(tmp_path))
        assert OrderLine.objects.get().product.code == "DRESS-1"

    def test_refuse_rows_each_in_its_own_file(self, tmp_path: Path) -> None:
        orders = order_report(tmp_path, ORDER, order(订单编号="1.93E+15"), order(订单编号="3", 订单创建时间="2099-01-01"))
        lines = line_report(tmp_path, line(), line(订单编号="999"))
        said, _, error = run(orders, lines)
        assert error == "Refused rows: 3. Files that could not be read: 0."
        assert said.startswith("Orders: 1 accepted (1 new, 0 changed), 3 refused.")
        assert refused(orders) == [(3, ["digits_lost"]), (4, ["in_the_future"])]
        assert refused(lines) == [(3, ["order_missing"])]

    def test_of_which_every_row_is_refused_leave_nothing_behind(self, tmp_path: Path) -> None:
        said, _, error = run(order_report(tmp_path, *(order(订单编号=number, 订单状态="?") for number in "123")))
        assert "Every row was refused. Refused because: 3 × 订单状态: This order status is not known: ?." in said
        assert error.startswith("Refused rows: 3.")
        assert [model.objects.count() for model in (Order, Member, Shop, Identifier, DirtyMark)] == [0, 0, 0, 0, 0]

    def test_lacking_a_column_are_not_begun(self, tmp_path: Path) -> None:
        header = [name for name in ORDER_HEADER if name != "订单创建时间"]
        rows = [{name: cell for name, cell in ORDER.items() if name in header}]
        _, complained, error = run(write_csv(tmp_path / "a.csv", header, rows))
        assert error == "Refused rows: 0. Files that could not be read: 1."
        assert complained.splitlines()[1:] == [
            f"{tmp_path / 'a.csv'}: The file's columns cannot be read.",
            "  订单创建时间: This column is missing.",
        ]
        assert Order.objects.count() == 0

    def test_can_be_rehearsed(self, tmp_path: Path) -> None:
        said, _, error = run(order_report(tmp_path), line_report(tmp_path), "--dry-run")
        assert (error, said.endswith("Dry run: nothing was kept.")) == ("", True)
        assert [model.objects.count() for model in (Order, Member, Shop, Identifier, DirtyMark)] == [0, 0, 0, 0, 0]

    def test_are_read_when_their_format_is_named(self, tmp_path: Path) -> None:
        assert run(order_report(tmp_path), line_report(tmp_path), "--format", "taobao")[2] == ""
        assert OrderLine.objects.count() == 1

    def test_belong_to_the_shop_that_is_told(self, tmp_path: Path) -> None:
        run(order_report(tmp_path), "--shop", "tmall")
        assert Order.objects.get().shop.slug == "tmall"
        assert Identifier.objects.get().source == "tmall"

    def test_name_a_shop_whose_short_name_differs(self, tmp_path: Path) -> None:
        run(order_report(tmp_path, order(店铺名称="Tea & Co")))
        assert list(Shop.objects.values_list("slug", "name")) == [("tea-co", "Tea & Co")]


class TestLateReports:
    def test_refund_what_was_refunded_since(self, tmp_path: Path) -> None:
        run(order_report(tmp_path))
        run(
            order_report(
                tmp_path, order(订单状态="交易关闭", 订单关闭原因="退款", 买家实际支付金额="0.00", 退款金额="598.00")
            )
        )
        stored = Order.objects.get()
        assert (stored.status, stored.total_minor, stored.revenue_minor) == ("cancelled", 59800, 0)
        assert Refund.objects.get().reason == "other"

    def test_that_are_older_than_what_is_known_are_refused(self, tmp_path: Path) -> None:
        path = order_report(tmp_path)
        run(path)
        path = order_report(tmp_path, order(订单状态="买家已付款，等待卖家发货"))
        run(path)
        assert refused(path) == [(2, ["status_goes_back"])]


class TestMembers:
    def test_are_told_of_by_their_latest_order_however_the_report_is_sorted(self, tmp_path: Path) -> None:
        old = order(订单编号="1", 订单创建时间="2015-01-01 10:00:00", 联系手机="13800138001", 收货人姓名="礼物", 收货地址="")
        new = order(
            订单编号="2", 订单创建时间="2016-01-01 10:00:00", 联系手机="13800138002", 收货人姓名="王小明", 收货地址=""
        )
        for rows in ([old, new], [new, old]):
            Member.objects.all().delete()
            run(order_report(tmp_path, *rows))
            assert Member.objects.values_list("phone", "name").get() == ("+8613800138002", "王小明")

    def test_are_not_told_of_by_refused_orders(self, tmp_path: Path) -> None:
        run(
            order_report(
                tmp_path, order(买家会员名="a"), order(订单编号="2", 买家会员名="b", 订单创建时间="2099-01-01 10:00")
            )
        )
        assert list(Member.objects.values_list("external_id", flat=True)) == [f"{SHOP}:a"]

    def test_with_one_masked_phone_are_not_one(self, tmp_path: Path) -> None:
        run(order_report(tmp_path, order(买家会员名="a**b"), order(订单编号="2", 买家会员名="c**d")))
        assert Member.objects.count() == 2
        assert set(Member.objects.values_list("phone", flat=True)) == {""}

    def test_of_one_nick_in_two_shops_are_two(self, tmp_path: Path) -> None:
        run(order_report(tmp_path, ORDER, order(订单编号="2", 店铺名称="另一家店")))
        assert Member.objects.count() == 2

    def test_whom_somebody_gave_the_nick_get_the_order(self, tmp_path: Path) -> None:
        names = [{"source": SHOP, "kind": "masked_nick", "value": "t**8"}, {"source": "crm", "kind": "card", "value": "7"}]
        ingest_members([{"external_id": "crm-7", "identifiers": names}], now=NOW, proof="stated by a test")
        run(order_report(tmp_path))
        assert Order.objects.get().member.external_id == "crm-7"
        assert Member.objects.count() == 1
        assert Identifier.objects.count() == 2

    def test_keep_the_names_that_others_know_them_by(self, tmp_path: Path) -> None:
        run(order_report(tmp_path))
        Identifier.objects.create(member=Member.objects.get(), source="crm", kind="card", value="7")
        run(order_report(tmp_path))
        assert set(Identifier.objects.values_list("source", flat=True)) == {SHOP, "crm"}

    def test_have_no_consent_from_an_order_report(self, tmp_path: Path) -> None:
        run(order_report(tmp_path, order(联系手机="13800138000")))
        assert Consent.objects.count() == 0


class TestShopify:
    def test_becomes_orders_and_members_with_consent_and_proof(self, tmp_path: Path) -> None:
        said, complained, error = run(
            shopify_file(
                tmp_path,
                shopify(),
                {"Name": "#1001", "Lineitem quantity": "1", "Lineitem name": "Cup", "Lineitem price": "20"},
            )
        )
        assert error == ""
        assert said.startswith(
            "Orders: 1 accepted (1 new, 0 changed), 0 refused. Of 1 members 0 can be reached by SMS and 1"
        )
        assert complained == "orders_export_1.csv: Shopify orders, UTF-8, 2 rows"
        assert Order.objects.values_list("external_id", "member__external_id", "total_minor").get() == (
            "#1001",
            "ann@example.com",
            9800,
        )
        assert OrderLine.objects.count() == 2
        assert Consent.objects.values_list("channel", "granted", "proof").get() == (
            "email",
            True,
            "stated by orders_export_1.csv",
        )
        assert Identifier.objects.values_list("source", "kind", "value").get() == ("default", "email", "ann@example.com")

    def test_of_two_currencies_takes_the_shop_s_own(self, tmp_path: Path) -> None:
        path = shopify_file(tmp_path, shopify(), shopify(Name="#1002", Currency="USD"))
        assert run(path)[0].startswith("Orders: 1 accepted")
        assert refused(path) == [(3, ["foreign_currency"])]

    def test_who_ordered_before_is_the_same_member(self, tmp_path: Path) -> None:
        make_member("ann@example.com", name="Ann")
        run(shopify_file(tmp_path))
        assert Member.objects.count() == 1


class TestOwnColumns:
    def test_are_read_from_a_workbook_with_its_dates(self, tmp_path: Path) -> None:
        header = ["external_id", "member", "placed_at", "status", "total_minor", "product", "quantity", "unit_price_minor"]
        rows = [
            ["o1", "m1", datetime(2026, 6, 1, 10), "paid", 300, "tea", 1, 100],
            ["o1", None, None, None, None, "cup", 2, 100],
            ["o2", "m1", datetime(2026, 6, 1), "paid", "=1+1", None, None, None],
        ]
        path = write_xlsx(tmp_path / "a.xlsx", {"Orders": [header, *rows]})
        assert run(path)[0].startswith("Orders: 1 accepted (1 new, 0 changed), 1 refused.")
        assert refused(path) == [(4, ["formula"])]
        assert Order.objects.get().placed_at == datetime(2026, 6, 1, 2, tzinfo=UTC)
        assert OrderLine.objects.count() == 2

    def test_are_read_from_parquet(self, tmp_path: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        columns = {
            "external_id": [1930679858170647999],
            "member": ["m1"],
            "placed_at": [datetime(2026, 6, 1, tzinfo=UTC)],
            "status": ["paid"],
            "total_minor": [300],
        }
        parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
        assert run(tmp_path / "a.parquet")[2] == ""
        assert Order.objects.get().external_id == "1930679858170647999"
