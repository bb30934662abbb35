"""Which campaigns read an attribute of a shop's own, in their audience or their exclusion."""

from __future__ import annotations

from campaigns.models import Campaign, CampaignVersion
from campaigns.services.segment_uses import GOING_ON
from core.registry import Use
from rules.ast import fields_in
from rules.errors import RuleErrors
from rules.parse import parse


def campaigns_reading(field: str) -> list[Use]:
    """This function will list the campaigns whose version reads a field; those under way cannot do without it."""
    campaigns = Campaign.objects.select_related("version").order_by("name", "pk")
    return [
        Use(
            each.name,
            each.get_status_display(),
            holds=each.status in GOING_ON,
            label="campaigns_campaign",
            pk=each.pk,
        )
        for each in campaigns
        if each.version is not None and field in _read_by(each.version)
    ]


def _read_by(version: CampaignVersion) -> frozenset[str]:
    try:
        rules = [parse(rule) for rule in (version.audience, version.exclusion) if rule is not None]
    except RuleErrors:
        return frozenset()
    return frozenset(name for rule in rules for name in fields_in(rule))
