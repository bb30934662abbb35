from __future__ import annotations

import pytest

from members.models import Category, MemberTag, Product
from retention.models import KnownValue
from retention.selectors import values
from retention.selectors.values import Offer, values_of
from retention.services.values import keep_values
from tests.factories import NOW, make_event, make_member, make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table is large from its second row on."""
    monkeypatch.setattr(values, "FEW", 1)


def three_cities() -> None:
    for city in ("Wuhan", "Wuhan", "Beijing", ""):
        make_member(city=city)


class TestSmallShops:
    def test_group_the_table_as_it_stands(self) -> None:
        three_cities()
        assert values_of("city", text="") == [Offer("Wuhan", "Wuhan", 2), Offer("Beijing", "Beijing", 1)]

    def test_keep_nothing(self) -> None:
        three_cities()
        assert (keep_values(now=NOW), KnownValue.objects.count()) == ({"values": 0}, 0)

    def test_know_tags_payment_methods_and_the_shops_own_tables(self) -> None:
        member = make_member()
        MemberTag.objects.create(member=member, tag="vip")
        make_order(member, payment_method="alipay")
        tea = Category.objects.create(name="tea")
        Product.objects.create(code="T-1", name="Green tea", category=tea)
        assert values_of("tag", text="") == [Offer("vip", "vip", 1)]
        assert values_of("payment_method", text="ali") == [Offer("alipay", "alipay", 1)]
        assert values_of("category", text="TE") == [Offer("tea", "tea", 1)]
        assert values_of("product", text="green") == [Offer("T-1", "Green tea", 0)]
        assert values_of("shop", text="def")[0].value == "default"

    @pytest.mark.parametrize("code", list(values.COUNTED))
    def test_answer_every_list(self, code: str) -> None:
        assert values_of(code, text="x") == []


@pytest.mark.usefixtures("_large")
class TestLargeShops:
    def test_offer_what_was_kept_last_night(self) -> None:
        three_cities()
        assert keep_values(now=NOW)["values"] == 2
        make_member(city="Xian")
        assert values_of("city", text="") == [Offer("Wuhan", "Wuhan", 2), Offer("Beijing", "Beijing", 1)]

    def test_group_the_table_until_the_first_night(self) -> None:
        three_cities()
        assert [each.value for each in values_of("city", text="ji")] == ["Beijing"]

    def test_keep_what_was_searched_for(self) -> None:
        for number in range(3):
            make_event(make_member(), "search", keyword="tea", external_id=f"e{number}")
        keep_values(now=NOW)
        assert values_of("keyword", text="TE") == [Offer("tea", "tea", 3)]

    def test_keep_the_same_when_kept_twice(self) -> None:
        three_cities()
        keep_values(now=NOW)
        keep_values(now=NOW)
        assert list(KnownValue.objects.order_by("value").values_list("code", "value", "number")) == [
            ("city", "Beijing", 1),
            ("city", "Wuhan", 2),
        ]

    def test_forget_what_nobody_has_any_more(self) -> None:
        three_cities()
        keep_values(now=NOW)
        KnownValue.objects.create(code="city", value="Atlantis", number=1)
        keep_values(now=NOW)
        assert not KnownValue.objects.filter(value="Atlantis").exists()
