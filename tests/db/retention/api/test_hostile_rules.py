"""Rules that nobody means well: each gets an answer that names the place, none a fault of the program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core.models import Scope
from tests.rest import Caller, given_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Iterator[Caller]:
    _key, text = given_key(Scope.SEGMENTS_READ)
    return Caller(text)


def deep(levels: int) -> Any:
    rule: Any = {"everyone": True}
    for _level in range(levels):
        rule = {"combinator": "and", "rules": [rule]}
    return rule


def compared(value: str, field: str = "order_count") -> str:
    return f'{{"field": "{field}", "operator": "=", "value": {value}}}'


def did(**more: Any) -> str:
    return json.dumps({"did": "order", "operator": ">=", "times": 1, **more})


@pytest.mark.parametrize(
    ("rule", "path", "code"),
    [
        (compared("9" * 400), "rule.value", "out_of_range"),
        (compared("true"), "rule.value", "wrong_type"),
        (compared('"1"'), "rule.value", "wrong_type"),
        (compared("1", "city"), "rule.value", "wrong_type"),
        (compared("null"), "rule.value", "null_value"),
        (compared('"\\u0000"', "city"), "rule.value", "bad_text"),
        (compared(json.dumps("x" * 501), "city"), "rule.value", "text_too_long"),
        (compared("1", "attributes.nobody has it"), "rule.field", "unknown_field"),
        (f'{{"field": "city", "operator": "in", "value": {json.dumps(["x"] * 100_000)}}}', "rule.value", "list_too_long"),
        (json.dumps(deep(11)), "rule" + ".rules[0]" * 10, "too_deep"),
        (json.dumps(deep(100)), "rule" + ".rules[0]" * 10, "too_deep"),
        (json.dumps({"combinator": "or", "rules": [{"everyone": True}] * 101}), "rule.rules[100]", "too_many_leaves"),
        (json.dumps({"combinator": "or", "rules": [json.loads(did())] * 21}), "rule.rules[20]", "too_many_behaviours"),
        (did(times=1.5), "rule.times", "wrong_type"),
        (did(within_days=10**30), "rule.within_days", "out_of_range"),
        (did(since="0000-00-00"), "rule.since", "bad_date"),
        (did(where={"amount_minor": 10**19}), "rule.where.amount_minor", "out_of_range"),
        (did(where={"category": ["x"] * 10_001}), "rule.where.category", "list_too_long"),
        (did(where={"category": {"operator": "regex", "value": ".*"}}), "rule.where.category.operator", "unknown_operator"),
        ("[]", "rule", "not_an_object"),
    ],
)
def test_is_refused_at_its_place(client: Caller, rule: str, path: str, code: str) -> None:
    response = client.post("segments/preview/", f'{{"rule": {rule}}}'.encode())
    assert response.status_code == 422, response.content[:300]
    first = response.json()["errors"][0]
    assert (first["path"], first["code"]) == (path, code)
    assert first["message"]


@pytest.mark.parametrize(
    "rule",
    [
        *(compared("1e400"), compared("-1e400", "overdue_ratio"), compared("NaN"), compared("Infinity")),
        *(compared('"\\ud800"', "city"), "{", json.dumps(deep(1))[:-1]),
    ],
)
def test_is_no_json_that_anybody_could_read(client: Caller, rule: str) -> None:
    response = client.post("segments/preview/", f'{{"rule": {rule}}}'.encode())
    assert (response.status_code, response.json()["code"]) == (400, "unparsable")


@pytest.mark.parametrize(
    "rule",
    [
        did(times=2**63 - 1),
        did(since="0001-01-01"),
        did(since="9999-12-31"),
        did(between_days_ago=[3660, 3660]),
        did(where={"category": "%'\";--\\"}),
        compared("9223372036854775807"),
        compared("5e-324", "overdue_ratio"),
    ],
)
def test_means_nobody_and_stops_nothing(client: Caller, rule: str) -> None:
    response = client.post("segments/preview/", f'{{"rule": {rule}}}'.encode())
    assert (response.status_code, response.json()["count"]) == (200, 0)
