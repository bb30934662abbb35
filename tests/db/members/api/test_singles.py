"""One order and one event in, beside the bulk addresses."""

from __future__ import annotations

from typing import Any

import pytest

from core.models import IdempotencyRecord
from members.models import BehaviourEvent, DirtyMark, Member, Order
from tests.rest import caller, paths_of

pytestmark = pytest.mark.django_db

ORDER = {
    "external_id": "7",
    "member": "tb-1001",
    "placed_at": "2026-03-01T23:30:00+08:00",
    "status": "paid",
    "total_minor": 25800,
    "lines": [{"product": "P1", "quantity": 2, "unit_price_minor": 12900}],
}
EVENT = {"id": "e1", "member": "tb-1001", "kind": "view", "at": "2026-03-01T23:30:00+08:00", "product": "P1"}


class TestPostingAnOrder:
    def test_makes_it_and_names_its_address(self) -> None:
        client = caller()
        made = client.post("orders/", ORDER)
        assert (made.status_code, made.json()) == (201, {"shop": "default", "external_id": "7", "created": True})
        shown = client.get(made.headers["Location"]).json()
        assert (shown["member"], shown["total_minor"], len(shown["lines"])) == ("tb-1001", 25800, 1)
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [Member.objects.get().pk]

    def test_again_inserts_nothing_and_says_so(self) -> None:
        client = caller()
        client.post("orders/", ORDER)
        again = client.post("orders/", ORDER)
        assert (again.status_code, again.json()["created"]) == (200, False)
        assert (Order.objects.count(), DirtyMark.objects.count()) == (1, 1)

    def test_brings_it_up_to_date(self) -> None:
        client = caller()
        client.post("orders/", ORDER)
        assert client.post("orders/", {**ORDER, "status": "completed"}).status_code == 200
        assert Order.objects.get().status == "completed"

    @pytest.mark.parametrize("number", ["a/b c", "茶%", "20260301-7"])
    def test_names_an_address_that_leads_to_it_whatever_the_number(self, number: str) -> None:
        client = caller()
        made = client.post("orders/", {**ORDER, "external_id": number, "shop": "天猫"})
        assert client.get(made.headers["Location"]).json()["external_id"] == number

    @pytest.mark.parametrize(
        ("item", "paths"),
        [
            ({**ORDER, "status": "lost"}, ["status"]),
            ({**ORDER, "stauts": "paid"}, ["stauts"]),
            ({**ORDER, "total_minor": None}, ["total_minor"]),
            ({**ORDER, "external_id": "a\0"}, ["external_id"]),
            ({**ORDER, "lines": [{"product": "P1"}]}, ["lines[0].quantity", "lines[0].unit_price_minor"]),
            ({}, ["external_id", "member", "placed_at", "status", "total_minor"]),
            ([ORDER], [""]),
            (None, [""]),
        ],
    )
    def test_refuses_what_is_wrong_and_writes_nothing(self, item: Any, paths: list[str]) -> None:
        refused = caller().post("orders/", b"null" if item is None else item)
        assert (refused.status_code, paths_of(refused)) == (422, paths)
        assert (Order.objects.count(), Member.objects.count()) == (0, 0)

    def test_is_done_once_under_one_key(self) -> None:
        client = caller()
        key = {"Idempotency-Key": "k"}
        first, second = (client.post("orders/", ORDER, headers=key) for _time in range(2))
        assert (first.status_code, second.status_code, second.content) == (201, 201, first.content)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert client.post("orders/", {**ORDER, "total_minor": 1}, headers=key).status_code == 422
        assert (Order.objects.get().total_minor, IdempotencyRecord.objects.count()) == (25800, 1)


class TestPuttingAnOrder:
    def test_makes_it_and_answers_it_as_get_does(self) -> None:
        client = caller()
        item = {name: value for name, value in ORDER.items() if name != "external_id"}
        made = client.put("orders/tmall/7/", item)
        assert (made.status_code, made.json()["shop"], made.json()["external_id"]) == (201, "tmall", "7")
        assert client.get("orders/tmall/7/").json() == made.json()
        assert client.put("orders/tmall/7/", item).status_code == 200

    @pytest.mark.parametrize(("name", "value"), [("external_id", "8"), ("shop", "jd")])
    def test_refuses_a_body_that_contradicts_its_address(self, name: str, value: str) -> None:
        refused = caller().put("orders/tmall/7/", {**ORDER, name: value})
        assert (refused.status_code, paths_of(refused)) == (422, [name])
        assert not Order.objects.exists()


class TestPostingAnEvent:
    def test_is_201_and_200_when_it_is_known(self) -> None:
        client = caller()
        answers = [client.post("events/", EVENT), client.post("events/", {**EVENT, "kind": "search"})]
        assert [answer.status_code for answer in answers] == [201, 200]
        assert [answer.json() for answer in answers] == [{"id": "e1", "created": True}, {"id": "e1", "created": False}]
        assert BehaviourEvent.objects.get().kind == "view"

    @pytest.mark.parametrize(("changes", "paths"), [({"kind": "message_sent"}, ["kind"]), ({"rating": 9}, ["rating"])])
    def test_refuses_what_is_wrong_and_writes_nothing(self, changes: dict[str, Any], paths: list[str]) -> None:
        refused = caller().post("events/", {**EVENT, **changes})
        assert (refused.status_code, paths_of(refused)) == (422, paths)
        assert (BehaviourEvent.objects.count(), Member.objects.count()) == (0, 0)
