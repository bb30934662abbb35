"""Screens in Django admin: members, what they ordered and did, what is sold, what came in, how good it is."""

from members.admin import (
    attributes,
    duplicates,
    earning,
    event_policy,
    events,
    growth,
    imports,
    members,
    orders,
    panels,
    points,
    privacy,
    products,
    quality,
)

__all__ = [
    "attributes",
    "duplicates",
    "earning",
    "event_policy",
    "events",
    "growth",
    "imports",
    "members",
    "orders",
    "panels",
    "points",
    "privacy",
    "products",
    "quality",
]
