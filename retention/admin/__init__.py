"""Screens in Django admin: segments, lifecycle bands, models, refreshes, and what a member's page shows of them."""

from retention.admin import bands, losses, models, panels, reports, runs, segments, sources, upkeep

__all__ = ["bands", "losses", "models", "panels", "reports", "runs", "segments", "sources", "upkeep"]
