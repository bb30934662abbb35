"""Everything besides facts that segments depend on, read at one moment, and its signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256

from retention.models import Segment
from retention.scored import Published, published
from retention.scoring.parameters import Parameters
from retention.selectors.rules import Rulebook
from rules.ast import StaticList, segments_in
from rules.errors import RuleErrors

FORMULAS = 2
"""Raised when a release changes what a field or score means: everybody is then asked again, once."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The segments with their rules and the parameters of scores, as one refresh uses them from beginning to end."""

    segments: Mapping[str, Segment]
    published: Published

    @property
    def rulebook(self) -> Rulebook:
        return Rulebook(self.segments)

    @property
    def parameters(self) -> Parameters:
        return self.published.parameters

    @property
    def measures(self) -> str:
        """The same for two moments between which no fit, band or formula changed: what all rules read alike."""
        return _digest([FORMULAS, self.published.fits, asdict(self.parameters.bands)])

    @property
    def signature(self) -> str:
        """The same for two moments between which no rule, list of segments, fit or band changed."""
        places = sorted((each.pk, each.word, each.bit, each.version_id or 0) for each in self.segments.values())
        return _digest([self.measures, places])

    def meanings(self) -> dict[int, str]:
        """This function will name, by segment, what its rule means: its own version and those of all segments inside."""
        mentioned = _mentioned(self.rulebook)
        return {each.pk: self._meaning(_reached(each.slug, mentioned)) for each in self.segments.values()}

    def _meaning(self, slugs: set[str]) -> str:
        inside = (self.segments[slug] for slug in slugs if slug in self.segments)
        return _digest(sorted((each.pk, each.version_id or 0) for each in inside))


def in_force() -> InForce:
    """This function will read rules and parameters as they are now."""
    segments = {segment.slug: segment for segment in Segment.objects.select_related("version")}
    return InForce(segments, published())


def _mentioned(rulebook: Rulebook) -> dict[str, frozenset[str]]:
    """The segments that each rule mentions; one that cannot be read mentions none, and cannot be counted either."""
    mentioned = {}
    for slug in rulebook:
        try:
            rule = rulebook[slug]
        except RuleErrors:
            continue
        mentioned[slug] = frozenset() if isinstance(rule, StaticList) else segments_in(rule)
    return mentioned


def _reached(slug: str, mentioned: Mapping[str, frozenset[str]]) -> set[str]:
    reached, waiting = {slug}, [slug]
    while waiting:
        inner = mentioned.get(waiting.pop(), frozenset()) - reached
        reached |= inner
        waiting += inner
    return reached


def _digest(named: object) -> str:
    return sha256(json.dumps(named).encode()).hexdigest()
