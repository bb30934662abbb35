import pytest

from rules.ast import Aggregate, All, Any, Compare, Did, Everyone, InSegment, Not, Where, Window
from rules.errors import RuleErrors
from rules.parse import LIMITS, Limits, parse

LEAF = {"field": "city", "operator": "=", "value": "Wuhan"}


def group(*rules, combinator="and", **more):
    return {"combinator": combinator, "rules": list(rules), **more}


def nested(depth):
    return group(nested(depth - 1)) if depth > 1 else group(LEAF)


def problems(document, limits=LIMITS):
    """This function will give (path, code) of everything wrong with a document."""
    with pytest.raises(RuleErrors) as caught:
        parse(document, limits=limits)
    return [(error.path, error.code) for error in caught.value.errors]


def message(document):
    with pytest.raises(RuleErrors) as caught:
        parse(document)
    return str(caught.value.errors[0].message)


class TestWhatIsRead:
    def test_a_leaf_at_the_root(self):
        assert parse(LEAF) == Compare("city", "=", "Wuhan")

    def test_a_group_of_all(self):
        assert parse(group(LEAF, {"everyone": True})) == All((Compare("city", "=", "Wuhan"), Everyone()))

    def test_a_group_of_any(self):
        assert parse(group(LEAF, combinator="or")) == Any((Compare("city", "=", "Wuhan"),))

    def test_a_denied_group(self):
        assert parse(group(LEAF, **{"not": True})) == Not(All((Compare("city", "=", "Wuhan"),)))

    def test_not_false_as_if_left_out(self):
        assert parse(group(LEAF, **{"not": False})) == parse(group(LEAF))

    def test_a_segment(self):
        assert parse({"in_segment": "at-risk"}) == InSegment("at-risk")

    def test_a_comparison_without_a_value(self):
        assert parse({"field": "city", "operator": "is_null"}) == Compare("city", "is_null")

    def test_lists_become_tuples(self):
        assert parse({"field": "n", "operator": "in", "value": [1, 2.5, "a", True]}).value == (1, 2.5, "a", True)

    def test_every_node_knows_its_path(self):
        rule = parse(group({"in_segment": "a"}, group(LEAF)))
        assert [child.path for child in rule.children] == ["rules[0]", "rules[1]"]
        assert rule.children[1].children[0].path == "rules[1].rules[0]"

    def test_zero_false_and_a_space_are_values(self):
        for value in (0, 0.0, False, " "):
            assert parse({"field": "x", "operator": "=", "value": value}).value is value


class TestWhatIsRefused:
    @pytest.mark.parametrize("document", [None, 1, True, "everyone", [], [LEAF], 1.5])
    def test_what_is_no_object(self, document):
        assert problems(document) == [("", "not_an_object")]

    def test_an_empty_object(self):
        assert problems({}) == [("", "unknown_shape")]

    def test_an_object_that_is_no_condition(self):
        assert problems(group({"colour": "red"})) == [("rules[0]", "unknown_shape")]
        assert message({"feild": "city"}) == "This is no condition. Did you mean “field”?"

    def test_a_group_without_combinator(self):
        assert problems({"rules": [LEAF]}) == [("combinator", "missing_key")]

    def test_a_group_without_rules(self):
        assert problems({"combinator": "and"}) == [("rules", "missing_key")]

    @pytest.mark.parametrize("combinator", ["AND", "xor", None, 1, True, ["and"], {}])
    def test_another_combinator(self, combinator):
        assert problems(group(LEAF, combinator=combinator)) == [("combinator", "unknown_combinator")]

    @pytest.mark.parametrize("denied", [None, 1, "true", []])
    def test_another_not(self, denied):
        assert problems(group(LEAF, **{"not": denied})) == [("not", "wrong_type")]

    @pytest.mark.parametrize("rules", [None, {}, "x", 1])
    def test_rules_that_are_no_list(self, rules):
        assert problems({"combinator": "and", "rules": rules}) == [("rules", "wrong_type")]

    @pytest.mark.parametrize("combinator", ["and", "or"])
    def test_an_empty_group(self, combinator):
        assert problems(group(combinator=combinator)) == [("rules", "empty_group")]
        assert problems(group(LEAF, group(combinator=combinator))) == [("rules[1].rules", "empty_group")]

    def test_keys_it_does_not_know(self):
        assert problems({**LEAF, "valeu": 1}) == [("valeu", "unknown_key")]
        assert message({**LEAF, "valeu": 1}) == "“valeu” is not known here. Did you mean “value”?"
        assert message({"everyone": True, "xyz": 1}) == "“xyz” is not known here. Known are: everyone."
        assert problems(group(LEAF, id="7")) == [("id", "unknown_key")]

    def test_keys_that_would_make_no_path(self):
        assert problems({**LEAF, "a\0b c": 1, "k" * 51: 1}) == [("", "unknown_key"), ("", "unknown_key")]

    def test_a_leaf_of_two_kinds(self):
        assert problems({**LEAF, "in_segment": "a"}) == [("in_segment", "unknown_key")]
        assert problems({"in_segment": "a", "everyone": True}) == [("everyone", "unknown_key")]

    def test_a_comparison_without_field_or_operator(self):
        assert problems({"operator": "=", "value": 1}) == [("field", "missing_key")]
        assert problems({"field": "city", "value": 1}) == [("operator", "missing_key")]

    @pytest.mark.parametrize("name", [None, 1, True, [], {}])
    def test_names_that_are_no_text(self, name):
        assert problems({"field": name, "operator": "=", "value": 1}) == [("field", "wrong_type")]
        assert problems({"field": "x", "operator": name, "value": 1}) == [("operator", "wrong_type")]
        assert problems({"in_segment": name}) == [("in_segment", "wrong_type")]

    @pytest.mark.parametrize("everyone", [False, None, 1, "true"])
    def test_everyone_other_than_true(self, everyone):
        assert problems({"everyone": everyone}) == [("everyone", "not_true")]

    def test_null_as_a_value(self):
        assert problems({**LEAF, "value": None}) == [("value", "null_value")]
        assert problems({**LEAF, "value": ["a", None]}) == [("value[1]", "null_value")]

    def test_an_empty_list(self):
        assert problems({**LEAF, "value": []}) == [("value", "empty_list")]

    @pytest.mark.parametrize("value", [{}, {"a": 1}, b"x", object()])
    def test_other_values(self, value):
        assert problems({**LEAF, "value": value}) == [("value", "wrong_type")]

    def test_a_list_inside_a_list(self):
        assert problems({**LEAF, "value": [["a"]]}) == [("value[0]", "wrong_type")]

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 1e400])
    def test_numbers_that_are_not_finite(self, number):
        assert problems({**LEAF, "value": number}) == [("value", "not_finite")]

    @pytest.mark.parametrize(
        "number", [2**63, -(2**63) - 1, 10**5000, 1e19, -1e300], ids=["above", "below", "huge", "1e19", "-1e300"]
    )
    def test_numbers_that_no_column_holds(self, number):
        assert problems({**LEAF, "value": number}) == [("value", "out_of_range")]
        assert parse({**LEAF, "value": 2**63 - 1}).value == 2**63 - 1

    @pytest.mark.parametrize("text", ["a\0b", "\0", "\ud800", "x\udfff"])
    def test_text_that_no_database_stores(self, text):
        assert problems({**LEAF, "value": text}) == [("value", "bad_text")]
        assert problems({**LEAF, "field": text}) == [("field", "bad_text")]
        assert problems({"in_segment": text}) == [("in_segment", "bad_text")]

    def test_everything_wrong_at_once(self):
        document = group({"everyone": 1}, {**LEAF, "value": None, "oops": 1}, group())
        assert problems(document) == [
            ("rules[0].everyone", "not_true"),
            ("rules[1].oops", "unknown_key"),
            ("rules[1].value", "null_value"),
            ("rules[2].rules", "empty_group"),
        ]


class TestLimits:
    def test_are_the_documented_ones(self):
        assert Limits(depth=10, leaves=100, list_values=10_000, rule_values=50_000, text_chars=500, errors=100) == LIMITS

    def test_depth(self):
        assert parse(nested(10))
        assert problems(nested(11)) == [(".".join(["rules[0]"] * 10), "too_deep")]

    def test_a_document_far_deeper_than_python_recurses_costs_nothing(self):
        document = LEAF
        for _level in range(100_000):
            document = group(document)
        assert problems(document)[0][1] == "too_deep"
        while "rules" in document:  # taken apart by hand: freeing it all at once would recurse
            document = document["rules"].pop()

    def test_conditions(self):
        assert len(parse(group(*[LEAF] * 100)).children) == 100
        assert problems(group(*[LEAF] * 101)) == [("rules[100]", "too_many_leaves")]
        assert problems(group(*[{"everyone": 0}] * 3, *[LEAF] * 200))[-1] == ("rules[100]", "too_many_leaves")

    def test_values_of_a_list(self):
        assert len(parse({**LEAF, "value": list(range(10_000))}).value) == 10_000
        assert problems({**LEAF, "value": list(range(10_001))}) == [("value", "list_too_long")]

    def test_values_of_all_lists(self):
        long = {**LEAF, "value": list(range(10_000))}
        assert parse(group(*[long] * 5))
        assert problems(group(*[long] * 6)) == [("rules[5].value", "too_many_values")]

    def test_characters_of_a_text(self):
        assert parse({**LEAF, "value": "x" * 500}).value == "x" * 500
        assert problems({**LEAF, "value": "x" * 501}) == [("value", "text_too_long")]
        assert problems({**LEAF, "field": "x" * 10_000}) == [("field", "text_too_long")]

    def test_errors_reported_at_once(self):
        assert len(problems(group(*[group()] * 1_000))) == 100


DID = {"did": "order", "operator": ">=", "times": 2}
SUMMED = {"did": "order", "operator": ">=", "sum": "amount_minor", "value": 50_000}


class TestBehaviours:
    def test_are_counted_over_all_there_is(self):
        assert parse(DID) == Did("order", Aggregate.COUNT, ">=", 2)

    def test_are_counted_by_day(self):
        assert parse({**DID, "distinct_days": True}) == Did("order", Aggregate.DISTINCT_DAYS, ">=", 2)
        assert parse({**DID, "distinct_days": False}) == parse(DID)

    def test_are_added_up(self):
        assert parse(SUMMED) == Did("order", Aggregate.SUM, ">=", 50_000, "amount_minor")

    def test_are_compared_with_two_ends(self):
        assert parse({**DID, "operator": "between", "times": [2, 5]}).value == (2, 5)

    @pytest.mark.parametrize(
        ("form", "value", "read"),
        [("within_days", 90, 90), ("between_days_ago", [30, 90], (30, 90)), ("since", "2026-01-01", "2026-01-01")],
    )
    def test_have_a_window(self, form, value, read):
        assert parse({**DID, form: value}).window == Window(form, read)

    def test_are_asked_with_plain_values_lists_and_operators(self):
        where = {"category": "tea", "product": ["a", "b"], "rating": {"operator": ">=", "value": 3}}
        assert parse({**DID, "where": where}).where == (
            Where("category", "=", "tea"),
            Where("product", "in", ("a", "b")),
            Where("rating", ">=", 3),
        )

    def test_may_be_asked_nothing(self):
        assert parse({**DID, "where": {}}) == parse(DID)

    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            ({"did": "order"}, [("operator", "missing_key"), ("times", "missing_key")]),
            ({**DID, "did": 3}, [("did", "wrong_type")]),
            ({**DID, "times": None}, [("times", "null_value")]),
            ({**DID, "times": float("inf")}, [("times", "not_finite")]),
            ({**DID, "times": 10**30}, [("times", "out_of_range")]),
            ({**DID, "value": 2}, [("value", "unexpected_value")]),
            ({**SUMMED, "times": 2}, [("times", "unexpected_value")]),
            ({**SUMMED, "distinct_days": True}, [("distinct_days", "unexpected_value")]),
            ({**SUMMED, "sum": ["amount_minor"]}, [("sum", "wrong_type")]),
            ({**DID, "distinct_days": "yes"}, [("distinct_days", "wrong_type")]),
            ({**DID, "within_days": 1, "since": "2026-01-01"}, [("since", "two_windows")]),
            ({**DID, "within_days": None}, [("within_days", "null_value")]),
            ({**DID, "within": 90}, [("within", "unknown_key")]),
            ({**DID, "field": "city"}, [("field", "unknown_key")]),
            ({**DID, "where": ["tea"]}, [("where", "wrong_type")]),
            ({**DID, "where": {"category": None}}, [("where.category", "null_value")]),
            ({**DID, "where": {"category": []}}, [("where.category", "empty_list")]),
            ({**DID, "where": {"category": {"value": "tea"}}}, [("where.category.operator", "missing_key")]),
            ({**DID, "where": {"category": {"operator": "=", "valeu": "tea"}}}, [("where.category.valeu", "unknown_key")]),
            ({**DID, "where": {"x" * 501: 1}}, [("where", "text_too_long")]),
            ({**DID, "where": {"a b": {"operator": 1}}}, [("where.operator", "wrong_type")]),
        ],
    )
    def test_are_refused_where_they_make_no_sense(self, document, expected):
        assert problems(document) == expected

    def test_are_refused_past_the_limit(self):
        assert problems(group(*[DID] * 3), Limits(behaviours=2)) == [("rules[2]", "too_many_behaviours")]
