"""What a member holds, what it gives, how far the next tier is, and how it came about; and how many hold each tier."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Any

from django.db.models import Count, Q, QuerySet

from core.periods import date_of
from members.models import MemberTier, Tier, TierChange, TierScheme
from members.services.tiers.drafts import BENEFITS

MOST_CHANGES = 100
"""How many changes of one member are told at once: more than any policy makes in ten years."""


@dataclass(frozen=True, slots=True)
class TierStanding:
    """A member's tier; `tier` None before anybody counted, `scheme` None while the shop has no tiers.

    `value` is what the measure adds up to in its window; `next` what is above the tier and how much is missing to it.
    """

    scheme: TierScheme | None
    tier: Tier | None
    since: date | None
    value: int
    next: NextTier | None
    will_drop_on: date | None

    @property
    def benefits(self) -> Mapping[str, Any] | None:
        return None if self.tier is None else benefits_of(self.tier)


@dataclass(frozen=True, slots=True)
class NextTier:
    tier: Tier
    missing: int


def benefits_of(tier: Tier) -> dict[str, Any]:
    """This function will give what a tier gives, by name."""
    return {name: getattr(tier, name) for name in BENEFITS}


def tier_standing(*, member_id: int) -> TierStanding:
    """This function will tell a member's tier as the last refresh left it."""
    scheme = TierScheme.objects.first()
    held = MemberTier.objects.select_related("tier").filter(pk=member_id).first()
    if scheme is None or held is None:
        return TierStanding(scheme, None, None, 0, None, None)
    above = Tier.objects.in_force().filter(level__gt=held.tier.level).first()
    missing = NextTier(above, max(above.threshold - held.value, 0)) if above else None
    drops = None if held.drop_day is None else date_of(held.drop_day)
    return TierStanding(scheme, held.tier, date_of(held.since_day), held.value, missing, drops)


def changes_of(member_id: int) -> QuerySet[TierChange]:
    """This function will select a member's history, newest first, as much of it as is told at once."""
    rows = TierChange.objects.filter(member_id=member_id).select_related("came_from", "went_to")
    return rows.order_by("-id")[:MOST_CHANGES]


def tiers_with_members() -> QuerySet[Tier]:
    """This function will select the tiers in force with how many members hold each."""
    return Tier.objects.in_force().annotate(members=Count("holders"))


def holders_by_tier() -> dict[int, int]:
    """This function will count who holds each tier, by its id."""
    rows = MemberTier.objects.values_list("tier_id").annotate(Count("pk")).order_by("tier_id")
    return dict(rows)


def near_next_tier() -> dict[int, int]:
    """This function will count, by tier id, the members who lack at most a fifth of the next tier's threshold."""
    near = (
        Q(tier=tier, value__gte=above.threshold - above.threshold // 5) for tier, above in pairwise(Tier.objects.in_force())
    )
    rows = MemberTier.objects.filter(reduce(or_, near, Q(pk__in=[])))
    return dict(rows.values_list("tier_id").annotate(Count("pk")).order_by("tier_id"))


def tiers_held(member_ids: Collection[int]) -> dict[int, Tier]:
    """This function will return the tier of each member who holds one."""
    held = MemberTier.objects.select_related("tier").filter(pk__in=member_ids)
    return {row.pk: row.tier for row in held}


def any_tiers() -> bool:
    return Tier.objects.in_force().exists()


def members_of_tier(slug: str) -> QuerySet[MemberTier, Any] | None:
    """This function will select the ids of the members who hold a tier, from an index of its own; None for no tier."""
    tier = Tier.objects.in_force().filter(slug=slug).first()
    return None if tier is None else MemberTier.objects.filter(tier=tier).values("member_id")
