"""Screens in Django admin: segments, lifecycle bands, tiers, models, refreshes, and what a member's page shows of them."""

from retention.admin import bands, models, panels, reasons, reports, runs, segments, sources, tiers, upkeep

__all__ = ["bands", "models", "panels", "reasons", "reports", "runs", "segments", "sources", "tiers", "upkeep"]
