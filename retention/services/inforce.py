"""Everything besides facts that segments depend on, read at one moment, and its signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256

from members.fields import ATTRIBUTE, attribute_fields
from members.models import TierScheme
from retention.models import Segment
from retention.scored import Published, published
from retention.scoring.parameters import Parameters
from retention.selectors.rules import Rulebook
from rules.ast import fields_in, segments_in
from rules.errors import RuleErrors
from rules.parse import parse

FORMULAS = 2
"""Raised when a release changes what a field or score means: everybody is then asked again, once."""


@dataclass(frozen=True, slots=True)
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

    @property
    def rulebook(self) -> Rulebook:
        return Rulebook(self.segments)

    @property
    def parameters(self) -> Parameters:
        return self.published.parameters

    @property
    def measures(self) -> str:
        """The same for two moments between which no fit, band, tier or formula changed: what all rules read alike."""
        return _digest([FORMULAS, self.published.fits, asdict(self.parameters.bands), self.tiers])

    @property
    def signature(self) -> str:
        """The same for two moments between which no rule, list of segments, attribute, fit or band changed."""
        places = sorted((each.pk, each.word, each.bit, each.version_id or 0) for each in self.segments.values())
        return _digest([self.measures, places, sorted(self.attributes.items())])

    def meanings(self) -> dict[int, str]:
        """This function will name, by segment, what its rule means: its own version, those of all segments inside, and the
        types of the attributes that they read."""
        read = {segment.slug: _read(segment) for segment in self.segments.values()}
        return {each.pk: self._meaning(_reached(each.slug, read), read) for each in self.segments.values()}

    def _meaning(self, slugs: set[str], read: Mapping[str, _Read]) -> str:
        inside = (self.segments[slug] for slug in slugs if slug in self.segments)
        attributes = {name for slug in slugs if slug in read for name in read[slug].attributes}
        types = sorted((name, self.attributes.get(name, "")) for name in attributes)
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


def _read(segment: Segment) -> _Read:
    if segment.static or segment.version is None:
        return _Read()
    try:
        rule = parse(segment.version.rule)
    except RuleErrors:
        return _Read()
    named = frozenset(name for name in fields_in(rule) if name.startswith(ATTRIBUTE))
    return _Read(segments_in(rule), named)


def _reached(slug: str, read: Mapping[str, _Read]) -> set[str]:
    reached, waiting = {slug}, [slug]
    while waiting:
        inner = read.get(waiting.pop(), _Read()).segments - reached
        reached |= inner
        waiting += inner
    return reached


def _digest(named: object) -> str:
    return sha256(json.dumps(named).encode()).hexdigest()
