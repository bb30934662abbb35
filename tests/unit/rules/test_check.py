import datetime

import pytest

from rules.ast import All, Compare, Everyone, InSegment, Not
from rules.check import check
from rules.errors import RuleErrors
from rules.parse import parse
from tests.unit.rules.catalogue import catalogue

CATALOGUE = catalogue()
SEGMENTS = {"at-risk", "loyal"}


def checked(document):
    return check(parse(document), CATALOGUE, segments=SEGMENTS)


def leaf(field, operator, *value):
    return {"field": field, "operator": operator, **({"value": value[0]} if value else {})}


def problems(document):
    with pytest.raises(RuleErrors) as caught:
        checked(document)
    return [(error.path, error.code) for error in caught.value.errors]


def message(document):
    with pytest.raises(RuleErrors) as caught:
        checked(document)
    return str(caught.value.errors[0].message)


class TestTypedValues:
    @pytest.mark.parametrize(
        ("field", "operator", "written", "typed"),
        [
            ("city", "=", "Wuhan", "Wuhan"),
            ("city", "contains", " %_", " %_"),
            ("city", "in", ["a", "b"], ("a", "b")),
            ("order_count", ">=", 3, 3),
            ("order_count", "=", 3.0, 3),
            ("order_count", "between", [1, 1], (1, 1)),
            ("order_count", "in", [1, 2.0], (1, 2)),
            ("overdue_ratio", ">", 2, 2.0),
            ("overdue_ratio", "between", [1, 2.5], (1.0, 2.5)),
            ("revenue_minor", ">=", 19_900, 19_900),
            ("refund_rate", "<=", 1, 1.0),
            ("refund_rate", "=", 0, 0.0),
            ("last_order_at", "before", "2026-01-31", datetime.date(2026, 1, 31)),
            ("last_order_at", "=", "2024-02-29", datetime.date(2024, 2, 29)),
            (
                "last_order_at",
                "between",
                ["2026-01-01", "2026-01-31"],
                (datetime.date(2026, 1, 1), datetime.date(2026, 1, 31)),
            ),
            ("last_order_at", "within_last_days", 3660, 3660),
            ("last_order_at", "within_next_days", 1.0, 1),
            ("birth_date", "is_anniversary_within_days", 366, 366),
            ("subscribed", "=", False, False),
            ("gender", "in", ["female", "other"], ("female", "other")),
            ("level", "=", 3, 3),
            ("tags", "has_tag", "VIP", "VIP"),
        ],
    )
    def test_have_the_type_of_their_field(self, field, operator, written, typed):
        rule = checked(leaf(field, operator, written))
        assert rule == Compare(field, operator, typed)
        assert type(rule.value) is type(typed)

    def test_keep_shape_and_paths_of_the_rule(self):
        document = {
            "combinator": "and",
            "not": True,
            "rules": [leaf("city", "is_null"), {"in_segment": "loyal"}, {"everyone": True}],
        }
        rule = checked(document)
        assert rule == Not(All((Compare("city", "is_null"), InSegment("loyal"), Everyone())))
        assert [child.path for child in rule.child.children] == ["rules[0]", "rules[1]", "rules[2]"]

    def test_stay_as_they_are_when_checked_again(self):
        rule = checked(leaf("last_order_at", "before", "2026-01-31"))
        assert check(rule, CATALOGUE, segments=SEGMENTS) == rule


class TestNames:
    def test_an_unknown_field(self):
        assert problems(leaf("ordercount", "=", 1)) == [("field", "unknown_field")]
        assert message(leaf("ordercount", "=", 1)) == "There is no field “ordercount”. Did you mean “order_count”?"
        assert message(leaf("zzz", "=", 1)) == "There is no field “zzz”."

    def test_an_unknown_operator(self):
        assert problems(leaf("city", "contain", "a")) == [("operator", "unknown_operator")]
        assert message(leaf("city", "contain", "a")) == "There is no operator “contain”. Did you mean “contains”?"
        assert message(leaf("city", "~", "a")) == "There is no operator “~”."

    def test_an_unknown_segment(self):
        assert problems({"in_segment": "at_risk"}) == [("in_segment", "unknown_segment")]
        assert message({"in_segment": "at_risk"}) == "There is no segment “at_risk”. Did you mean “at-risk”?"

    def test_an_operator_that_the_type_does_not_take(self):
        assert problems(leaf("tags", "contains", "VIP")) == [("operator", "operator_not_allowed")]
        assert message(leaf("subscribed", ">", 1)) == (
            "“Subscribed” does not take “>”. It takes: =, !=, is_null, is_not_null."
        )

    def test_an_anniversary_of_a_date_that_stores_none(self):
        assert problems(leaf("last_order_at", "is_anniversary_within_days", 7)) == [("operator", "operator_not_allowed")]

    def test_several_at_once(self):
        document = {
            "combinator": "or",
            "rules": [leaf("x_y", "nope", 1), leaf("order_count", "=", "a"), {"in_segment": "?"}],
        }
        assert problems(document) == [
            ("rules[0].field", "unknown_field"),
            ("rules[0].operator", "unknown_operator"),
            ("rules[1].value", "wrong_type"),
            ("rules[2].in_segment", "unknown_segment"),
        ]


class TestValuesThatDoNotFit:
    @pytest.mark.parametrize(
        ("field", "operator", "value"),
        [
            ("city", "=", 1),
            ("city", "contains", True),
            ("order_count", "=", "3"),
            ("order_count", "=", 2.5),
            ("order_count", "=", True),
            ("revenue_minor", ">", 19.9),
            ("revenue_minor", ">", "199"),
            ("overdue_ratio", ">", "2"),
            ("overdue_ratio", ">", False),
            ("refund_rate", ">", "25%"),
            ("subscribed", "=", 1),
            ("subscribed", "=", "true"),
            ("last_order_at", "within_last_days", "7"),
            ("last_order_at", "within_last_days", 7.5),
            ("last_order_at", "within_last_days", True),
            ("last_order_at", "within_last_days", [7]),
            ("tags", "has_tag", 7),
            ("order_count", "=", [1]),
            ("order_count", "between", 1),
            ("order_count", "between", [1]),
            ("order_count", "between", [1, 2, 3]),
            ("city", "in", "Wuhan"),
            ("city", "not_in", "Wuhan"),
        ],
    )
    def test_another_type_or_shape(self, field, operator, value):
        assert problems(leaf(field, operator, value)) == [("value", "wrong_type")]

    def test_another_type_inside_a_list(self):
        assert problems(leaf("city", "in", ["a", 1, "b", 2])) == [("value[1]", "wrong_type"), ("value[3]", "wrong_type")]
        assert problems(leaf("order_count", "between", ["a", 1])) == [("value[0]", "wrong_type")]

    @pytest.mark.parametrize("operator", ["=", "in", "contains"])
    def test_no_value_where_one_is_needed(self, operator):
        assert problems(leaf("city", operator)) == [("value", "missing_value")]

    @pytest.mark.parametrize("operator", ["is_null", "is_not_null"])
    def test_a_value_where_none_is_taken(self, operator):
        assert problems(leaf("city", operator, False)) == [("value", "unexpected_value")]

    def test_an_empty_text(self):
        assert problems(leaf("city", "=", "")) == [("value", "empty_text")]
        assert problems(leaf("city", "contains", "")) == [("value", "empty_text")]
        assert problems(leaf("city", "in", ["a", ""])) == [("value[1]", "empty_text")]
        assert problems(leaf("tags", "has_tag", "")) == [("value", "empty_text")]

    def test_a_lower_end_above_the_upper(self):
        assert problems(leaf("order_count", "between", [2, 1])) == [("value", "low_above_high")]
        assert problems(leaf("last_order_at", "between", ["2026-02-01", "2026-01-31"])) == [("value", "low_above_high")]

    @pytest.mark.parametrize("share", [-0.1, 1.01, 25])
    def test_a_share_outside_0_to_1(self, share):
        assert problems(leaf("refund_rate", ">", share)) == [("value", "out_of_range")]
        assert message(leaf("refund_rate", ">", share)) == ("A share is written from 0 to 1: 0.25 is a quarter, or 25%.")

    @pytest.mark.parametrize(
        ("operator", "days"),
        [
            ("within_last_days", 0),
            ("within_last_days", -1),
            ("within_last_days", 3661),
            ("within_next_days", 3661),
            ("is_anniversary_within_days", 367),
        ],
    )
    def test_a_window_of_no_days_or_too_many(self, operator, days):
        assert problems(leaf("birth_date", operator, days)) == [("value", "out_of_range")]

    @pytest.mark.parametrize("number", [1e19, -1e19, 2.0**63])
    def test_a_whole_number_past_64_bits(self, number):
        assert problems(leaf("order_count", "<", number)) == [("value", "out_of_range")]

    @pytest.mark.parametrize(
        "text",
        [
            "2026-02-29", "2026-13-01", "20260131", "2026-W01-1", "2026-1-31", "31.01.2026", "2026-01-31T00:00:00",
            "２０２６-01-31", "2026-01-31 ", "--02-29", "0000-01-01", 20260131, True,
        ],
    )  # fmt: skip
    def test_what_is_no_date(self, text):
        assert problems(leaf("last_order_at", "=", text)) == [("value", "bad_date")]

    def test_a_value_that_the_enumeration_lacks(self):
        assert problems(leaf("gender", "=", "femal")) == [("value", "unknown_choice")]
        assert message(leaf("gender", "=", "femal")) == "“femal” is no value of “Gender”. Did you mean “female”?"
        assert message(leaf("gender", "=", "x")) == "“x” is no value of “Gender”. Its values are: female, male, other."
        assert problems(leaf("gender", "in", ["male", "x"])) == [("value[1]", "unknown_choice")]

    @pytest.mark.parametrize("value", [True, "1", 1.0, 4])
    def test_a_value_that_only_looks_like_the_enumerations(self, value):
        assert problems(leaf("level", "=", value)) == [("value", "unknown_choice")]

    def test_ten_thousand_wrong_values_are_reported_a_hundred_at_once(self):
        assert len(problems(leaf("gender", "in", [f"femal{n}" for n in range(10_000)]))) == 100
