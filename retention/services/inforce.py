"""Everything besides facts that segments depend on, read at one moment, and its signature."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from members.fields import ATTRIBUTE, attribute_fields
from members.models import TierScheme
from retention.fields import CHURN_REASON
from retention.models import Segment
from retention.scored import Published, published
from retention.scoring.parameters import Parameters
from retention.selectors.reasons import listed
from retention.selectors.rules import Rulebook
from rules.ast import fields_in, segments_in
from rules.errors import RuleErrors
from rules.parse import parse

FORMULAS = 2
"""Raised when a release changes what a field or score means: everybody is then asked again, once."""


@dataclass(frozen=True)
class InForce:
    """The segments with their rules and the parameters of scores, as one refresh uses them from beginning to end."""

    segments: Mapping[str, Segment]
    published: Published
    attributes: Mapping[str, str]
    """The types of the shop's own attributes, by the field that rules name them by."""
    tiers: int = 0
    """The version of the tier scheme by which everybody's tier was worked out; 0 without one."""
    tiers_wait: bool = False
    """Whether the scheme was changed since."""

    @cached_property
    def rulebook(self) -> Rulebook:
        return Rulebook(self.segments)

    @property
    def parameters(self) -> Parameters:
        return self.published.parameters

    @property
    def measures(self) -> str:
        """The same for two moments between which no fit, band, tier, formula or reason changed: what rules read alike."""
        return _digest([FORMULAS, self.published.fits, asdict(self.parameters.bands), self.tiers, self._of_reasons])

    @cached_property
    def _of_reasons(self) -> list[Any]:
        """The rules that tell reasons, and what the segments and attributes mean that they read. Nothing while nobody asks
        for a reason: then a change of the list concerns nobody."""
        if not any(CHURN_REASON in self.read[slug].fields for slug in self.segments):
            return []
        rules = [(each.reason, each.rule) for each in listed() if each.active]
        read = [_read_rule(rule) for _reason, rule in rules]
        slugs = {inside for rule in read for slug in rule.segments for inside in _reached(slug, self.read)}
        named = {name for rule in read for name in rule.attributes}
        return [rules, self._meaning(slugs, named)]

    @property
    def signature(self) -> str:
        """The same for two moments between which no rule, list of segments, attribute, fit or band changed."""
        places = sorted((each.pk, each.word, each.bit, each.version_id or 0) for each in self.segments.values())
        return _digest([self.measures, places, sorted(self.attributes.items())])

    def meanings(self) -> dict[int, str]:
        """This function will name, by segment, what its rule means: its own version, those of all segments inside, and the
        types of the attributes that they read."""
        return {each.pk: self._meaning(_reached(each.slug, self.read)) for each in self.segments.values()}

    @cached_property
    def read(self) -> Mapping[str, _Read]:
        """What the rule of each segment mentions, by its short name."""
        return {segment.slug: _read(segment) for segment in self.segments.values()}

    def _meaning(self, slugs: set[str], named: Collection[str] = ()) -> str:
        inside = (self.segments[slug] for slug in slugs if slug in self.segments)
        attributes = {name for slug in slugs if slug in self.read for name in self.read[slug].attributes}
        types = sorted((name, self.attributes.get(name, "")) for name in attributes.union(named))
        return _digest([sorted((each.pk, each.version_id or 0) for each in inside), types])


def in_force() -> InForce:
    """This function will read rules and parameters as they are now."""
    segments = {segment.slug: segment for segment in Segment.objects.select_related("version")}
    attributes = {field.name: field.type.value for field in attribute_fields()}
    version, counted = TierScheme.objects.values_list("version", "counted_version").first() or (0, 0)
    return InForce(segments, published(), attributes, counted, tiers_wait=version != counted)


@dataclass(frozen=True, slots=True)
class _Read:
    """What a rule mentions: segments, and attributes of a shop's own. Nothing where it cannot be read any more."""

    segments: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()


def _read(segment: Segment) -> _Read:
    if segment.static or segment.version is None:
        return _Read()
    return _read_rule(segment.version.rule)


def _read_rule(document: object) -> _Read:
    try:
        rule = parse(document)
    except RuleErrors:
        return _Read()
    fields = fields_in(rule)
    return _Read(segments_in(rule), frozenset(name for name in fields if name.startswith(ATTRIBUTE)), fields)


def _reached(slug: str, read: Mapping[str, _Read]) -> set[str]:
    reached, waiting = {slug}, [slug]
    while waiting:
        inner = read.get(waiting.pop(), _Read()).segments - reached
        reached |= inner
        waiting += inner
    return reached


def _digest(named: object) -> str:
    return sha256(json.dumps(named).encode()).hexdigest()
