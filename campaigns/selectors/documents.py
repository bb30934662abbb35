"""A campaign as people write it, made from what is stored."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from campaigns.models import Campaign


def document_of(campaign: Campaign) -> dict[str, Any]:
    """This function will return the contract's campaign item; reading it again gives the same campaign."""
    version = campaign.version
    document: dict[str, Any] = {
        "slug": campaign.slug,
        "name": campaign.name,
        "starts_at": _text(campaign.starts_at),
        "ends_at": _text(campaign.ends_at),
    }
    if version is not None:
        document |= {
            "trigger": version.trigger,
            "audience": version.audience,
            "exclusion": version.exclusion,
            "steps": version.steps,
            "control_share": version.control_share,
            "re_entry": version.re_entry,
            "attribution_days": version.attribution_days,
        }
    return document


def edition_of(campaign: Campaign) -> str:
    """This function will name what a campaign says: another name once anything else is saved."""
    said = json.dumps([campaign.pk, document_of(campaign)], sort_keys=True)
    return sha256(said.encode()).hexdigest()[:16]


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
