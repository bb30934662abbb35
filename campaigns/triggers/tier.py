"""When a member's tier changes, and when it is about to: read from what refreshes wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any

import msgspec
from django.db.models import Case, CharField, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from campaigns.triggers.base import Candidates, Trigger
from campaigns.triggers.segment import last_run_id
from core.conf import shop_zone
from core.errors import FieldProblem
from core.periods import date_of, day_number
from members.models import MemberTier, Tier, TierCause, TierChange

DropDays = Annotated[int, msgspec.Meta(ge=1, le=90)]
OF_THE_MEMBER = (TierCause.REACHED, TierCause.REVIEW, TierCause.REFUND)
"""Changes that come of what members did. A first tier and a scheme that was changed are the shop's own doing."""


class Direction(Enum):
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    EITHER = "either"


class TierChanged(Trigger):
    """An occasion is (member, change). With `tier` only those count who came to hold it."""

    code = "tier_changed"
    label = _("when a member's tier changes")
    default_re_entry = "per_occurrence"

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        direction: Direction = Direction.EITHER
        tier: str | None = None

    def problems(self, params: Any) -> Iterator[FieldProblem]:
        if params.tier is not None and not Tier.objects.in_force().filter(slug=params.tier).exists():
            yield FieldProblem("tier", "unknown_tier", _("There is no tier “%(slug)s”.") % {"slug": params.tier})

    def starting_point(self, params: Any) -> Mapping[str, Any]:
        return {"planned_run_id": last_run_id() or 0}

    def candidates(self, *, campaign: Campaign, params: Any, now: datetime) -> Candidates | None:
        # Read before the rows: a refresh that commits in between is left, whole, to the next planning.
        until = last_run_id()
        if until is None or campaign.planned_run_id == until:
            return None
        changed = TierChange.objects.filter(run_id__gt=campaign.planned_run_id or 0, run_id__lte=until)
        changed = changed.filter(cause__in=OF_THE_MEMBER, came_from__isnull=False)
        if campaign.starts_at is not None:
            changed = changed.filter(at__gte=campaign.starts_at)
        if params.direction is not Direction.EITHER:
            changed = changed.filter(upgraded=params.direction is Direction.UPGRADED)
        if params.tier is not None:
            changed = changed.filter(went_to__slug=params.tier)
        rows = changed.annotate(occurrence=Concat(Value("tier:"), Cast("id", CharField())))
        return Candidates(rows=rows, progress={"planned_run_id": until})


class TierDropping(Trigger):
    """An occasion is (member, the day on which the tier will drop). It opens `days_before` days before that day."""

    code = "tier_dropping"
    label = _("before a member's tier drops")
    default_re_entry = "per_occurrence"

    class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
        days_before: DropDays = 30

    def candidates(self, *, campaign: Campaign, params: Any, now: datetime) -> Candidates | None:
        today, run = day_number(now, shop_zone()), last_run_id()
        if run is None or (campaign.planned_run_id, campaign.planned_day) == (run, today):
            return None
        held = MemberTier.objects.filter(drop_day__gt=today, drop_day__lte=today + params.days_before)
        return Candidates(
            rows=_by_day(held, today, params.days_before), progress={"planned_run_id": run, "planned_day": today}
        )


def _by_day(held: QuerySet[MemberTier], today: int, days: int) -> QuerySet[Any, Any]:
    """Named after the date, which few words write: there are as many as days before."""
    first = date_of(today)
    whens = [
        When(Q(drop_day=today + ahead), then=Value(f"tier_drop:{(first + timedelta(days=ahead)).isoformat()}"))
        for ahead in range(1, days + 1)
    ]
    return held.annotate(occurrence=Case(*whens, default=Value(""), output_field=CharField()))
