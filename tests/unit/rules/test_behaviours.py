import datetime
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rules.ast import Did, InlinedSegment, Where
from rules.check import check
from rules.errors import RuleErrors
from rules.fields import Behaviour, Deed, Field, FieldCatalogue, FieldType
from rules.parse import parse
from rules.schema import schema
from rules.segments import MOST_BEHAVIOURS, inline
from rules.words import words
from tests.unit.rules.catalogue import catalogue

WHERES = (
    Field(name="category", type=FieldType.TEXT, label="Category"),
    Field(name="rating", type=FieldType.NUMBER, label="Rating"),
    Field(name="status", type=FieldType.ENUMERATION, label="Status", choices=(("paid", "Paid"), ("placed", "Placed"))),
)
KNOWN = FieldCatalogue(
    catalogue(),
    [
        Behaviour(
            code="order",
            label="Ordered",
            deed=Deed("ordered", "did not order"),
            deeds_to=(("category", Deed("bought %(what)s", "did not buy %(what)s")),),
            sums=(Field(name="amount_minor", type=FieldType.MONEY, label="Amount"),),
            wheres=WHERES,
        ),
        Behaviour(code="visit", label="Visited", deed=Deed("visited", "did not visit"), wheres=WHERES),
    ],
)
SCHEMA = schema(KNOWN, segments=["at-risk"])
DID = {"did": "order", "operator": ">=", "times": 2}
SUMMED = {"did": "order", "operator": ">=", "sum": "amount_minor", "value": 50_000}


def read(document):
    return check(parse(document), KNOWN, segments=["at-risk"])


def problems(document):
    with pytest.raises(RuleErrors) as caught:
        read(document)
    return [(error.path, error.code) for error in caught.value.errors]


class TestCheck:
    def test_gives_values_their_types(self):
        rule = read({**DID, "times": 2.0, "since": "2026-01-31", "where": {"rating": {"operator": "<=", "value": 2.0}}})
        assert isinstance(rule, Did)
        assert (rule.value, rule.window.value) == (2, datetime.date(2026, 1, 31))
        assert rule.where == (Where("rating", "<=", 2),)

    def test_takes_two_days_ago_in_either_order(self):
        both = [read({**DID, "between_days_ago": ends}).window.value for ends in ([30, 90], [90, 30])]
        assert both == [(30, 90), (30, 90)]

    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            ({**DID, "did": "oder"}, [("did", "unknown_did")]),
            ({**DID, "operator": "at least"}, [("operator", "unknown_operator")]),
            ({**DID, "operator": "in", "times": [1]}, [("operator", "operator_not_allowed")]),
            ({**DID, "operator": "is_null"}, [("operator", "operator_not_allowed")]),
            ({**DID, "times": "2"}, [("times", "wrong_type")]),
            ({**DID, "times": True}, [("times", "wrong_type")]),
            ({**DID, "times": 2.5}, [("times", "wrong_type")]),
            ({**DID, "times": -1}, [("times", "out_of_range")]),
            ({**DID, "times": [1, 2]}, [("times", "wrong_type")]),
            ({**DID, "operator": "between", "times": 2}, [("times", "wrong_type")]),
            ({**DID, "operator": "between", "times": [3, 2]}, [("times", "low_above_high")]),
            ({**SUMMED, "sum": "amount"}, [("sum", "unknown_sum")]),
            ({**SUMMED, "did": "visit"}, [("sum", "unknown_sum")]),
            ({**SUMMED, "value": 1.5}, [("value", "wrong_type")]),
            ({**DID, "within_days": 0}, [("within_days", "out_of_range")]),
            ({**DID, "within_days": 3661}, [("within_days", "out_of_range")]),
            ({**DID, "within_days": "90"}, [("within_days", "wrong_type")]),
            ({**DID, "within_days": [1, 2]}, [("within_days", "wrong_type")]),
            ({**DID, "within_days": True}, [("within_days", "wrong_type")]),
            ({**DID, "between_days_ago": 30}, [("between_days_ago", "wrong_type")]),
            ({**DID, "between_days_ago": [30]}, [("between_days_ago", "wrong_type")]),
            ({**DID, "between_days_ago": [-1, 30]}, [("between_days_ago", "out_of_range")]),
            ({**DID, "since": "2026-02-30"}, [("since", "bad_date")]),
            ({**DID, "since": 20260130}, [("since", "bad_date")]),
            ({**DID, "where": {"categry": "tea"}}, [("where.categry", "unknown_where")]),
            ({**DID, "where": {"category": 3}}, [("where.category", "wrong_type")]),
            ({**DID, "where": {"rating": {"operator": "<=", "value": "2"}}}, [("where.rating.value", "wrong_type")]),
            ({**DID, "where": {"rating": {"operator": "<="}}}, [("where.rating.value", "missing_value")]),
            (
                {**DID, "where": {"rating": {"operator": "contains", "value": 2}}},
                [("where.rating.operator", "operator_not_allowed")],
            ),
            ({**DID, "where": {"status": "cancelled"}}, [("where.status", "unknown_choice")]),
        ],
    )
    def test_names_the_place_of_what_does_not_fit(self, document, expected):
        assert problems(document) == expected
        nested = {"combinator": "and", "rules": [{"everyone": True}, document]}
        assert problems(nested) == [(f"rules[1].{path}", code) for path, code in expected]

    def test_says_what_was_probably_meant(self):
        with pytest.raises(RuleErrors, match="Did you mean “category”"):
            read({**DID, "where": {"categry": "tea"}})


class TestWords:
    @pytest.mark.parametrize(
        ("document", "said"),
        [
            ({**DID, "within_days": 90, "where": {"category": "tea"}}, "bought tea at least 2 times in the last 90 days"),
            ({**DID, "operator": "=", "times": 0, "within_days": 30}, "did not order in the last 30 days"),
            ({**DID, "operator": "<", "times": 1, "within_days": 1}, "did not order today"),
            ({**DID, "operator": ">", "times": 0}, "ordered at least once"),
            ({**DID, "operator": "=", "times": 0}, "did not order so far"),
            ({**DID, "operator": "between", "times": [2, 5]}, "ordered between 2 and 5 times"),
            ({**DID, "operator": "!=", "times": 3}, "ordered not exactly 3 times"),
            ({**DID, "distinct_days": True, "since": "2026-01-31"}, "ordered on at least 2 days since 2026-01-31"),
            ({**DID, "between_days_ago": [30, 90]}, "ordered at least 2 times 30 to 90 days ago"),
            ({**DID, "between_days_ago": [0, 6]}, "ordered at least 2 times in the last 7 days"),
            ({**DID, "between_days_ago": [1, 1]}, "ordered at least 2 times 1 day ago"),
            ({**SUMMED, "within_days": 365}, "ordered with total amount of at least ¥500 in the last 365 days"),
            (
                {**SUMMED, "operator": "between", "value": [1_000, 2_050]},
                "ordered with total amount between ¥10 and ¥20.50",
            ),
            (
                {**DID, "where": {"category": ["tea", "coffee"], "rating": {"operator": "<=", "value": 2}}},
                "bought tea or coffee (rating is at most 2) at least 2 times",
            ),
            (
                {**DID, "where": {"category": {"operator": "!=", "value": "tea"}, "status": "paid"}},
                "ordered (category is not tea and status is Paid) at least 2 times",
            ),
        ],
    )
    def test_say_what_was_done(self, document, said):
        assert words(read(document), KNOWN) == said

    @pytest.mark.parametrize(
        ("operator", "times", "contrary"),
        [
            (">=", 1, "did not order"),
            (">=", 3, "ordered fewer than 3 times"),
            ("<", 3, "ordered at least 3 times"),
            (">", 2, "ordered at most 2 times"),
            ("=", 0, "ordered at least once"),
            ("=", 2, "ordered not exactly 2 times"),
            ("between", [2, 3], "ordered not between 2 and 3 times"),
        ],
    )
    def test_say_the_contrary(self, operator, times, contrary):
        denied = {
            "combinator": "and",
            "not": True,
            "rules": [{**DID, "operator": operator, "times": times, "within_days": 7}],
        }
        assert words(read(denied), KNOWN) == f"{contrary} in the last 7 days"

    def test_keep_a_percent_sign_of_a_value(self):
        assert words(read({**DID, "where": {"category": "100% tea"}}), KNOWN) == "bought 100% tea at least 2 times"


class TestInlining:
    def test_counts_different_looks_and_no_same_ones(self):
        def visits(days):
            return read({"did": "visit", "operator": ">=", "times": 1, "within_days": days})

        def of(rules):
            group = {"combinator": "or", "rules": [{"in_segment": slug} for slug in rules]}
            return inline(check(parse(group), KNOWN, segments=rules), rule_of=rules)

        same = {f"s{number}": visits(7) for number in range(MOST_BEHAVIOURS + 1)}
        assert isinstance(of(same).children[0], InlinedSegment)
        with pytest.raises(RuleErrors) as caught:
            of({f"s{number}": visits(number + 1) for number in range(MOST_BEHAVIOURS + 1)})
        assert [error.code for error in caught.value.errors] == ["inlined_too_many_behaviours"]

    def test_counts_a_sum_beside_a_count_of_the_same_as_another_look(self):
        """Of an order's lines it is one, and SQLite joins at most 64."""
        names = [f"s{number}" for number in range(MOST_BEHAVIOURS // 2 + 1)]
        count = {"did": "order", "operator": ">=", "times": 1}
        summed = {"did": "order", "operator": ">=", "sum": "amount_minor", "value": 1}
        rules = {}
        for number, name in enumerate(names):
            both = [{**leaf, "within_days": number + 1} for leaf in (count, summed)]
            rules[name] = read({"combinator": "and", "rules": both})
        group = {"combinator": "or", "rules": [{"in_segment": slug} for slug in rules]}
        with pytest.raises(RuleErrors) as caught:
            inline(check(parse(group), KNOWN, segments=rules), rule_of=rules)
        assert [error.code for error in caught.value.errors] == ["inlined_too_many_behaviours"]


class TestSchema:
    VALIDATOR = Draft202012Validator(SCHEMA)

    def test_is_itself_valid_and_json(self):
        Draft202012Validator.check_schema(SCHEMA)
        assert json.loads(json.dumps(SCHEMA)) == SCHEMA

    def test_lists_behaviours_for_builders(self):
        order, visit = SCHEMA["behaviours"]
        assert (order["code"], order["label"], order["verb"]) == ("order", "Ordered", "ordered")
        assert [(each["name"], each["type"]) for each in order["sums"]] == [("amount_minor", "money_minor")]
        assert [each["name"] for each in visit["wheres"]] == ["category", "rating", "status"]
        assert visit["wheres"][2]["choices"] == [{"value": "paid", "label": "Paid"}, {"value": "placed", "label": "Placed"}]
        assert "contains" in visit["wheres"][0]["operators"]
        assert SCHEMA["windows"] == ["within_days", "between_days_ago", "since", None]

    OPERATORS = st.sampled_from(["=", "!=", ">=", "between", "in", "is_null"])
    NUMBERS = st.sampled_from([0, 1, 2.0, 2.5, -1, True, "2", None, [1, 2], [2], [0.5, 1]])
    ASKED = st.sampled_from(
        ["tea", "", 3, ["tea"], [], None, {"operator": "=", "value": "tea"}, {"operator": "is_null"}, {}]
    )
    DOCUMENTS = st.fixed_dictionaries(
        {"did": st.sampled_from(["order", "visit", "dance"]), "operator": OPERATORS},
        optional={
            "times": NUMBERS,
            "value": NUMBERS,
            "sum": st.sampled_from(["amount_minor", "other", 1]),
            "distinct_days": st.sampled_from([True, False, 1]),
            "within_days": st.sampled_from([1, 0, 90, 3661, "1", None]),
            "between_days_ago": st.sampled_from([[0, 30], [90, 30], [1], 1, [-1, 2]]),
            "since": st.sampled_from(["2026-01-31", "31.1.2026", 1]),
            "where": st.dictionaries(st.sampled_from(["category", "rating", "other"]), ASKED, max_size=2) | st.just([]),
            "more": st.just(1),
        },
    )

    @settings(max_examples=300, deadline=None)
    @given(DOCUMENTS)
    def test_refuses_nothing_that_is_a_rule_and_allows_little_that_is_none(self, document):
        try:
            read(document)
            fits = True
        except RuleErrors:
            fits = False
        allowed = self.VALIDATOR.is_valid(document)
        if fits:
            assert allowed, document
        elif allowed:  # only what a schema cannot say
            assert {code for _path, code in problems(document)} <= {"low_above_high", "bad_date", "unexpected_value"}
