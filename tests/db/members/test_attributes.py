from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidInput
from members.ingest import ingest_members, ingest_orders
from members.ingest.attributes import type_of
from members.models import AttributeDefinition, Member, random_bucket
from members.services import attributes
from members.services.attributes import AttributeInUse, Carried, carried, change_attribute, delete_attribute
from retention.services.segments import create_segment
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db


def ingest(*items: dict[str, Any]) -> None:
    assert ingest_members(list(items), now=NOW, proof="a test").rejected == ()


def declared() -> dict[str, str]:
    return dict(AttributeDefinition.objects.values_list("name", "type"))


class TestInference:
    @pytest.mark.parametrize(
        ("value", "type_"),
        [
            *(("gold", "text"), ("2026-02-30", "text"), ("2026-02-28T10:00:00Z", "text"), ("20260228", "text")),
            *((3, "number"), (2.5, "number"), (True, "boolean"), ("2026-02-28", "date"), ("2024-02-29", "date")),
        ],
    )
    def test_goes_by_the_value(self, value: object, type_: str) -> None:
        assert type_of(value) == type_

    def test_is_by_the_first_value_that_is_stored(self) -> None:
        ingest({"external_id": "a", "attributes": {"club": "gold", "gone": None}})
        ingest({"external_id": "b", "attributes": {"club": 3, "children": 2}})
        assert declared() == {"club": "text", "children": "number"}
        assert AttributeDefinition.objects.get(name="club").created_at == NOW

    def test_takes_any_name(self) -> None:
        names = ["2024", "a.b", 'say "hi"', "it's", "身高", "50%", "$[0]", "\\", "x" * 100]
        ingest({"external_id": "a", "attributes": dict.fromkeys(names, 1)})
        assert set(declared()) == set(names)

    def test_leaves_what_somebody_decided(self) -> None:
        AttributeDefinition.objects.create(name="club", type="number", inferred=False, created_at=NOW)
        ingest({"external_id": "a", "attributes": {"club": "gold"}})
        assert declared() == {"club": "number"}


class TestCarried:
    def test_counts_everybody_in_a_small_shop(self) -> None:
        for value in ("gold", "", 3, True, "2026-02-28"):
            make_member(attributes={"club": value})
        make_member()
        fitting = {"text": 2, "number": 1, "boolean": 1, "date": 1}
        assert carried(["club", "other"]) == {
            "club": Carried(4, fitting, exact=True),
            "other": Carried(0, dict.fromkeys(fitting, 0), exact=True),
        }
        assert carried(["club"])["club"].unfitting("number") == 3

    def test_is_estimated_from_a_sample_of_a_large_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Member.objects.bulk_create(
            Member(external_id=f"m{number}", created_at=NOW, attributes={"n": number % 4}) for number in range(2_000)
        )
        monkeypatch.setattr(attributes, "LOOKED_AT", 400)
        found = carried(["n"])["n"]
        assert not found.exact
        assert abs(found.members - 2_000) < 600
        assert found.fitting["number"] == found.members


class TestChanging:
    def test_says_how_values_are_read(self) -> None:
        attribute = AttributeDefinition.objects.create(name="club", type="text", created_at=NOW)
        change_attribute(attribute=attribute, label=" Club ", type_="number")
        assert AttributeDefinition.objects.values_list("label", "type", "inferred").get() == ("Club", "number", False)

    def test_refuses_what_is_no_type_or_label(self) -> None:
        attribute = AttributeDefinition.objects.create(name="club", type="text", created_at=NOW)
        with pytest.raises(InvalidInput):
            change_attribute(attribute=attribute, label="", type_="list")
        with pytest.raises(InvalidInput):
            change_attribute(attribute=attribute, label="x" * 201, type_="text")

    def test_refuses_to_take_from_rules_what_they_read(self) -> None:
        attribute = AttributeDefinition.objects.create(name="club", type="text", created_at=NOW)
        rule = {"field": "attributes.club", "operator": "=", "value": "gold"}
        create_segment(slug="gold", name="Gold club", rule=rule, now=NOW)
        change_attribute(attribute=attribute, label="Club", type_="text")
        with pytest.raises(AttributeInUse, match="Gold club"):
            change_attribute(attribute=attribute, label="", type_="number")
        with pytest.raises(AttributeInUse, match="Gold club"):
            delete_attribute(attribute=attribute)
        assert declared() == {"club": "text"}

    def test_forgets_what_no_rule_reads_and_keeps_the_values(self) -> None:
        ingest({"external_id": "a", "attributes": {"club": "gold"}})
        delete_attribute(attribute=AttributeDefinition.objects.get())
        assert declared() == {}
        assert Member.objects.get().attributes == {"club": "gold"}


class TestRandomBuckets:
    def test_are_given_by_every_way_in(self) -> None:
        make_member("made")
        Member.objects.bulk_create([Member(external_id="bulk", created_at=NOW)])
        ingest({"external_id": "told"})
        order = {"external_id": "o", "member": "ordered", "placed_at": NOW.isoformat(), "status": "paid", "total_minor": 1}
        assert ingest_orders([order], now=NOW).accepted == 1
        for external_id, bucket in Member.objects.values_list("external_id", "random_bucket"):
            assert bucket == random_bucket(external_id)

    def test_stay_when_a_member_is_saved_again(self) -> None:
        member = make_member("a")
        member.random_bucket = 7
        member.save()
        member.refresh_from_db()
        assert member.random_bucket == 7

    def test_are_even(self) -> None:
        counts = [0] * 10
        for number in range(10_000):
            counts[random_bucket(f"m{number}") // 1_000] += 1
        assert min(counts) > 900
        assert max(counts) < 1_100
