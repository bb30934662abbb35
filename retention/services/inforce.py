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

FORMULAS = 1
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
    def signature(self) -> str:
        """The same for two moments between which no rule, list of segments, fit or band changed."""
        places = sorted((each.pk, each.word, each.bit, each.version_id or 0) for each in self.segments.values())
        named = [FORMULAS, places, self.published.fits, asdict(self.parameters.bands)]
        return sha256(json.dumps(named).encode()).hexdigest()


def in_force() -> InForce:
    """This function will read rules and parameters as they are now."""
    segments = {segment.slug: segment for segment in Segment.objects.select_related("version")}
    return InForce(segments, published())
