"""What events tell of a message: the same of its sending, its opening and its click, so that rules ask each alike."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery

from campaigns.models import Campaign, Delivery
from members.services.own_events import Told


def told_of(messages: QuerySet[Delivery]) -> list[Told]:
    """This function will give what is noted of each message: its channel and its campaign's short name."""
    slug = Campaign.objects.filter(pk=OuterRef("campaign_id")).values("slug")
    found = messages.annotate(slug=Subquery(slug)).values_list("pk", "member_id", "channel", "slug")
    return [(pk, member_id, {"channel": channel, "campaign": campaign}) for pk, member_id, channel, campaign in found]
