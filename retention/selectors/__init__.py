"""Reads over facts, scores and segments."""

from retention.selectors.matching import Preview, explain, matching, preview
from retention.selectors.sections import facts_rows, scores_rows
from retention.selectors.state import state

__all__ = ["Preview", "explain", "facts_rows", "matching", "preview", "scores_rows", "state"]
