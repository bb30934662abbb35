"""By hand: everyone in the audience once, when the campaign starts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from django.db.models import F, Value
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from campaigns.triggers.base import Candidates, Trigger
from core.conf import shop_zone
from core.periods import day_number
from members.models import Member


class Manual(Trigger):
    code = "manual"
    label = _("once, when the campaign is started")
    asks_everybody = True

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        """Nothing to fill in."""

    def candidates(self, *, campaign: Campaign, params: Any, now: datetime) -> Candidates | None:
        if campaign.planned_day is not None:
            return None
        return Candidates(
            rows=Member.objects.annotate(member_id=F("pk"), occurrence=Value("manual")),
            progress={"planned_day": day_number(now, shop_zone())},
        )
