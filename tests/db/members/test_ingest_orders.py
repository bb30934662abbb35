from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import InvalidInput
from members.ingest import IngestResult, ingest_orders
from members.models import Category, DirtyMark, Member, Order, OrderLine, Product, Refund, Shop
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def order(external_id: str = "o1", **changes: Any) -> dict[str, Any]:
    item = {"external_id": external_id, "member": "m1", "placed_at": "2026-06-01T10:00:00+08:00", "status": "paid"}
    return {**item, "total_minor": 10_000, **changes}


def line(product: str = "tea", **changes: Any) -> dict[str, Any]:
    return {"product": product, "quantity": 2, "unit_price_minor": 1_500, **changes}


def refund(amount_minor: int = 500, **changes: Any) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "reason": "quality", "at": "2026-06-03T10:00:00+08:00", **changes}


def ingest(*items: object, **options: Any) -> IngestResult:
    return ingest_orders(items, now=NOW, **options)


def refusals(result: IngestResult) -> list[tuple[int, list[tuple[str, str]]]]:
    return [(row.index, [(error.path, error.code) for error in row.errors]) for row in result.rejected]


def marked() -> list[str]:
    """The members marked since the last call, by external id; the marks are taken away."""
    names = dict(Member.objects.values_list("pk", "external_id"))
    found = sorted(names[pk] for pk in DirtyMark.objects.values_list("member_id", flat=True))
    DirtyMark.objects.all().delete()
    return found


class TestNewOrders:
    def test_are_stored_whole(self) -> None:
        item = order(
            discount_minor=300,
            paid_minor=9_700,
            currency="cny",
            shop="tmall",
            payment_method=" alipay ",
            channel="app",
            coupon_code="SPRING",
            points_used=7,
            paid_at="2026-06-01T10:01:00+08:00",
            shipped_at="2026-06-02",
            delivered_at="2026-06-04T09:00:00+08:00",
            completed_at="2026-06-05T09:00:00+08:00",
            city="杭州",
            province="浙江",
            remark="快点",
            lines=[line(sku="50g", category="Green", name="Longjing"), line("cup", amount_minor=2_500)],
            refunds=[refund()],
        )
        assert ingest(item) == IngestResult(1, (), created=1)
        stored = Order.objects.values().get()
        del stored["id"], stored["shop_id"], stored["member_id"]
        assert stored == {
            "external_id": "o1",
            "status": "paid",
            "placed_at": datetime(2026, 6, 1, 2, 0, tzinfo=UTC),
            "placed_day": 20_605,
            "placed_hour": 10,
            "total_minor": 10_000,
            "discount_minor": 300,
            "refunded_minor": 500,
            "refund_count": 1,
            "revenue_minor": 9_500,
            "paid_minor": 9_700,
            "payment_method": "alipay",
            "channel": "app",
            "coupon_code": "SPRING",
            "points_used": 7,
            "paid_at": datetime(2026, 6, 1, 2, 1, tzinfo=UTC),
            "shipped_at": datetime(2026, 6, 1, 16, 0, tzinfo=UTC),
            "delivered_at": datetime(2026, 6, 4, 1, 0, tzinfo=UTC),
            "completed_at": datetime(2026, 6, 5, 1, 0, tzinfo=UTC),
            "city": "杭州",
            "province": "浙江",
            "remark": "快点",
        }
        assert Order.objects.get().shop.slug == "tmall"
        lines = OrderLine.objects.order_by("position").values_list(
            "position", "product__code", "product__name", "product__category__name", "sku", "quantity", "amount_minor"
        )
        assert list(lines) == [(0, "tea", "Longjing", "Green", "50g", 2, 3_000), (1, "cup", "", None, "", 2, 2_500)]
        assert list(Refund.objects.values_list("position", "amount_minor", "reason", "refunded_at")) == [
            (0, 500, "quality", datetime(2026, 6, 3, 2, 0, tzinfo=UTC))
        ]

    def test_make_the_member_they_name(self) -> None:
        ingest(order(member="stranger"))
        member = Member.objects.get()
        assert (member.external_id, member.name, member.created_at) == ("stranger", "", NOW)
        assert marked() == ["stranger"]

    def test_without_a_shop_belong_to_the_shop_of_the_call(self) -> None:
        ingest(order("o1"), order("o2", shop=None), order("o3", shop="jd"), shop="taobao")
        assert dict(Order.objects.values_list("external_id", "shop__slug")) == {"o1": "taobao", "o2": "taobao", "o3": "jd"}

    def test_share_their_number_only_within_a_shop(self) -> None:
        assert ingest(order(shop="a"), order(shop="b")).created == 2

    def test_fall_on_the_shops_day(self) -> None:
        ingest(order("late", placed_at="2026-06-01T23:59:59+08:00"), order("early", placed_at="2026-06-02T00:00:00+08:00"))
        assert dict(Order.objects.values_list("external_id", "placed_day")) == {"late": 20_605, "early": 20_606}

    def test_know_the_hour_on_the_shops_clock_unless_they_came_with_a_date_alone(self) -> None:
        ingest(
            order("late", placed_at="2026-06-01T23:59:59+08:00"),
            order("first", placed_at="2026-06-01T00:00:01+08:00"),
            order("date", placed_at="2026-06-01"),
            order("midnight", placed_at="2026-05-31T16:00:00Z"),
        )
        hours = dict(Order.objects.values_list("external_id", "placed_hour"))
        assert hours == {"late": 23, "first": 0, "date": None, "midnight": None}

    def test_are_taken_a_day_ahead_and_no_more(self) -> None:
        tomorrow = NOW + timedelta(days=1)
        result = ingest(order("o1", placed_at=tomorrow), order("o2", placed_at=tomorrow + timedelta(seconds=1)))
        assert refusals(result) == [(1, [("placed_at", "in_the_future")])]

    def test_of_nothing_cost_nothing(self) -> None:
        assert ingest() == IngestResult(0, ())
        assert ingest(order(total_minor=0, lines=[line(quantity=0, unit_price_minor=0)])).created == 1

    def test_name_a_shop_that_must_be_a_name(self) -> None:
        with pytest.raises(InvalidInput):
            ingest(order(), shop=" ")


class TestKnownOrders:
    def test_that_come_again_change_nothing_and_mark_nobody(self) -> None:
        item = order(lines=[line(), line("cup")], refunds=[refund()], remark="x", paid_at="2026-06-01")
        ingest(item)
        marked()
        lines = list(OrderLine.objects.values_list("pk", flat=True))
        assert ingest(item) == IngestResult(1, ())
        assert marked() == []
        assert list(OrderLine.objects.values_list("pk", flat=True)) == lines

    def test_keep_what_a_row_leaves_out(self) -> None:
        ingest(order(remark="x", discount_minor=5, lines=[line()], refunds=[refund()]))
        assert ingest(order(status="shipped")) == IngestResult(1, (), changed=1)
        stored = Order.objects.get()
        assert (stored.status, stored.remark, stored.discount_minor, stored.refunded_minor) == ("shipped", "x", 5, 500)
        assert OrderLine.objects.count() == Refund.objects.count() == 1

    def test_lose_what_a_row_sets_to_null(self) -> None:
        ingest(order(remark="x", discount_minor=5, paid_minor=5, paid_at="2026-06-01", lines=[line()], refunds=[refund()]))
        ingest(order(remark=None, discount_minor=None, paid_minor=None, paid_at=None, lines=None, refunds=None))
        stored = Order.objects.get()
        assert (stored.remark, stored.discount_minor, stored.paid_minor, stored.paid_at) == ("", 0, None, None)
        assert (stored.refunded_minor, stored.refund_count, stored.revenue_minor) == (0, 0, 10_000)
        assert OrderLine.objects.count() == Refund.objects.count() == 0

    def test_get_the_lines_and_refunds_that_are_given(self) -> None:
        ingest(order(lines=[line("tea"), line("cup")], refunds=[refund(1), refund(2)]))
        marked()
        assert ingest(order(lines=[line("cup")], refunds=[refund(2), refund(1), refund(3)])).changed == 1
        assert list(OrderLine.objects.values_list("position", "product__code")) == [(0, "cup")]
        assert list(Refund.objects.order_by("position").values_list("amount_minor", flat=True)) == [2, 1, 3]
        assert Order.objects.get().refunded_minor == 6
        assert marked() == ["m1"]

    def test_that_differ_only_in_a_line_mark_their_member(self) -> None:
        ingest(order(lines=[line()]))
        marked()
        assert ingest(order(lines=[line(quantity=3)])).changed == 1
        assert marked() == ["m1"]

    def test_that_move_to_another_member_mark_both(self) -> None:
        ingest(order(member="from"))
        marked()
        assert ingest(order(member="to")).changed == 1
        assert Order.objects.get().member.external_id == "to"
        assert marked() == ["from", "to"]

    def test_that_move_to_another_day_count_there(self) -> None:
        ingest(order())
        ingest(order(placed_at="2026-06-02T10:00:00+08:00"))
        assert Order.objects.get().placed_day == 20_606


class TestStatus:
    @pytest.mark.parametrize(
        ("known", "stated"),
        [
            ("paid", "placed"),
            ("shipped", "paid"),
            ("completed", "shipped"),
            ("cancelled", "placed"),
            ("cancelled", "completed"),
        ],
    )
    def test_that_goes_back_is_refused_with_all_of_its_row(self, known: str, stated: str) -> None:
        ingest(order(status=known, lines=[line()]))
        marked()
        result = ingest(order(status=stated, total_minor=1, member="other", shop=None, lines=[line("new", category="New")]))
        assert refusals(result) == [(0, [("status", "status_goes_back")])]
        stored = Order.objects.get()
        assert (stored.status, stored.total_minor, stored.member.external_id) == (known, 10_000, "m1")
        assert [*Member.objects.values_list("external_id", flat=True)] == ["m1"]
        assert [*Product.objects.values_list("code", flat=True)] == ["tea"]
        assert Category.objects.count() == 0
        assert marked() == []

    @pytest.mark.parametrize(
        ("known", "stated"), [("placed", "completed"), ("completed", "cancelled"), ("placed", "cancelled"), ("paid", "paid")]
    )
    def test_that_goes_on_is_taken(self, known: str, stated: str) -> None:
        ingest(order(status=known))
        assert ingest(order(status=stated)).rejected == ()
        assert Order.objects.get().status == stated


class TestOneOrderTwiceInACall:
    def test_is_written_once_the_later_over_the_earlier(self) -> None:
        result = ingest(order(remark="first", city="杭州"), order(status="shipped", remark="second", lines=[line()]))
        assert result == IngestResult(2, (), created=1)
        stored = Order.objects.get()
        assert (stored.status, stored.remark, stored.city) == ("shipped", "second", "杭州")
        assert OrderLine.objects.count() == 1
        assert marked() == ["m1"]

    def test_marks_whom_only_the_earlier_row_names(self) -> None:
        ingest(order(member="m1"), order(member="m2"))
        assert (Order.objects.get().member.external_id, marked()) == ("m2", ["m1", "m2"])

    def test_is_refused_where_the_later_goes_back(self) -> None:
        result = ingest(order(status="shipped"), order(status="paid", remark="old"), order(status="completed"))
        assert refusals(result) == [(1, [("status", "status_goes_back")])]
        assert (result.accepted, Order.objects.get().status, Order.objects.get().remark) == (2, "completed", "")

    def test_holds_for_known_orders_too(self) -> None:
        ingest(order())
        marked()
        assert ingest(order(member="m2"), order(member="m1")) == IngestResult(2, ())
        assert marked() == ["m2"]  # who was made is to be counted, though nothing came of it

    def test_is_two_orders_where_the_shops_differ(self) -> None:
        assert ingest(order(shop="a"), order(shop="b"), order(shop="a", status="shipped")).created == 2


class TestRefunds:
    def test_above_the_total_are_refused(self) -> None:
        result = ingest(order(total_minor=100, refunds=[refund(60), refund(41)]))
        assert refusals(result) == [(0, [("refunds", "refunds_exceed_total")])]
        assert Order.objects.count() == Member.objects.count() == 0

    def test_that_a_lower_total_would_leave_above_it_are_refused(self) -> None:
        ingest(order(total_minor=100, refunds=[refund(60)]))
        assert refusals(ingest(order(total_minor=59))) == [(0, [("refunds", "refunds_exceed_total")])]
        assert Order.objects.get().total_minor == 100


class TestProducts:
    def test_are_completed_once_and_then_stay(self) -> None:
        ingest(order("o1", lines=[line("tea")]))
        ingest(order("o2", member="m2", lines=[line("tea", name="Tea", category="Green")]))
        ingest(order("o3", member="m3", lines=[line("tea", name="Other", category="Black")]))
        product = Product.objects.select_related("category").get()
        assert product.category is not None
        assert (product.name, product.category.name) == ("Tea", "Green")

    def test_that_get_a_category_mark_who_bought_them(self) -> None:
        ingest(order("o1", lines=[line("tea")]), order("o2", member="m2", lines=[line("cup")]))
        marked()
        ingest(order("o3", member="m3", lines=[line("tea", category="Green")]))
        assert sorted(set(marked())) == ["m1", "m3"]

    def test_are_made_once_however_many_lines_name_them(self) -> None:
        ingest(order("o1", lines=[line("tea"), line("tea")]), order("o2", lines=[line("tea", name="Tea"), line("cup")]))
        assert dict(Product.objects.values_list("code", "name")) == {"tea": "Tea", "cup": ""}

    @pytest.mark.parametrize("refused_first", [True, False])
    @pytest.mark.parametrize("product_is_known", [True, False])
    def test_of_two_categories_keep_the_first_also_where_one_row_is_refused(
        self, product_is_known: bool, refused_first: bool
    ) -> None:
        ingest(order("known", status="completed", lines=[line("tea" if product_is_known else "cup")]))
        items = [
            order("known", status="paid", lines=[line("tea", category="Tea")]),
            order("new", lines=[line("tea", category="Drinks")]),
        ]
        result = ingest(*(items if refused_first else reversed(items)))
        assert result.accepted == 1
        assert [row.errors[0].code for row in result.rejected] == ["status_goes_back"]
        first = "Tea" if refused_first else "Drinks"
        assert Product.objects.get(code="tea").category == Category.objects.get()
        assert Category.objects.get().name == first


class TestBadRows:
    @pytest.mark.parametrize(
        ("change", "path", "code"),
        [
            ({"total_minor": -1}, "total_minor", "out_of_range"),
            ({"discount_minor": -1}, "discount_minor", "out_of_range"),
            ({"total_minor": 10**12 + 1}, "total_minor", "out_of_range"),
            ({"currency": "USD"}, "currency", "foreign_currency"),
            ({"placed_at": "2026-07-01"}, "placed_at", "in_the_future"),
            ({"completed_at": "2026-07-01"}, "completed_at", "in_the_future"),
            ({"placed_at": "1989-01-01"}, "placed_at", "too_old"),
            ({"placed_at": None}, "placed_at", "required"),
            ({"placed_at": 5}, "placed_at", "wrong_type"),
            ({"status": "payed"}, "status", "unknown_choice"),
            ({"external_id": ""}, "external_id", "required"),
            ({"external_id": "x" * 10_000}, "external_id", "too_long"),
            ({"member": "x" * 10_000}, "member", "too_long"),
            ({"member": "a\x00b"}, "member", "nul_character"),
            ({"remark": "a\x00b"}, "remark", "nul_character"),
            ({"remark": "a\ud800"}, "remark", "not_text"),
            ({"shop": "x" * 101}, "shop", "too_long"),
            ({"shop": "a/b"}, "shop", "invalid"),
            ({"colour": "red"}, "colour", "unknown_field"),
            ({"lines": [line(), line(product=" ")]}, "lines[1].product", "required"),
            ({"lines": [line(category="a\x00")]}, "lines[0].category", "nul_character"),
            ({"lines": [line(quantity=10**9, unit_price_minor=10**12)]}, "lines[0].unit_price_minor", "out_of_range"),
            ({"lines": [line(quantity=-1)]}, "lines[0].quantity", "out_of_range"),
            ({"refunds": [refund(at="2026-07-01")]}, "refunds[0].at", "in_the_future"),
            ({"refunds": [refund(at=None)]}, "refunds[0].at", "required"),
        ],
    )
    def test_are_refused_by_path_and_leave_nothing_behind(self, change: dict[str, Any], path: str, code: str) -> None:
        result = ingest(order(**change))
        assert refusals(result) == [(0, [(path, code)])]
        counts = [model.objects.count() for model in (Order, OrderLine, Member, Shop, Product, Category, DirtyMark)]
        assert counts == [0] * 7

    def test_never_hinder_the_good_ones(self) -> None:
        result = ingest(order("o1"), 7, order("o2", total_minor=-1), order("o3"), {"x": 1}, order("o4", currency="EUR"))
        assert (result.accepted, [row.index for row in result.rejected]) == (2, [1, 2, 4, 5])
        assert sorted(Order.objects.values_list("external_id", flat=True)) == ["o1", "o3"]

    def test_tell_everything_that_is_wrong(self) -> None:
        bad = order(member=" ", placed_at="soon", currency="USD", lines=[line(""), line()], remark="\x00")
        assert refusals(ingest(bad)) == [
            (
                0,
                [
                    ("placed_at", "invalid_time"),
                    ("remark", "nul_character"),
                    ("currency", "foreign_currency"),
                    ("lines[0].product", "required"),
                    ("member", "required"),
                ],
            )
        ]


class TestManyRows:
    def test_go_in_with_a_fixed_number_of_statements(self, django_assert_max_num_queries: Any) -> None:
        items = [order(f"o{n}", member=f"m{n % 50}", lines=[line(f"p{n % 70}", category=f"c{n % 5}")]) for n in range(1_000)]
        with django_assert_max_num_queries(24):
            assert ingest(*items).created == 1_000
        with django_assert_max_num_queries(17):
            assert ingest(*items) == IngestResult(1_000, ())
        assert (Order.objects.count(), OrderLine.objects.count(), Member.objects.count()) == (1_000, 1_000, 50)

    def test_may_hold_more_names_than_a_statement_has_room_for(self) -> None:
        lines = [line(f"p{number}") for number in range(5_000)]
        items = [order(f"o{n}", lines=[{**each, "product": f"{each['product']}-{n}"} for each in lines]) for n in range(8)]
        assert ingest(*items).created == 8
        assert Product.objects.count() == 40_000
