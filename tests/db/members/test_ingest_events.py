from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from members.ingest import IngestResult, ingest_events, ingest_orders
from members.models import OWN_KINDS, REPORTED_KINDS, BehaviourEvent, Category, DirtyMark, Member, Product
from tests.factories import NOW, make_event, make_member

pytestmark = pytest.mark.django_db


def event(name: str = "e1", **changes: Any) -> dict[str, Any]:
    return {"id": name, "member": "m1", "kind": "view", "at": "2026-06-01T10:00:00+08:00", **changes}


def ingest(*items: object) -> IngestResult:
    return ingest_events(items, now=NOW)


def refusals(result: IngestResult) -> list[tuple[int, list[tuple[str, str]]]]:
    return [(row.index, [(error.path, error.code) for error in row.errors]) for row in result.rejected]


def marked() -> list[str]:
    """The members marked since the last call, by external id; the marks are taken away."""
    names = dict(Member.objects.values_list("pk", "external_id"))
    found = sorted(names[pk] for pk in DirtyMark.objects.values_list("member_id", flat=True))
    DirtyMark.objects.all().delete()
    return found


def stored() -> dict[str, Any]:
    row = BehaviourEvent.objects.values().get()
    del row["id"], row["member_id"], row["product_id"]
    return row


BARE = {
    "external_id": "e1",
    "kind": "view",
    "occurred_at": datetime(2026, 6, 1, 2, 0, tzinfo=UTC),
    "day": 20_605,
    "session_id": "",
    "page": "",
    "dwell_seconds": None,
    "category": "",
    "keyword": "",
    "rating": None,
    "topic": "",
    "response_seconds": None,
    "value": None,
    "properties": {},
}


class TestNewEvents:
    def test_are_stored_whole(self) -> None:
        told = {
            "session_id": "s-9",
            "dwell_seconds": 12.5,
            "category": "Green",
            "keyword": "龙井",
            "rating": 4,
            "topic": "delivery",
            "response_seconds": 90,
            "value": -3,
            "properties": {"platform": "ios", "depth": 3, "logged_in": True, "share": 0.5},
        }
        item = event(page=" /tea/longjing ", product="tea", **told)
        assert ingest(item) == IngestResult(1, (), created=1)
        assert stored() == {**BARE, **told, "page": "/tea/longjing"}
        product = BehaviourEvent.objects.get().product
        assert product is not None
        assert (product.code, product.category and product.category.name) == ("tea", "Green")

    def test_need_say_no_more_than_who_did_what_when(self) -> None:
        ingest(event())
        assert stored() == BARE

    def test_may_say_nothing_by_null(self) -> None:
        optional = (set(BARE) | {"product"}) - {"external_id", "kind", "occurred_at", "day"}
        assert ingest(event(**dict.fromkeys(optional))).rejected == ()
        assert stored() == BARE

    def test_drop_properties_that_are_null(self) -> None:
        ingest(event(properties={"a": None, "b": 1}))
        assert stored()["properties"] == {"b": 1}

    def test_make_the_member_they_name_and_mark_it(self) -> None:
        ingest(event(member="stranger"))
        member = Member.objects.get()
        assert (member.external_id, member.name, member.created_at) == ("stranger", "", NOW)
        assert marked() == ["stranger"]

    def test_mark_each_member_once_a_call(self) -> None:
        ingest(*[event(f"e{number}", member=f"m{number % 2}") for number in range(10)])
        assert marked() == ["m0", "m1"]

    @pytest.mark.parametrize("kind", [kind.value for kind in REPORTED_KINDS])
    def test_are_of_the_kinds_that_shops_report(self, kind: str) -> None:
        assert ingest(event(kind=kind)).created == 1

    def test_fall_on_the_shops_day(self) -> None:
        ingest(event("late", at="2026-06-01T23:59:59+08:00"), event("early", at="2026-06-02T00:00:00+08:00"))
        assert dict(BehaviourEvent.objects.values_list("external_id", "day")) == {"late": 20_605, "early": 20_606}

    def test_are_taken_a_day_ahead_and_no_more(self) -> None:
        tomorrow = NOW + timedelta(days=1)
        result = ingest(event("e1", at=tomorrow), event("e2", at=tomorrow + timedelta(seconds=1)))
        assert refusals(result) == [(1, [("at", "in_the_future")])]

    def test_leave_a_known_products_category_alone(self) -> None:
        line = {"product": "tea", "category": "Green", "quantity": 1, "unit_price_minor": 1}
        order = {"external_id": "o1", "member": "m1", "placed_at": "2026-06-01", "status": "paid", "total_minor": 1}
        ingest_orders([{**order, "lines": [line]}], now=NOW)
        ingest(event(product="tea", category="Gifts"))
        assert Product.objects.get().category == Category.objects.get(name="Green")
        assert stored()["category"] == "Gifts"

    def test_of_nothing_cost_nothing(self) -> None:
        assert ingest() == IngestResult(0, ())


class TestKnownEvents:
    def test_that_come_again_change_nothing_and_mark_nobody(self) -> None:
        item = event(product="tea", category="Green", properties={"a": 1})
        ingest(item)
        before = list(BehaviourEvent.objects.values())
        marked()
        assert ingest(item) == IngestResult(1, ())
        assert list(BehaviourEvent.objects.values()) == before
        assert marked() == []

    def test_stay_what_they_first_were(self) -> None:
        ingest(event(rating=5))
        marked()
        assert ingest(event(kind="review", rating=1, member="other", product="cup", category="Cups")) == IngestResult(1, ())
        assert stored() == {**BARE, "rating": 5}
        assert [Member.objects.get().external_id, Product.objects.count(), Category.objects.count()] == ["m1", 0, 0]
        assert marked() == []

    def test_are_told_by_their_id_within_a_call_too(self) -> None:
        result = ingest(event(rating=5), event(rating=1, member="m2"), event("e2"))
        assert result == IngestResult(3, (), created=2)
        assert BehaviourEvent.objects.get(external_id="e1").rating == 5
        assert marked() == ["m1"]

    def test_may_stand_among_new_ones(self) -> None:
        ingest(event("e2"))
        assert ingest(event("e1"), event("e2"), event("e3", member="m2")) == IngestResult(3, (), created=2)
        assert BehaviourEvent.objects.count() == 3


class TestBadRows:
    @pytest.mark.parametrize(
        ("change", "path", "code"),
        [
            ({"id": " "}, "id", "required"),
            ({"id": 7}, "id", "wrong_type"),
            ({"id": "x" * 201}, "id", "too_long"),
            ({"member": ""}, "member", "required"),
            ({"member": "a\x00b"}, "member", "nul_character"),
            ({"kind": "veiw"}, "kind", "unknown_choice"),
            ({"kind": "order"}, "kind", "unknown_choice"),
            ({"kind": "\ud800"}, "kind", "unknown_choice"),
            ({"kind": None}, "kind", "wrong_type"),
            ({"at": None}, "at", "required"),
            ({"at": 5}, "at", "wrong_type"),
            ({"at": "soon"}, "at", "invalid_time"),
            ({"at": "2026-07-01"}, "at", "in_the_future"),
            ({"at": "1989-12-31"}, "at", "too_old"),
            ({"rating": 0}, "rating", "out_of_range"),
            ({"rating": 6}, "rating", "out_of_range"),
            ({"rating": 4.5}, "rating", "wrong_type"),
            ({"dwell_seconds": -1}, "dwell_seconds", "out_of_range"),
            ({"dwell_seconds": "12"}, "dwell_seconds", "wrong_type"),
            ({"response_seconds": 10**9 + 1}, "response_seconds", "out_of_range"),
            ({"response_seconds": True}, "response_seconds", "wrong_type"),
            ({"value": 2 * 10**15}, "value", "out_of_range"),
            ({"value": float("nan")}, "value", "out_of_range"),
            ({"session_id": "x" * 101}, "session_id", "too_long"),
            ({"page": "x" * 2_001}, "page", "too_long"),
            ({"keyword": "a\ud800"}, "keyword", "not_text"),
            ({"topic": "x" * 101}, "topic", "too_long"),
            ({"category": "a\x00"}, "category", "nul_character"),
            ({"product": "x" * 201}, "product", "too_long"),
            ({"properties": []}, "properties", "wrong_type"),
            ({"properties": {"a": {}}}, "properties", "wrong_type"),
            ({"properties": {str(number): 1 for number in range(51)}}, "properties", "too_long"),
            ({"properties": {"a": "\x00"}}, "properties.a", "nul_character"),
            ({"properties": {" ": 1}}, "properties. ", "required"),
            ({"properties": {"a": 2**60}}, "properties.a", "out_of_range"),
            ({"properties": {str(number): "x" * 1_000 for number in range(9)}}, "properties", "too_long"),
            ({"id": "rekindle:message_sent:1"}, "id", "reserved"),
            ({"colour": "red"}, "colour", "unknown_field"),
            ({"shop": "tmall"}, "shop", "unknown_field"),
        ],
    )
    def test_are_refused_by_path_and_leave_nothing_behind(self, change: dict[str, Any], path: str, code: str) -> None:
        result = ingest({**event(product="tea", category="Green"), **change})
        assert refusals(result) == [(0, [(path, code)])]
        counts = [model.objects.count() for model in (BehaviourEvent, Member, Product, Category, DirtyMark)]
        assert counts == [0] * 5

    @pytest.mark.parametrize("kind", [kind.value for kind in OWN_KINDS])
    def test_of_the_products_own_kinds_are_refused_with_the_reason(self, kind: str) -> None:
        (refused,) = ingest(event(kind=kind)).rejected
        assert [(error.path, error.code, error.message) for error in refused.errors] == [
            ("kind", "written_by_the_product", "Events of this kind are written by the product alone, as they happen.")
        ]

    def test_name_the_kind_that_was_meant_among_those_that_may_be_reported(self) -> None:
        (refused,) = ingest(event(kind="favorite")).rejected
        assert refused.errors[0].message.endswith('survey, visit. Did you mean "favourite"?')
        assert "message_sent" not in refused.errors[0].message

    def test_never_hinder_the_good_ones(self) -> None:
        result = ingest(event("e1"), 7, event("e2", rating=9), event("e3"), {}, event("e4", kind="message_sent"))
        assert (result.accepted, [row.index for row in result.rejected]) == (2, [1, 2, 4, 5])
        assert sorted(BehaviourEvent.objects.values_list("external_id", flat=True)) == ["e1", "e3"]

    def test_tell_everything_that_is_wrong(self) -> None:
        assert refusals(ingest({"id": 1, "kind": "view", "at": "soon", "rating": 9})) == [
            (0, [("id", "wrong_type"), ("member", "required"), ("rating", "out_of_range")])
        ]
        assert refusals(ingest(event(" ", member="", kind="order", at="soon", keyword="\x00"))) == [
            (
                0,
                [
                    ("id", "required"),
                    ("member", "required"),
                    ("kind", "unknown_choice"),
                    ("at", "invalid_time"),
                    ("keyword", "nul_character"),
                ],
            )
        ]


class TestManyRows:
    def test_go_in_with_a_fixed_number_of_statements(self, django_assert_max_num_queries: Any) -> None:
        items = [event(f"e{n}", member=f"m{n % 50}", product=f"p{n % 70}", category=f"c{n % 5}") for n in range(1_000)]
        with django_assert_max_num_queries(17):
            assert ingest(*items).created == 1_000
        with django_assert_max_num_queries(5):
            assert ingest(*items) == IngestResult(1_000, ())
        assert (BehaviourEvent.objects.count(), Member.objects.count(), Product.objects.count()) == (1_000, 50, 70)


class TestTheTable:
    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"external_id": ""}, "event_id_given"),
            ({"kind": "order"}, "event_kind_known"),
            ({"rating": 6}, "event_rating_1_to_5"),
            ({"dwell_seconds": -1}, "event_durations_not_negative"),
            ({"response_seconds": -1}, "event_durations_not_negative"),
        ],
    )
    def test_holds_no_nonsense(self, changes: dict[str, Any], constraint: str) -> None:
        member = make_member()
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            make_event(member, **{"kind": "view", **changes})

    def test_holds_an_id_once(self) -> None:
        make_event(make_member(), "view", external_id="e1")
        with pytest.raises(IntegrityError), transaction.atomic():
            make_event(make_member(), "visit", external_id="e1")
