import gettext
import json
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import rules
from rules.ast import Compare, leaves
from rules.check import check
from rules.compile import compile_leaves, compile_rule
from rules.errors import RuleErrors
from rules.explain import explain
from rules.fields import FieldType
from rules.operators import OPERATORS
from rules.parse import parse
from rules.schema import schema
from rules.segments import inline
from rules.words import Writer, words
from tests.db.rules.generate import OPERATORS as GENERATED
from tests.db.rules.generate import random_rule
from tests.unit.rules.catalogue import catalogue

CATALOGUE = catalogue()
SEGMENTS = ("at-risk", "loyal")
SCHEMA = Draft202012Validator(schema(CATALOGUE, segments=SEGMENTS))
CHINESE = gettext.translation("django", Path(rules.__file__).parent / "locale", languages=["zh_Hans"]).gettext

KEYS = ["combinator", "not", "rules", "field", "operator", "value", "in_segment", "everyone", "did", "times"]
WORDS = st.sampled_from([*CATALOGUE.names, *OPERATORS, *SEGMENTS, "and", "or", "2026-02-29", "2026-01-31", "female", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=5),
    max_leaves=30,
)


def _closely(inner):
    """Documents that are nearly rules: right keys, and values that are right, nearly right or anything."""
    return st.fixed_dictionaries(
        {"combinator": st.sampled_from(["and", "or"]) | SCALARS, "rules": st.lists(inner, max_size=4) | SCALARS},
        optional={"not": st.booleans() | SCALARS},
    )


LEAVES = st.fixed_dictionaries(
    {"field": st.sampled_from(CATALOGUE.names) | SCALARS, "operator": st.sampled_from(list(OPERATORS)) | SCALARS},
    optional={"value": SCALARS | st.lists(SCALARS, max_size=3)},
)
NEARLY = st.recursive(
    LEAVES | st.fixed_dictionaries({"in_segment": WORDS}) | st.fixed_dictionaries({"everyone": st.just(True) | SCALARS}),
    _closely,
    max_leaves=12,
)
RIGHT = st.randoms(use_true_random=False).map(lambda random: random_rule(random, segments=SEGMENTS))


def read(document):
    """This function will give the checked rule, or None with every error in good form; anything else is a bug."""
    try:
        return check(parse(document), CATALOGUE, segments=SEGMENTS)
    except RuleErrors as refused:
        problems = refused.as_problem(CHINESE)
        assert problems
        assert all(problem["code"] and problem["message"] and isinstance(problem["path"], str) for problem in problems)
        json.dumps(problems).encode("utf-8")
        return None


class TestReading:
    @settings(max_examples=1_000, deadline=None)
    @given(ANYTHING | NEARLY | RIGHT)
    @example({"field": "order_count", "operator": "=", "value": 10**5000})
    @example({"field": "refund_rate", "operator": "between", "value": [float("nan"), 1]})
    @example({"field": "\ud800", "operator": "=", "value": "\0"})
    def test_any_json_is_a_rule_or_a_list_of_errors(self, document):
        rule = read(document)
        if rule is not None:
            assert words(rule, CATALOGUE)
            assert words(rule, CATALOGUE, translate=CHINESE)

    @settings(max_examples=500, deadline=None)
    @given(NEARLY | RIGHT)
    def test_the_schema_allows_all_that_is_read(self, document):
        if read(document) is not None:
            assert SCHEMA.is_valid(document)

    @settings(max_examples=500, deadline=None)
    @given(RIGHT)
    def test_reading_is_steady(self, document):
        rule = read(document)
        assert rule is not None
        assert check(rule, CATALOGUE, segments=SEGMENTS) == rule
        assert read(json.loads(json.dumps(document))) == rule


class TestCompiling:
    @settings(max_examples=300, deadline=None)
    @given(NEARLY | RIGHT)
    def test_whatever_is_read_compiles_to_a_condition(self, document):
        rule = read(document)
        if rule is not None:
            rule = inline(rule, rule_of=dict.fromkeys(SEGMENTS, Compare("city", "=", "Wuhan")))
            assert compile_rule(rule, CATALOGUE, as_of_day=20_000).children
            assert set(compile_leaves(rule, CATALOGUE, as_of_day=20_000)) == {leaf.path for leaf in leaves(rule)}


class TestExplaining:
    @settings(max_examples=300, deadline=None)
    @given(RIGHT, st.data())
    def test_the_answer_stands_as_long_as_the_deciding_leaves_stand(self, document, data):
        rule = read(document)
        answers = st.sampled_from([1, 0, None])
        paths = [leaf.path for leaf in leaves(rule)]
        results = {path: data.draw(answers) for path in paths}
        explained = explain(rule, Writer(catalogue=CATALOGUE), results=results)
        deciding = {leaf.path for leaf in explained.deciding()}
        assert deciding
        if explained.held is not None:
            others = {path: data.draw(answers) for path in paths if path not in deciding}
            again = explain(rule, Writer(catalogue=CATALOGUE), results={**results, **others})
            assert again.held is explained.held


class TestTheGenerator:
    def test_covers_every_type_and_operator(self):
        assert {CATALOGUE[name].type for name in GENERATED} == set(FieldType)
        assert {operator for operators in GENERATED.values() for operator in operators} == set(OPERATORS)
