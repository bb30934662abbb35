from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from members.ingest.connectors.base import Claim, SourceRow
from members.ingest.connectors.detect import detect
from tests.unit.members.connectors.samples import shopify, shopify_file

SECOND_LINE = {"Name": "#1001", "Lineitem quantity": "1", "Lineitem name": "Cup", "Lineitem price": "20.00"}


def read(path: Path, shop: str = "") -> list[SourceRow]:
    (found,) = detect([path])
    assert found.connector.code == "shopify"
    return list(found.rows(shop=shop, currency="CNY"))


def item_of(tmp_path: Path, **changes: str) -> dict[str, Any]:
    (row,) = read(shopify_file(tmp_path, shopify(**changes)))
    assert row.problems == ()
    return dict(row.item)


def problems_of(rows: list[SourceRow]) -> list[tuple[int, str, str]]:
    return [(row.number, problem.path, problem.code) for row in rows for problem in row.problems]


class TestOrders:
    def test_have_their_columns_on_the_first_row_and_a_line_on_each(self, tmp_path: Path) -> None:
        first, second = read(shopify_file(tmp_path, shopify(), SECOND_LINE, shopify(Name="#1002")))
        assert (first.number, second.number, problems_of([first, second])) == (2, 4, [])
        assert first.item == {
            "external_id": "#1001",
            "member": "ann@example.com",
            "placed_at": "2023-01-05T10:00:00+08:00",
            "paid_at": "2023-01-05T10:00:05+08:00",
            "shipped_at": "2023-01-06T09:00:00+08:00",
            "status": "shipped",
            "shop": "default",
            "currency": "CNY",
            "total_minor": 9800,
            "paid_minor": 9800,
            "discount_minor": 1000,
            "coupon_code": "TEA10",
            "payment_method": "Shopify Payments",
            "channel": "web",
            "province": "ZJ",
            "city": "Hangzhou",
            "lines": [
                {"product": "TEA-100", "name": "Green tea - 100 g", "quantity": 2, "unit_price_minor": 4000},
                {"product": "Cup", "name": "Cup", "quantity": 1, "unit_price_minor": 2000},
            ],
        }

    def test_belong_to_the_shop_that_is_told(self, tmp_path: Path) -> None:
        (row,) = read(shopify_file(tmp_path), shop="uk")
        assert (row.item["shop"], row.item["member"]) == ("uk", "ann@example.com")

    @pytest.mark.parametrize(
        ("financial", "fulfilment", "cancelled", "status"),
        [
            ("pending", "unfulfilled", "", "placed"),
            ("authorized", "", "", "placed"),
            ("paid", "unfulfilled", "", "paid"),
            ("partially_refunded", "fulfilled", "", "shipped"),
            ("refunded", "partial", "", "shipped"),
            ("refunded", "", "2023-01-07 10:00:00 +0800", "cancelled"),
            ("voided", "", "", "cancelled"),
        ],
    )
    def test_stand_where_payment_and_fulfilment_say(
        self, tmp_path: Path, financial: str, fulfilment: str, cancelled: str, status: str
    ) -> None:
        item = item_of(tmp_path, Financial_Status=financial, Fulfillment_Status=fulfilment, Cancelled_at=cancelled)
        assert item["status"] == status

    def test_with_a_status_that_is_not_known_are_refused(self, tmp_path: Path) -> None:
        rows = read(shopify_file(tmp_path, shopify(Financial_Status="gone")))
        assert problems_of(rows) == [(2, "Financial Status", "unknown_status")]

    def test_not_paid_for_have_no_paid_amount(self, tmp_path: Path) -> None:
        assert "paid_minor" not in item_of(tmp_path, Financial_Status="pending")

    def test_refunded_say_so_when_the_money_went(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, Refunded_Amount="20.00", Financial_Status="partially_refunded")
        assert item["refunds"] == [{"amount_minor": 2000, "reason": "other", "at": "2023-01-05T10:00:05+08:00"}]
        assert item_of(tmp_path, Refunded_Amount="0.00")["refunds"] == []

    def test_keep_the_first_of_several_codes(self, tmp_path: Path) -> None:
        assert item_of(tmp_path, Discount_Code="A, B")["coupon_code"] == "A"

    def test_take_the_discount_off_its_line(self, tmp_path: Path) -> None:
        assert item_of(tmp_path, Lineitem_discount="15.00")["lines"][0]["amount_minor"] == 6500

    def test_of_another_currency_keep_it_for_the_ingest_to_judge(self, tmp_path: Path) -> None:
        item = item_of(tmp_path, Currency="JPY", Total="980", **dict.fromkeys(("Discount_Amount", "Lineitem_price"), "40"))
        assert (item["currency"], item["total_minor"]) == ("JPY", 980)

    def test_that_spreadsheets_shortened_are_refused(self, tmp_path: Path) -> None:
        rows = read(shopify_file(tmp_path, shopify(Lineitem_sku="4.00638E+12")))
        assert problems_of(rows) == [(2, "Lineitem sku", "digits_lost")]


class TestCustomer:
    def profile(self, tmp_path: Path, **changes: str) -> Any:
        (row,) = read(shopify_file(tmp_path, shopify(**changes)))
        assert row.problems == ()
        return row.profile

    def test_is_known_by_the_address(self, tmp_path: Path) -> None:
        profile = self.profile(tmp_path, Phone="'+8613800138000")
        assert profile.claims == (Claim("default", "email", "ann@example.com"),)
        assert profile.item == {
            "name": "Ann Lee",
            "email": "ann@example.com",
            "phone": "+8613800138000",
            "province": "ZJ",
            "city": "Hangzhou",
            "consents": {"email": True},
        }

    @pytest.mark.parametrize(("word", "consent"), [("yes", True), ("no", False)])
    def test_accepts_marketing_or_does_not(self, tmp_path: Path, word: str, consent: bool) -> None:
        assert self.profile(tmp_path, Accepts_Marketing=word).item["consents"] == {"email": consent}

    def test_says_nothing_about_marketing_in_an_empty_cell(self, tmp_path: Path) -> None:
        assert "consents" not in self.profile(tmp_path, Accepts_Marketing="").item

    def test_without_an_address_is_known_by_the_phone(self, tmp_path: Path) -> None:
        assert self.profile(tmp_path, Email="", Billing_Phone="13800138000").member == "+8613800138000"

    def test_that_no_cell_names_is_refused(self, tmp_path: Path) -> None:
        rows = read(shopify_file(tmp_path, shopify(Email=""), shopify(Name="#1002", Email="not an address")))
        assert problems_of(rows) == [(2, "Email", "no_customer"), (3, "Email", "invalid_email")]
