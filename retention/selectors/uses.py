"""Who names a segment: other segments in their rules, and what higher apps say of themselves."""

from __future__ import annotations

from core.registry import SegmentUse, Use, segment_uses
from retention.selectors.rules import Rulebook


def uses_of(slug: str) -> list[tuple[SegmentUse, Use]]:
    """This function will list everything that names a segment, with the app's word for its kind."""
    return [(each, use) for each in segment_uses for use in each.rows(slug)]


def segments_naming(slug: str) -> list[Use]:
    """This function will list the segments whose rule names this one. None of them could be counted without it."""
    rulebook = Rulebook()
    users = (rulebook.segments[user] for user in rulebook.users_of(slug))
    return [Use(each.name, "", holds=True, label="retention_segment", pk=each.pk) for each in users]
