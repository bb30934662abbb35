"""Why (not) this member, as pages and other systems read it: the answer, each condition with the member's value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from retention.models import Membership, Segment
from retention.selectors.matching import Rule, explain
from retention.selectors.state import state
from rules.explain import Explanation


@dataclass(frozen=True, slots=True)
class Why:
    """`held` None: unknown, because a value is missing, or because no refresh has seen the member yet (`rule` None)."""

    held: bool | None
    rule: Explanation | None
    as_of: datetime | None

    @property
    def conditions(self) -> tuple[Explanation, ...]:
        return () if self.rule is None else tuple(_leaves(self.rule))

    def as_json(self) -> dict[str, Any]:
        return {
            "held": self.held,
            "sentence": None if self.rule is None else self.rule.sentence,
            "conditions": [_condition(each) for each in self.conditions],
            "rule": None if self.rule is None else _node(self.rule),
        }


def why(*, rule: Rule, member_id: int, as_of: datetime | None = None) -> Why:
    """This function will answer why a member is (not) meant by a rule; the facts are the last refresh's."""
    found = explain(rule=rule, member_id=member_id, as_of=as_of)
    return Why(None if found is None else found.held, found, as_of or state().as_of)


def why_in_segment(*, segment: Segment, member_id: int) -> Why:
    return why(rule=rule_of(segment), member_id=member_id)


def rule_of(segment: Segment) -> Rule:
    """This function will give what a segment asks: its rule, or to stand on its list."""
    return {"in_segment": segment.slug} if segment.version is None else segment.version.rule


def is_inside(*, segment: Segment, member_id: int) -> bool:
    """This function will say whether the last count found the member in the segment."""
    return Membership.objects.filter(segment=segment, member_id=member_id).exists()


def _leaves(node: Explanation) -> Iterator[Explanation]:
    if not node.children:
        yield node
    for child in node.children:
        yield from _leaves(child)


def _condition(leaf: Explanation) -> dict[str, Any]:
    return {
        "path": leaf.path,
        "sentence": leaf.sentence,
        "held": leaf.held,
        "decides": leaf.decides,
        "must_change": leaf.must_change,
        "value": plain_value(leaf.value),
        "value_text": leaf.value_text or None,
        "threshold": plain_value(leaf.threshold),
    }


def _node(node: Explanation) -> dict[str, Any]:
    if not node.children:
        return {"kind": node.kind, **_condition(node)}
    return {
        "kind": node.kind,
        "path": node.path,
        "sentence": node.sentence,
        "held": node.held,
        "decides": node.decides,
        "children": [_node(child) for child in node.children],
    }


def plain_value(value: object) -> Any:
    """This function will give a value as JSON holds it."""
    if isinstance(value, tuple | list):
        return [plain_value(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
