"""Which campaigns read an attribute of a shop's own, or name a tier, in their audience or their exclusion."""

from __future__ import annotations

from campaigns.models import CampaignVersion
from campaigns.services.segment_uses import campaigns_with
from core.registry import Use
from retention.selectors.uses import tiers_in
from rules.ast import Node, fields_in
from rules.parse import parse


def campaigns_reading(field: str) -> list[Use]:
    """This function will list the campaigns whose version reads a field; those under way cannot do without it."""
    return campaigns_with(field, _fields_read)


def campaigns_of_tier(slug: str) -> list[Use]:
    """This function will list the campaigns whose version names a tier; those under way cannot do without it."""
    return campaigns_with(slug, lambda version: {name for rule in _rules(version) for name in tiers_in(rule)})


def _fields_read(version: CampaignVersion) -> frozenset[str]:
    return frozenset(name for rule in _rules(version) for name in fields_in(rule))


def _rules(version: CampaignVersion) -> list[Node]:
    return [parse(rule) for rule in (version.audience, version.exclusion) if rule is not None]
