from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.models import DirtyMark, Member, Order
from tests.rest import Caller, caller, in_path, paths_of

pytestmark = pytest.mark.django_db

FULL = {
    "external_id": "20260301-7",
    "member": "tb-1001",
    "placed_at": "2026-03-01T23:30:00+08:00",
    "status": "completed",
    "total_minor": 25_800,
    "discount_minor": 1_200,
    "paid_minor": 25_800,
    "currency": "CNY",
    "shop": "flagship",
    "payment_method": "alipay",
    "channel": "app",
    "coupon_code": "SPRING",
    "points_used": 10,
    "paid_at": "2026-03-01T23:31:00+08:00",
    "shipped_at": "2026-03-02T09:00:00+08:00",
    "delivered_at": "2026-03-03T10:00:00+08:00",
    "completed_at": "2026-03-10T00:00:00+08:00",
    "city": "成都",
    "province": "四川",
    "remark": "礼盒",
    "lines": [
        {"product": "P1", "sku": "P1-红", "category": "茶", "quantity": 2, "unit_price_minor": 9_000},
        {"product": "P2", "sku": None, "category": None, "quantity": 1, "unit_price_minor": 9_000},
    ],
    "refunds": [{"amount_minor": 800, "reason": "logistics", "at": "2026-03-12T08:00:00+08:00"}],
}


def _order(number: str, **changes: Any) -> dict[str, Any]:
    required = {"member": "m1", "placed_at": "2026-03-01T10:00:00+08:00", "status": "paid", "total_minor": 100}
    return {"external_id": number} | required | changes


class TestAnOrder:
    def test_comes_back_as_it_was_sent(self) -> None:
        client = caller()
        assert client.post("orders/bulk/", {"items": [FULL]}).json() == {"accepted": 1, "rejected": []}

        shown = client.get("orders/flagship/20260301-7/").json()

        lines = [{name: line[name] for name in FULL["lines"][0]} for line in shown["lines"]]
        assert {name: shown[name] for name in FULL} | {"lines": lines} == FULL
        assert (shown["revenue_minor"], shown["refunded_minor"]) == (25_000, 800)
        assert client.all("orders/") == [shown]
        assert client.get("members/tb-1001/").status_code == 200
        assert list(DirtyMark.objects.values_list("member_id", flat=True).distinct()) == [Member.objects.get().pk]

    def test_without_a_shop_belongs_to_the_default_one(self) -> None:
        client = caller()
        client.post("orders/bulk/", {"items": [_order("a/1")]})

        assert client.get(f"orders/default/{in_path('a/1')}/").json()["shop"] == "default"

    @pytest.mark.parametrize("address", ["orders/default/2/", "orders/nowhere/1/", "orders/default/%00/", "orders/x/"])
    def test_that_nobody_knows_is_404(self, address: str) -> None:
        client = caller()
        client.post("orders/bulk/", {"items": [_order("1")]})

        response = client.get(address)

        assert (response.status_code, response.json()["code"]) == (404, "not_found")


class TestTheList:
    @pytest.fixture
    def client(self) -> Caller:
        client = caller()
        items = [
            _order("1", placed_at="2026-03-01T00:00:00+08:00", lines=[_line("P1"), _line("P2")]),
            _order("2", placed_at="2026-03-01T23:59:59+08:00", status="cancelled", coupon_code="SPRING"),
            _order("3", placed_at="2026-03-02T00:00:00+08:00", member="m2", lines=[_line("P2")]),
            _order("4", placed_at="2026-03-02T00:00:00+08:00", member="m2", shop="outlet"),
        ]
        assert client.post("orders/bulk/", {"items": items}).json() == {"accepted": 4, "rejected": []}
        return client

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", ["4", "3", "2", "1"]),
            ("?member=m1", ["2", "1"]),
            ("?member=nobody", []),
            ("?shop=outlet", ["4"]),
            ("?shop=nowhere", []),
            ("?status=cancelled", ["2"]),
            ("?product=P2", ["3", "1"]),
            ("?product=nothing", []),
            ("?coupon=SPRING", ["2"]),
            ("?placed_from=2026-03-02", ["4", "3"]),
            ("?placed_to=2026-03-01", ["2", "1"]),
            ("?placed_from=2026-03-01&placed_to=2026-03-01", ["2", "1"]),
            ("?placed_from=2026-03-01T15:59:59Z", ["4", "3", "2"]),
            ("?placed_to=2026-03-01T15:59:59Z", ["1"]),
            ("?member=m2&shop=default&product=P2&status=paid&placed_from=2026-03-02", ["3"]),
        ],
    )
    def test_answers_what_matches_newest_first(self, client: Caller, query: str, expected: list[str]) -> None:
        assert [order["external_id"] for order in client.all(f"orders/{query}")] == expected

    def test_is_walked_page_by_page(self, client: Caller) -> None:
        pages = list(client.pages("orders/?page_size=1&status=paid"))

        assert [[order["external_id"] for order in page["results"]] for page in pages] == [["4"], ["3"], ["1"]]

    @pytest.mark.parametrize(
        ("query", "paths"),
        [
            ("?status=lost", ["status"]),
            ("?placed_from=2026-02-30", ["placed_from"]),
            ("?placed_from=0001-01-01", ["placed_from"]),
            ("?placed_to=9999-12-31", ["placed_to"]),
            ("?placed_to=soon", ["placed_to"]),
            ("?member=%00", ["member"]),
            ("?member=" + "x" * 10_000, ["member"]),
        ],
    )
    def test_refuses_a_filter_that_means_nothing(self, client: Caller, query: str, paths: list[str]) -> None:
        response = client.get(f"orders/{query}")

        assert (response.status_code, paths_of(response)) == (422, paths)

    def test_costs_the_same_statements_for_two_orders_and_for_fifty(self, client: Caller) -> None:
        items = [_order(f"n{n}", member=f"m{n}", lines=[_line(f"Q{n}"), _line("P1")]) for n in range(50)]
        client.post("orders/bulk/", {"items": items})
        counts = []
        for size in (2, 50):
            with CaptureQueriesContext(connection) as captured:
                assert len(client.get(f"orders/?page_size={size}").json()["results"]) == size
            counts.append(len(captured))

        assert counts[0] == counts[1]
        assert counts[0] <= 6


class TestBulk:
    def test_takes_the_good_orders_and_names_the_bad_ones(self) -> None:
        items = [
            _order("1"),
            _order("2", total_minor=-1),
            _order("3", placed_at="2099-01-01T00:00:00Z"),
            _order("4", currency="USD"),
            _order("5", lines=[_line("P1"), {"product": "P2"}]),
            {},
        ]

        answer = caller().post("orders/bulk/", {"items": items}).json()

        assert answer["accepted"] == 1
        assert [(row["index"], row["errors"][0]["path"]) for row in answer["rejected"]] == [
            (1, "total_minor"),
            (2, "placed_at"),
            (3, "currency"),
            (4, "lines[1].quantity"),
            (5, "external_id"),
        ]
        assert list(Order.objects.values_list("external_id", flat=True)) == ["1"]
        assert Member.objects.count() == 1

    def test_sent_again_changes_nothing(self) -> None:
        client = caller()
        client.post("orders/bulk/", {"items": [FULL]})
        before = client.all("orders/")

        assert client.post("orders/bulk/", {"items": [FULL]}).json() == {"accepted": 1, "rejected": []}
        assert client.all("orders/") == before


def _line(product: str) -> dict[str, Any]:
    return {"product": product, "quantity": 1, "unit_price_minor": 100}
