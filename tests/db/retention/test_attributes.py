from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidInput
from members.models import AttributeDefinition, Member
from members.services.attributes import change_attribute
from retention.models import Membership, Segment
from retention.selectors import explain, matching
from retention.services.refresh import refresh
from retention.services.rules import sentence
from retention.services.segments import create_segment
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

NAMES = ["club", "2024", "a.b", 'say "hi"', "it's", "身高 %s", "50%", "$[0]", "\\", "x" * 200]


def leaf(name: str, operator: str, *value: Any) -> dict[str, Any]:
    return {"field": f"attributes.{name}", "operator": operator, **({"value": value[0]} if value else {})}


def declare(name: str, type_: str, label: str = "") -> AttributeDefinition:
    return AttributeDefinition.objects.create(name=name, label=label, type=type_, created_at=NOW)


def meant(rule: dict[str, Any]) -> set[str]:
    return set(Member.objects.filter(pk__in=matching(rule=rule)).values_list("external_id", flat=True))


class TestReading:
    @pytest.mark.parametrize("name", NAMES)
    def test_any_name_is_safe(self, name: str) -> None:
        declare(name, "text")
        make_member("has", attributes={name: "gold", "club2": "x"})
        make_member("other", attributes={name: "Gold"})
        make_member("none")
        refresh(as_of=NOW)
        assert meant(leaf(name, "=", "gold")) == {"has"}
        assert meant(leaf(name, "!=", "gold")) == {"other"}
        assert meant(leaf(name, "is_null")) == {"none"}

    @pytest.mark.parametrize(
        ("type_", "rule", "expected"),
        [
            ("text", ("contains", "old"), {"text"}),
            ("number", (">", 1), {"number"}),
            ("boolean", ("=", True), {"yes"}),
            ("boolean", ("!=", True), {"no"}),
            ("date", ("before", "2026-03-01"), {"day"}),
            ("date", ("within_last_days", 400), {"day"}),
        ],
    )
    def test_takes_values_that_fit_and_misses_the_others(self, type_: str, rule: Any, expected: set[str]) -> None:
        declare("it", type_)
        values = {"text": "gold", "number": 2.5, "yes": True, "no": False, "day": "2026-02-28", "bad": "2026-02-30"}
        for name, value in values.items():
            make_member(name, attributes={"it": value})
        refresh(as_of=NOW)
        assert meant(leaf("it", *rule)) == expected
        assert "number" in meant(leaf("it", "is_null")) or type_ == "number"


class TestRules:
    def test_name_attributes_by_their_label(self) -> None:
        declare("club", "text", label="Customer club")
        make_member("m", attributes={"club": "gold"})
        refresh(as_of=NOW)
        rule = leaf("club", "=", "gold")
        assert sentence(rule) == "customer club is gold"
        why = explain(rule=rule, member_id=Member.objects.get().pk)
        assert why is not None
        assert (why.held, why.value, why.value_text) == (True, "gold", "gold")

    def test_do_not_know_one_that_is_not_declared(self) -> None:
        declare("club", "text")
        with pytest.raises(InvalidInput, match=r"Did you mean “attributes\.club”"):
            sentence(leaf("clubs", "=", "gold"))

    def test_are_asked_again_once_an_attribute_is_read_otherwise(self) -> None:
        attribute = declare("size", "text")
        make_member("m", attributes={"size": 42})
        create_segment(slug="sized", name="Sized", rule=leaf("size", "is_not_null"), now=NOW)
        refresh(as_of=NOW)
        assert Membership.objects.count() == 0
        AttributeDefinition.objects.filter(pk=attribute.pk).update(type="number")  # past the service, which refuses it
        refresh(as_of=NOW)
        assert Membership.objects.count() == 1

    def test_fail_closed_where_an_attribute_is_gone(self) -> None:
        attribute = declare("club", "text")
        make_member("m", attributes={"club": "gold"})
        create_segment(slug="gold", name="Gold", rule=leaf("club", "=", "gold"), now=NOW)
        refresh(as_of=NOW)
        attribute.delete()
        refresh(as_of=NOW)
        assert Segment.objects.exclude(failure=None).count() == 1
        with pytest.raises(InvalidInput, match="no field"):
            matching(rule={"in_segment": "gold"})

    def test_may_ask_for_a_random_share(self) -> None:
        for number in range(30):
            make_member(f"m{number}")
        refresh(as_of=NOW)
        low = set(Member.objects.filter(random_bucket__lt=5_000).values_list("external_id", flat=True))
        assert meant({"field": "random_bucket", "operator": "<", "value": 5_000}) == low
        assert 0 < len(low) < 30

    def test_go_on_where_only_a_label_changes(self) -> None:
        attribute = declare("club", "text")
        make_member("m", attributes={"club": "gold"})
        create_segment(slug="gold", name="Gold", rule=leaf("club", "=", "gold"), now=NOW)
        refresh(as_of=NOW)
        change_attribute(attribute=attribute, label="Club", type_="text")
        refresh(as_of=NOW)
        assert Membership.objects.count() == 1
