"""What this room gives the rule builder: the catalogue, the segments, and who counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from core.admin.rules import RuleSource, rule_sources
from retention.fields import catalogue
from retention.models import Segment
from rules.schema import schema


def catalogue() -> Mapping[str, Any]:
    """The builder needs the lists of fields and operators, not the definitions that integrators validate with."""
    described = schema(catalogue(), translate=gettext)
    return {part: described[part] for part in ("fields", "operators", "limits")}


def segments() -> list[tuple[str, str]]:
    return list(Segment.objects.order_by("name", "pk").values_list("slug", "name"))


rule_sources.register(
    RuleSource(
        "retention",
        catalogue,
        segments,
        preview="admin:retention_rule_preview",
        make="admin:retention_segment_add",
        may_make="retention.add_segment",
    )
)
