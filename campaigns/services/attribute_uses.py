"""Which campaigns read an attribute of a shop's own, in their audience or their exclusion."""

from __future__ import annotations

from campaigns.models import CampaignVersion
from campaigns.services.segment_uses import campaigns_with
from core.registry import Use
from rules.ast import fields_in
from rules.parse import parse


def campaigns_reading(field: str) -> list[Use]:
    """This function will list the campaigns whose version reads a field; those under way cannot do without it."""
    return campaigns_with(field, _fields_read)


def _fields_read(version: CampaignVersion) -> frozenset[str]:
    rules = [parse(rule) for rule in (version.audience, version.exclusion) if rule is not None]
    return frozenset(name for rule in rules for name in fields_in(rule))
