"""Which campaigns name a segment: in their trigger, their audience or their exclusion."""

from __future__ import annotations

from collections.abc import Callable, Collection

from campaigns.models import Campaign, CampaignStatus, CampaignVersion
from campaigns.services.freshness import segments_named
from core.registry import Use
from rules.errors import RuleErrors

GOING_ON = frozenset({CampaignStatus.RUNNING, CampaignStatus.PAUSED})
"""A draft is checked when it is started, a finished campaign asks nobody any more."""


def campaigns_naming(slug: str) -> list[Use]:
    """This function will list the campaigns whose version names a segment; those under way cannot do without it."""
    return campaigns_with(slug, segments_named)


def campaigns_with(name: str, names_in: Callable[[CampaignVersion], Collection[str]]) -> list[Use]:
    """This function will list the campaigns in whose version `names_in` finds a name. Rules nobody can read name nothing."""
    campaigns = Campaign.objects.select_related("version").order_by("name", "pk")
    return [
        Use(each.name, each.get_status_display(), holds=each.status in GOING_ON, label="campaigns_campaign", pk=each.pk)
        for each in campaigns
        if each.version is not None and _holds(each.version, name, names_in)
    ]


def _holds(version: CampaignVersion, name: str, names_in: Callable[[CampaignVersion], Collection[str]]) -> bool:
    try:
        return name in names_in(version)
    except RuleErrors:
        return False
