"""Which campaigns name a segment: in their trigger, their audience or their exclusion."""

from __future__ import annotations

from campaigns.models import Campaign, CampaignStatus, CampaignVersion
from campaigns.services.freshness import segments_named
from core.registry import Use
from rules.errors import RuleErrors

GOING_ON = frozenset({CampaignStatus.RUNNING, CampaignStatus.PAUSED})
"""A draft is checked when it is started, a finished campaign asks nobody any more."""


def campaigns_naming(slug: str) -> list[Use]:
    """This function will list the campaigns whose version names a segment; those under way cannot do without it."""
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
        if each.version is not None and slug in _named(each.version)
    ]


def _named(version: CampaignVersion) -> frozenset[str]:
    try:
        return segments_named(version)
    except RuleErrors:
        return frozenset()
