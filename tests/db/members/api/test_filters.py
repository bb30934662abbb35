"""What the lists of members and orders can be asked, what they refuse, and that each filter has an index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection

from core.registry import member_list_filters
from members import selectors
from members.models import Product
from members.selectors import member_listing, order_listing
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.factories import NOW, make_member, make_order
from tests.rest import Caller, caller, paths_of

pytestmark = pytest.mark.django_db

MAY = datetime(2026, 5, 1, tzinfo=UTC)


def asked(client: Caller, **filters: Any) -> list[str]:
    return [each["external_id"] for each in client.get(f"members/?{urlencode(filters)}").json()["results"]]


class TestMembersByWhen:
    @pytest.fixture
    def client(self) -> Caller:
        make_member("old", registered_at=datetime(2026, 4, 30, 15, 59, tzinfo=UTC), created_at=MAY)
        make_member("new", registered_at=datetime(2026, 4, 30, 16, 0, tzinfo=UTC), created_at=MAY + timedelta(days=9))
        make_member("unknown", created_at=MAY + timedelta(days=19))
        return caller()

    def test_they_registered_in_the_shop_s_days(self, client: Caller) -> None:
        assert asked(client, registered_from="2026-05-01") == ["new"]
        assert asked(client, registered_to="2026-04-30") == ["old"]
        assert asked(client, registered_from="2026-04-30", registered_to="2026-05-01") == ["old", "new"]

    def test_we_first_heard_of_them(self, client: Caller) -> None:
        assert asked(client, first_seen_from="2026-05-10T00:00:00Z", first_seen_to="2026-05-21T00:00:00Z") == [
            "new",
            "unknown",
        ]


class TestMembersOfASegment:
    def test_are_those_of_the_last_refresh(self) -> None:
        make_order(make_member("buyer"))
        make_member("looker")
        rule = {"field": "order_count", "operator": ">=", "value": 1}
        create_segment(slug="buyers", name="Buyers", rule=rule, now=NOW)
        refresh(as_of=NOW, full=True)
        assert asked(caller(), segment="buyers") == ["buyer"]
        assert asked(caller(), segment="buyers", city="nowhere") == []

    def test_that_does_not_exist_names_the_parameter(self) -> None:
        refused = caller().get("members/?segment=nobody")
        assert (refused.status_code, paths_of(refused)) == (422, ["segment"])

    def test_stand_in_the_schema_as_higher_apps_offer_them(self) -> None:
        assert [each.code for each in member_list_filters] == ["segment", "tier", "stage", "churn_reason"]


class TestWhatIsNoFilter:
    @pytest.mark.parametrize(
        ("address", "path"),
        [
            ("members/?stage=gone", "stage"),
            ("members/?gender=robot", "gender"),
            ("members/?registered_from=yesterday", "registered_from"),
            ("members/?first_seen_to=0000-01-01", "first_seen_to"),
            ("members/?city=a%00b", "city"),
            ("members/?as_of=never", "as_of"),
            ("members/?page_size=0", "page_size"),
            ("members/?city=a&city=b", "city"),
            ("orders/?status=lost", "status"),
            ("orders/?placed_from=2026-13-01", "placed_from"),
            ("orders/?coupon=" + "x" * 201, "coupon"),
            ("orders/?date=2026-01-01", "date"),
        ],
    )
    def test_is_refused_by_name(self, address: str, path: str) -> None:
        refused = caller().get(address)
        assert (refused.status_code, paths_of(refused)) == (422, [path])


class TestOrdersOfAProduct:
    @pytest.mark.parametrize("often", [0, 20_000])
    def test_are_found_however_often_it_was_sold(self, often: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selectors, "SOLD_OFTEN", often)
        tea = Product.objects.create(code="tea")
        order = make_order(make_member("m1"))
        make_order(make_member("m2"))
        order.lines.create(position=0, product=tea, quantity=1, unit_price_minor=1, amount_minor=1)
        order.lines.create(position=1, product=tea, quantity=1, unit_price_minor=1, amount_minor=1)
        assert [each.pk for each in order_listing(product="tea")] == [order.pk]
        assert list(order_listing(product="coffee")) == []


@pytest.mark.postgresql
class TestEachFilterHasAnIndex:
    """In the order of the list, so that a value that few have costs no walk through all."""

    @pytest.fixture(autouse=True)
    def _only_indexes(self) -> None:
        with connection.cursor() as cursor:
            for way in ("seqscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")

    @pytest.mark.parametrize(
        ("column", "index"),
        [
            ("city", "member_in_city"),
            ("province", "member_in_province"),
            ("source", "member_from_source"),
            ("gender", "member_of_gender"),
        ],
    )
    def test_of_members(self, column: str, index: str) -> None:
        assert f"using {index}" in member_listing(**{column: "x"}).order_by("id").explain()

    @pytest.mark.parametrize(
        ("filters", "index"),
        [
            ({"status": "placed"}, "order_of_status_newest"),
            ({"placed_from": NOW}, "order_newest_first"),
        ],
    )
    def test_of_orders(self, filters: dict[str, Any], index: str) -> None:
        assert f"using {index}" in order_listing(**filters).order_by("-placed_at", "-id").explain()
