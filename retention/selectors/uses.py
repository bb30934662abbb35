"""Who names a segment: other segments in their rules, and what higher apps say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from core.registry import Use, UsedBy, segment_uses
from retention.models import ChurnReason, Segment
from retention.selectors.reasons import listed
from retention.selectors.rules import Rulebook
from rules.ast import Compare, Node, fields_in, leaves, segments_in
from rules.errors import RuleErrors
from rules.parse import parse


def uses_of(slug: str) -> list[tuple[UsedBy, Use]]:
    """This function will list everything that names a segment, with the app's word for its kind."""
    return [(each, use) for each in segment_uses for use in each.rows(slug)]


def segments_naming(slug: str) -> list[Use]:
    """This function will list the segments whose rule names this one. None of them could be counted without it."""
    rulebook = Rulebook()
    users = (rulebook.segments[user] for user in rulebook.users_of(slug))
    return [_use(each) for each in users]


def segments_reading(field: str) -> list[Use]:
    """This function will list the segments whose rule reads a field. None of them could be counted without it."""
    segments = Segment.objects.filter(version__isnull=False).select_related("version").order_by("name", "pk")
    return [_use(each) for each in segments if field in _fields_of(each)]


def reasons_naming(slug: str) -> list[Use]:
    """This function will list the churn reasons whose rule names a segment. No reason could be told without it."""
    return [_use_of_reason(each) for each, rule in _rules_of_reasons() if slug in segments_in(rule)]


def reasons_reading(field: str) -> list[Use]:
    """This function will list the churn reasons whose rule reads a field. No reason could be told without it."""
    return [_use_of_reason(each) for each, rule in _rules_of_reasons() if field in fields_in(rule)]


def tiers_in(rule: Node) -> frozenset[str]:
    """This function will name the tiers, by their short names, that a rule asks for."""
    asked = (leaf.value for leaf in leaves(rule) if isinstance(leaf, Compare) and leaf.field == "tier")
    return frozenset(
        str(name) for value in asked if value is not None for name in (value if isinstance(value, list | tuple) else [value])
    )


def segments_of_tier(slug: str) -> list[Use]:
    """This function will list the segments whose rule names a tier. None of them could be counted without it."""
    return [
        _use(each)
        for each in Segment.objects.filter(version__isnull=False).select_related("version").order_by("name")
        if (rule := _rule_of(each)) is not None and slug in tiers_in(rule)
    ]


def reasons_of_tier(slug: str) -> list[Use]:
    return [_use_of_reason(each) for each, rule in _rules_of_reasons() if slug in tiers_in(rule)]


def _rules_of_reasons() -> Iterator[tuple[ChurnReason, Node]]:
    for each in listed():
        with suppress(RuleErrors):
            yield each, parse(each.rule)


def _use_of_reason(each: ChurnReason) -> Use:
    return Use(str(each), "", holds=True, label="retention_churnreason", pk=each.pk)


def _fields_of(segment: Segment) -> frozenset[str]:
    rule = _rule_of(segment)
    return frozenset() if rule is None else fields_in(rule)


def _rule_of(segment: Segment) -> Node | None:
    with suppress(RuleErrors):
        return parse(segment.version.rule) if segment.version else None
    return None


def _use(segment: Segment) -> Use:
    return Use(segment.name, "", holds=True, label="retention_segment", pk=segment.pk)
