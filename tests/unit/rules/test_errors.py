import pytest

from rules.errors import Findings, RuleError, RuleErrors
from rules.messages import Message, shorten


class TestRuleError:
    def test_says_where_and_what_in_english(self):
        error = RuleError("rules[0].value", "wrong_type", Message("“%(field)s” is a text.", {"field": "City"}))
        assert str(error) == "rules[0].value: “City” is a text."
        assert str(error.message) == "“City” is a text."

    def test_says_nothing_of_the_place_at_the_root(self):
        assert str(RuleError("", "too_deep", Message("Too deep."))) == "Too deep."

    def test_becomes_a_problem_in_the_language_of_the_translator(self):
        chinese = {"“%(field)s” is a text.": "“%(field)s”是文本。"}
        error = RuleErrors((RuleError("value", "wrong_type", Message("“%(field)s” is a text.", {"field": "城市"})),))
        assert error.as_problem(chinese.__getitem__) == [
            {"path": "value", "code": "wrong_type", "message": "“城市”是文本。"}
        ]


class TestMessage:
    def test_translates_messages_inside_messages(self):
        inner = Message("inner")
        double = {"inner": "里", "[%(inner)s]": "【%(inner)s】"}
        assert Message("[%(inner)s]", {"inner": inner}).text(double.__getitem__) == "【里】"


def collect(*codes, most=100):
    """This function will note one error for each code."""
    with Findings(most) as found:
        for code in codes:
            found.add(f"at.{code}", code, "Wrong.")


def collect_and_crash():
    with Findings() as found:
        found.add("a", "one", "One.")
        raise KeyError


class TestFindings:
    def test_raises_all_together_at_the_end_of_the_block(self):
        with pytest.raises(RuleErrors) as caught:
            collect("one", "two")
        assert [error.code for error in caught.value.errors] == ["one", "two"]
        assert str(caught.value) == "at.one: Wrong.; at.two: Wrong."

    def test_stops_when_there_are_enough(self):
        with pytest.raises(RuleErrors) as caught:
            collect("a", "b", "c", "d", most=3)
        assert [error.code for error in caught.value.errors] == ["a", "b", "c"]

    def test_lets_other_exceptions_through(self):
        with pytest.raises(KeyError):
            collect_and_crash()

    def test_raises_nothing_when_nothing_was_found(self):
        assert collect() is None


class TestShorten:
    def test_cuts_what_is_long_and_hides_what_cannot_be_shown(self):
        assert shorten("x" * 61) == "x" * 60 + "…"
        assert shorten("a\0b\ud800") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
        assert shorten({"a": 1}) == "(dict)"
