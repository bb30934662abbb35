"""Rules of many segments in words, with the segments that they mention read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retention.models import Segment, SegmentVersion
from retention.selectors.rules import Rulebook, writer
from rules.errors import RuleErrors


def sentences_of_segments(segments: Sequence[Segment]) -> dict[str, str]:
    """This function will say the rules of these segments in words, by slug; a fixed list has none."""
    documents = {each.slug: each.version.rule for each in segments if each.version is not None and not each.static}
    return _said(documents)


def sentences_of_versions(versions: Sequence[SegmentVersion]) -> dict[int, str]:
    return _said({each.pk: each.rule for each in versions})


def sentences_of_rules(documents: Sequence[Any]) -> list[str]:
    """This function will say each rule in words, in their order; empty for one that cannot be read any more."""
    return list(_said(dict(enumerate(documents))).values())


def sentences_by_name(documents: Mapping[str, Any]) -> dict[str, str]:
    """This function will say rules in words, by whatever names them."""
    return _said(dict(documents))


def _said(documents: dict[Any, Any]) -> dict[Any, str]:
    """A rule that can no longer be read (its field is gone) has no sentence; its segment says so as its error."""
    rulebook = Rulebook()
    author = writer(rulebook)
    said = {}
    for key, document in documents.items():
        try:
            said[key] = author.sentence(rulebook.read(document))
        except RuleErrors:
            said[key] = ""
    return said
