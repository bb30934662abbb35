"""Whom a campaign would reach if it started now, and what it would give them: counted before anybody presses Start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.models import BenefitKind, CampaignVersion, CouponTemplate
from campaigns.selectors.batches import Topic
from members.models import Channel, Purpose
from members.selectors import members_reachable
from retention.selectors import matching


@dataclass(frozen=True, slots=True)
class Promise:
    """Coupons of one template: at most how many, and what they are worth where that is an amount."""

    name: str
    coupons: int
    worth_minor: int | None


@dataclass(frozen=True, slots=True)
class Reach:
    """`held_out` is what the share of the control group comes to; who it is is drawn when a member becomes due. `reachable`
    goes by the channels and purposes of the messages."""

    members: int
    held_out: int
    reachable: Mapping[Topic, int]
    promises: tuple[Promise, ...]


def reach(version: CampaignVersion) -> Reach:
    """This function will count the audience less the exclusion, as of the last refresh."""
    audience = matching(rule=version.audience, exclusion=version.exclusion)
    members = audience.count()
    held_out = round(members * version.control_share)
    messages = [step for step in version.steps if step.get("kind") == "send_message"]
    topics = {(str(step["channel"]), str(step.get("purpose", Purpose.MARKETING.value))) for step in messages}
    known = sorted((channel, purpose) for channel, purpose in topics if channel in Channel.values)
    return Reach(
        members=members,
        held_out=held_out,
        reachable={
            (channel, purpose): members_reachable(channel, purpose).filter(pk__in=audience.values("member_id")).count()
            for channel, purpose in known
        },
        promises=tuple(_promises(version.steps, members - held_out)),
    )


def _promises(steps: Iterable[Mapping[str, Any]], treated: int) -> Iterable[Promise]:
    slugs = [str(step["template"]) for step in steps if step.get("kind") == "issue_coupon"]
    templates = {each.slug: each for each in CouponTemplate.objects.filter(slug__in=slugs)}
    for slug in slugs:
        if template := templates.get(slug):
            coupons = min(treated, _left(template, treated))
            amount = template.amount_minor if template.benefit == BenefitKind.FIXED else None
            yield Promise(template.name, coupons, None if amount is None else coupons * amount)


def _left(template: CouponTemplate, treated: int) -> int:
    """A public code is bounded by its uses, not by how many wallets it lies in."""
    if template.total_limit is None or template.public:
        return treated
    return max(0, template.total_limit - template.issued)
