import json

import pytest
from jsonschema import Draft202012Validator

from rules.check import check
from rules.errors import RuleErrors
from rules.fields import Field, FieldCatalogue, FieldType
from rules.parse import parse
from rules.schema import schema
from tests.unit.rules.catalogue import catalogue

SCHEMA = schema(catalogue(), segments=["at-risk"])


def leaf(field, operator, *value):
    return {"field": field, "operator": operator, **({"value": value[0]} if value else {})}


def allowed(document, described=SCHEMA):
    return Draft202012Validator(described).is_valid(document)


class TestSchema:
    def test_is_itself_valid_and_json(self):
        Draft202012Validator.check_schema(SCHEMA)
        assert json.loads(json.dumps(SCHEMA)) == SCHEMA

    @pytest.mark.parametrize(
        "document",
        [
            {"everyone": True},
            {"in_segment": "at-risk"},
            leaf("city", "=", "Wuhan"),
            leaf("city", "is_null"),
            leaf("order_count", "in", [1, 2]),
            leaf("order_count", ">=", 2.0),
            leaf("refund_rate", "between", [0, 0.5]),
            leaf("birth_date", "is_anniversary_within_days", 7),
            leaf("gender", "not_in", ["male"]),
            leaf("tags", "has_tag", "VIP"),
            {"combinator": "or", "not": True, "rules": [{"everyone": True}, leaf("subscribed", "=", False)]},
        ],
    )
    def test_allows_what_check_allows(self, document):
        assert allowed(document)
        assert check(parse(document), catalogue(), segments=["at-risk"])

    @pytest.mark.parametrize(
        "document",
        [
            {},
            [],
            {"everyone": False},
            {"in_segment": "other"},
            {"combinator": "and", "rules": []},
            {"combinator": "xor", "rules": [{"everyone": True}]},
            {"everyone": True, "more": 1},
            leaf("city", "=", ""),
            leaf("city", "=", 1),
            leaf("city", "is_null", 1),
            leaf("city", ">", "a"),
            leaf("nope", "=", 1),
            leaf("order_count", "=", 2.5),
            leaf("order_count", "in", []),
            leaf("order_count", "between", [1]),
            leaf("refund_rate", ">", 25),
            leaf("last_order_at", "=", "yesterday"),
            leaf("last_order_at", "within_last_days", 0),
            leaf("birth_date", "is_anniversary_within_days", 367),
            leaf("gender", "=", "x"),
            leaf("tags", "has_tag"),
        ],
    )
    def test_refuses_what_parse_and_check_refuse(self, document):
        assert not allowed(document)
        with pytest.raises(RuleErrors):
            check(parse(document), catalogue(), segments=["at-risk"])

    def test_without_segments_takes_any_name(self):
        assert allowed({"in_segment": "whatever"}, schema(catalogue()))

    def test_reaches_fields_of_any_name(self):
        odd = FieldCatalogue([Field(name="attributes.a/b~c 肤质", type=FieldType.NUMBER, label="Odd")])
        assert allowed(leaf("attributes.a/b~c 肤质", "=", 1), schema(odd))
        assert not allowed(leaf("attributes.a/b~c 肤质", "=", "1"), schema(odd))


class TestListsForBuilders:
    def test_describe_each_field(self):
        fields = {field["name"]: field for field in SCHEMA["fields"]}
        assert list(fields) == list(catalogue().names)
        assert fields["gender"] == {
            "name": "gender",
            "type": "enumeration",
            "label": "Gender",
            "help": "",
            "group": "",
            "unit": "",
            "nullable": True,
            "operators": ["=", "!=", "in", "not_in", "is_null", "is_not_null"],
            "choices": [
                {"value": "female", "label": "Female"},
                {"value": "male", "label": "Male"},
                {"value": "other", "label": "Other"},
            ],
        }
        assert (fields["order_count"]["unit"], fields["order_count"]["nullable"]) == ("orders", False)
        assert fields["overdue_ratio"]["help"] == "How late they are"

    def test_describe_each_operator_in_the_language_wanted(self):
        described = schema(catalogue(), translate=str.upper)["operators"]
        assert described[0]["label"] == "IS"
        assert {row["code"]: row for row in SCHEMA["operators"]}["is_anniversary_within_days"] == {
            "code": "is_anniversary_within_days",
            "label": "has its anniversary within days",
            "value": "days",
            "types": ["date"],
            "missing": "unknown",
            "most_days": 366,
        }

    def test_state_the_limits(self):
        assert SCHEMA["limits"] == {
            "depth": 10,
            "conditions": 100,
            "list_values": 10_000,
            "text_characters": 500,
            "behaviours": 20,
            "window_days": 3660,
        }
