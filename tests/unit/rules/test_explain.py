import datetime

import pytest

from rules.check import check
from rules.explain import explain
from rules.parse import parse
from rules.segments import inline
from rules.words import Writer
from tests.unit.rules.catalogue import catalogue

TRUE, FALSE, UNKNOWN = 1, 0, None
LETTERS = {"T": TRUE, "F": FALSE, "?": UNKNOWN}


def leaf(field, operator, value):
    return {"field": field, "operator": operator, "value": value}


def explained(document, results, *, values=None, rule_of=None):
    rule = inline(check(parse(document), catalogue(), segments=rule_of or ()), rule_of=rule_of or {})
    return explain(rule, Writer(catalogue=catalogue()), results=results, values=values)


def group_of(letters, combinator, denied=False):
    """This function will explain a group with a leaf for each letter: T true, F false, ? unknown."""
    document = {
        "combinator": combinator,
        "not": denied,
        "rules": [leaf("order_count", "=", index) for index, _letter in enumerate(letters)],
    }
    return explained(document, {f"rules[{index}]": LETTERS[letter] for index, letter in enumerate(letters)})


class TestKleene:
    @pytest.mark.parametrize(
        ("combinator", "letters", "held", "deciding"),
        [
            ("and", "TT", True, [0, 1]),
            ("and", "TF", False, [1]),
            ("and", "FF", False, [0, 1]),
            ("and", "T?", None, [1]),
            ("and", "F?", False, [0]),
            ("and", "??", None, [0, 1]),
            ("and", "T?F", False, [2]),
            ("or", "FF", False, [0, 1]),
            ("or", "TF", True, [0]),
            ("or", "TT", True, [0, 1]),
            ("or", "F?", None, [1]),
            ("or", "T?", True, [0]),
            ("or", "??", None, [0, 1]),
            ("or", "F?T", True, [2]),
        ],
    )
    def test_combines_answers_and_marks_what_decides(self, combinator, letters, held, deciding):
        answer = group_of(letters, combinator)
        assert answer.held is held
        assert [leaf.path for leaf in answer.deciding()] == [f"rules[{index}]" for index in deciding]

    @pytest.mark.parametrize(("letters", "held"), [("T", False), ("F", True), ("?", None)])
    def test_not_turns_true_and_false_round_and_leaves_unknown(self, letters, held):
        assert group_of(letters, "and", denied=True).held is held


class TestExplanation:
    DOCUMENT = {
        "combinator": "and",
        "rules": [
            leaf("order_count", ">=", 3),
            {"combinator": "or", "rules": [leaf("city", "=", "Wuhan"), leaf("last_order_at", "before", "2026-01-31")]},
        ],
    }
    RESULTS = {"rules[0]": TRUE, "rules[1].rules[0]": UNKNOWN, "rules[1].rules[1]": FALSE}
    VALUES = {"rules[0]": 5, "rules[1].rules[0]": None, "rules[1].rules[1]": 20_485}

    def test_shows_each_condition_with_the_members_value(self):
        answer = explained(self.DOCUMENT, self.RESULTS, values=self.VALUES)
        count, either = answer.children
        city, last = either.children
        assert (answer.kind, answer.held, answer.path) == ("all", None, "")
        assert (count.sentence, count.held, count.value, count.threshold) == (
            "order count is at least 3 orders", True, 5, 3,
        )  # fmt: skip
        assert (city.held, city.value, city.value_text) == (None, None, "not known")
        assert (last.value, last.value_text) == (datetime.date(2026, 2, 1), "2026-02-01")
        assert last.threshold == datetime.date(2026, 1, 31)

    def test_marks_the_leaf_that_leaves_it_open(self):
        answer = explained(self.DOCUMENT, self.RESULTS)
        assert [leaf.path for leaf in answer.deciding()] == ["rules[1].rules[0]"]

    def test_shows_no_value_where_none_was_given(self):
        answer = explained(self.DOCUMENT, self.RESULTS)
        assert {child.value_text for child in answer.children} == {""}

    def test_opens_an_inlined_segment(self):
        rule_of = {"a": check(parse(leaf("order_count", ">=", 3)), catalogue(), segments=())}
        answer = explained({"in_segment": "a"}, {"in_segment": FALSE}, rule_of=rule_of)
        assert (answer.kind, answer.sentence, answer.held) == ("segment", "in segment a", False)
        assert [leaf.path for leaf in answer.deciding()] == ["in_segment"]

    def test_wants_an_answer_for_every_leaf(self):
        with pytest.raises(KeyError):
            explained(self.DOCUMENT, {"rules[0]": TRUE})


class TestWhatWouldHaveToChange:
    @pytest.mark.parametrize(
        ("combinator", "denied", "letters", "changed"),
        [
            ("and", False, "TT", [0]),
            ("and", False, "TF", [1]),
            ("and", False, "F?", [0, 1]),
            ("or", False, "FF", [0]),
            ("or", False, "TT", [0, 1]),
            ("or", False, "?T", [1]),
            ("and", True, "TT", [0]),
            ("and", True, "F?", [0]),
            ("or", True, "FF", [0]),
            ("or", True, "T?", [0, 1]),
        ],
    )
    def test_is_the_fewest_conditions(self, combinator, denied, letters, changed):
        answer = group_of(letters, combinator, denied)
        assert [leaf.path for leaf in answer.changes()] == [f"rules[{index}]" for index in changed]

    def test_is_the_cheaper_branch(self):
        document = {
            "combinator": "or",
            "rules": [
                {"combinator": "and", "rules": [leaf("order_count", "=", 1), leaf("order_count", "=", 2)]},
                {"combinator": "and", "rules": [leaf("order_count", "=", 3), leaf("order_count", "=", 4)]},
            ],
        }
        results = {
            "rules[0].rules[0]": FALSE,
            "rules[0].rules[1]": FALSE,
            "rules[1].rules[0]": UNKNOWN,
            "rules[1].rules[1]": TRUE,
        }
        assert [leaf.path for leaf in explained(document, results).changes()] == ["rules[1].rules[0]"]

    def test_is_nothing_where_nothing_helps(self):
        assert explained({"everyone": True}, {"": TRUE}).changes() == ()
        document = {"combinator": "and", "not": True, "rules": [{"everyone": True}]}
        assert explained(document, {"rules[0]": TRUE}).changes() == ()
