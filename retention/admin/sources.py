"""What this room gives the rule builder: the catalogue, the segments, the shop's own values, and who counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from core.admin.rules import RuleSource, rule_sources
from retention.fields import catalogue
from retention.models import Segment
from rules.schema import schema

SUGGESTED = {
    **{name: name for name in ("city", "province", "source", "language")},
    "tags": "tag",
    "preferred_channel": "channel",
    "favourite_category": "category",
    **{f"where.{name}": name for name in ("category", "product", "shop", "channel", "payment_method", "keyword", "topic")},
    "where.city": "order_city",
    "where.province": "order_province",
}
"""Fields, and what behaviours are limited by, whose values are offered: the list of retention.selectors.values."""


def described() -> Mapping[str, Any]:
    """The builder needs lists of fields, behaviours and operators, not the definitions that integrators validate with."""
    whole = schema(catalogue(), translate=gettext)
    return {part: whole[part] for part in ("fields", "behaviours", "operators", "limits")}


def segments() -> list[tuple[str, str]]:
    return list(Segment.objects.order_by("name", "pk").values_list("slug", "name"))


rule_sources.register(
    RuleSource(
        "retention",
        described,
        segments,
        suggested=SUGGESTED,
        addresses={what: f"admin:retention_rule_{what}" for what in ("count", "stop", "values")},
        make="admin:retention_segment_add",
        may_make="retention.add_segment",
    )
)
