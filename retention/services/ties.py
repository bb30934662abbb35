"""What is inferred of a member goes with the member, the tier too; who stands on a list stays: somebody put them there."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count, F

from core.registry import MemberTies
from members.models import MemberTier, TierChange
from retention.models import MemberFacts, MemberForecast, MemberMask, Membership, Segment, StaticMember


def holding(member_ids: Collection[int]) -> set[int]:
    return set(StaticMember.objects.filter(member_id__in=member_ids).values_list("member_id", flat=True))


def clear(member_ids: Collection[int]) -> None:
    """This function will take members off every segment, without a transition: nobody left."""
    memberships = Membership.objects.filter(member_id__in=member_ids)
    for segment_id, count in list(memberships.values_list("segment_id").annotate(Count("id")).order_by("segment_id")):
        Segment.objects.filter(pk=segment_id, member_count__gte=count).update(member_count=F("member_count") - count)
    memberships.delete()
    MemberMask.objects.filter(member_id__in=member_ids).delete()
    MemberFacts.objects.filter(pk__in=member_ids).delete()
    MemberForecast.objects.filter(pk__in=member_ids).delete()
    for worked_out in (MemberTier, TierChange):
        worked_out.objects.filter(member_id__in=member_ids).delete()


TIES = MemberTies("retention", holding=holding, clear=clear)
