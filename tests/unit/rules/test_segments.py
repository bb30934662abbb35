import pytest

from rules.ast import All, Any, Compare, Everyone, InlinedSegment, Not, StaticList, leaves, segments_in
from rules.errors import RuleErrors
from rules.parse import parse
from rules.segments import DEEPEST, MOST_LEAVES, inline

CITY = {"field": "city", "operator": "=", "value": "Wuhan"}


def rules(**documents):
    return {slug: parse(document) for slug, document in documents.items()}


def both(*documents):
    return {"combinator": "and", "rules": list(documents)}


def segment(slug):
    return {"in_segment": slug}


def problem(document, rule_of, slug=None):
    with pytest.raises(RuleErrors) as caught:
        inline(parse(document), rule_of=rule_of, slug=slug)
    (error,) = caught.value.errors
    return error


class TestInline:
    def test_puts_the_rule_in_its_place(self):
        rule = inline(parse(both(segment("a"), CITY)), rule_of=rules(a={"everyone": True}))
        assert rule == All((InlinedSegment("a", Everyone()), Compare("city", "=", "Wuhan")))

    def test_follows_segments_inside_segments(self):
        rule = inline(parse(segment("a")), rule_of=rules(a=segment("b"), b=CITY))
        assert rule == InlinedSegment("a", InlinedSegment("b", Compare("city", "=", "Wuhan")))
        assert segments_in(rule) == {"a", "b"}

    def test_gives_every_leaf_a_path_of_its_own(self):
        document = both(segment("a"), segment("a"), CITY)
        rule = inline(parse(document), rule_of=rules(a=both(segment("b"), CITY), b=CITY))
        assert [leaf.path for leaf in leaves(rule)] == [
            "rules[0].in_segment.rules[0].in_segment",
            "rules[0].in_segment.rules[1]",
            "rules[1].in_segment.rules[0].in_segment",
            "rules[1].in_segment.rules[1]",
            "rules[2]",
        ]

    def test_reaches_into_every_kind_of_group(self):
        document = {"combinator": "or", "not": True, "rules": [segment("a")]}
        assert inline(parse(document), rule_of=rules(a=CITY)) == Not(
            Any((InlinedSegment("a", Compare("city", "=", "Wuhan")),))
        )

    def test_puts_a_static_list_where_its_segment_stood(self):
        members = object()
        rule = inline(parse(both(segment("vip"))), rule_of={"vip": StaticList("vip", members)})
        (leaf,) = rule.children
        assert leaf.members is members
        assert leaf.path == "rules[0]"

    def test_leaves_a_rule_without_segments_alone(self):
        assert inline(parse(both(CITY)), rule_of={}) == parse(both(CITY))

    def test_can_be_repeated(self):
        rule_of = rules(a=CITY)
        once = inline(parse(segment("a")), rule_of=rule_of)
        assert inline(once, rule_of=rule_of) == once

    def test_allows_the_same_segment_twice_side_by_side(self):
        rule_of = rules(a=both(segment("c")), b=both(segment("c")), c=CITY)
        assert segments_in(inline(parse(both(segment("a"), segment("b"))), rule_of=rule_of)) == {"a", "b", "c"}


class TestCircles:
    def test_name_the_way_round(self):
        error = problem(both(CITY, segment("a")), rules(a=both(segment("b")), b=both(segment("a"))))
        assert (error.path, error.code) == ("rules[1].in_segment", "segment_circle")
        assert str(error.message) == "Segments stand in a circle: a -> b -> a."

    def test_are_found_from_the_segment_that_is_saved(self):
        error = problem(both(segment("b")), rules(b=both(segment("a"))), slug="a")
        assert str(error.message) == "Segments stand in a circle: a -> b -> a."

    def test_of_a_segment_with_itself(self):
        error = problem(segment("a"), {}, slug="a")
        assert (error.path, error.code) == ("in_segment", "segment_circle")
        assert str(error.message) == "Segments stand in a circle: a -> a."


class TestWhatIsRefused:
    def test_an_unknown_segment(self):
        error = problem(both(segment("at_risk")), rules(**{"at-risk": CITY}))
        assert (error.path, error.code) == ("rules[0].in_segment", "unknown_segment")
        assert str(error.message) == "There is no segment “at_risk”. Did you mean “at-risk”?"

    def test_an_unknown_segment_far_inside_is_reported_at_the_leaf_that_led_there(self):
        assert problem(both(segment("a")), rules(a=both(segment("b")))).path == "rules[0].in_segment"

    def test_a_rule_that_becomes_too_deep(self):
        chain = rules(**{f"s{n}": both(segment(f"s{n + 1}")) for n in range(DEEPEST)}, **{f"s{DEEPEST}": CITY})
        error = problem(segment("s0"), chain)
        assert (error.path, error.code) == ("in_segment", "inlined_too_deep")
        assert inline(parse(segment(f"s{DEEPEST - 25}")), rule_of=chain)

    def test_a_rule_that_becomes_too_large(self):
        rule_of = rules(a=both(*[CITY] * 100))
        assert len(list(leaves(inline(parse(both(*[segment("a")] * 5)), rule_of=rule_of)))) == MOST_LEAVES
        error = problem(both(*[segment("a")] * 6), rule_of)
        assert (error.path, error.code) == ("rules[5].in_segment", "inlined_too_large")

    def test_a_rule_that_would_double_thirty_times_is_refused_at_once(self):
        chain = rules(**{f"s{n}": both(*[segment(f"s{n + 1}")] * 2) for n in range(30)}, s30=CITY)
        assert problem(segment("s0"), chain).code in ("inlined_too_large", "inlined_too_deep")
