"""Screens in Django admin: members, what they ordered and did, what is sold, what came in, how good it is."""

from members.admin import (
    attributes,
    consents,
    duplicates,
    earning,
    events,
    growth,
    imports,
    members,
    orders,
    panels,
    points,
    policies,
    products,
    quality,
)

__all__ = [
    "attributes",
    "consents",
    "duplicates",
    "earning",
    "events",
    "growth",
    "imports",
    "members",
    "orders",
    "panels",
    "points",
    "policies",
    "products",
    "quality",
]
