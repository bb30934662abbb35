"""A finished campaign gives nothing any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from campaigns.guardrails.base import Guardrail, Verdict, suppress
from campaigns.models import CampaignStatus, Reason
from campaigns.selectors.batches import Batch


class StillRunning(Guardrail):
    """Finishing suppresses who waits; this is for who became due in the same moment. Paused campaigns come to no batch."""

    code = "still_running"
    label = _("the campaign is running")

    def verdicts(self, *, batch: Batch, now: datetime) -> Mapping[int, Verdict]:
        if batch.campaign.status != CampaignStatus.FINISHED:
            return {}
        return {row.id: suppress(Reason.CAMPAIGN_FINISHED) for row in batch.rows}
