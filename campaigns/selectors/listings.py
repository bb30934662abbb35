"""Lists of campaigns, enrolments, coupons and messages as other systems ask for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from campaigns.coupons.lookup import Offer, look_up
from campaigns.models import (
    Campaign,
    Coupon,
    CouponState,
    CouponTemplate,
    Delivery,
    Enrolment,
    Redemption,
    Reward,
)
from members.models import Member
from members.selectors import member_ids_called

NOBODY = 0
"""No member has this id."""


def campaign_listing(*, status: str = "") -> QuerySet[Campaign]:
    campaigns = Campaign.objects.select_related("version")
    return campaigns.filter(status=status) if status else campaigns


def campaign_called(slug: str, *, hold: bool = False) -> Campaign | None:
    """This function will find a campaign and, with `hold`, keep others from changing it until the transaction ends."""
    campaigns = campaign_listing().filter(slug=slug)
    return (campaigns.select_for_update(of=("self",)) if hold else campaigns).first()


def template_listing(*, origin: str = "") -> QuerySet[CouponTemplate]:
    return CouponTemplate.objects.filter(origin=origin) if origin else CouponTemplate.objects.all()


def template_called(slug: str, *, hold: bool = False) -> CouponTemplate | None:
    """This function will find a template and, with `hold`, keep others from changing it until the transaction ends."""
    templates = CouponTemplate.objects.filter(slug=slug)
    return (templates.select_for_update(no_key=True) if hold else templates).first()


def reward_listing(*, offered: bool | None = None) -> QuerySet[Reward]:
    rewards = Reward.objects.select_related("template")
    return rewards if offered is None else rewards.filter(offered=offered)


def reward_called(slug: str) -> Reward | None:
    return reward_listing().filter(slug=slug).first()


def enrolment_listing(*, campaign: Campaign, member: str = "", **columns: str) -> QuerySet[Enrolment]:
    """This function will return a campaign's enrolments; `columns` names those that must equal a value."""
    enrolments = Enrolment.objects.filter(campaign=campaign, **columns)
    if member:
        enrolments = enrolments.filter(member_id=member_id_of(member) or NOBODY)
    return enrolments


def coupons_of(member_id: int) -> QuerySet[Coupon]:
    return Coupon.objects.filter(member_id=member_id).select_related("template")


def messages_of(member_id: int) -> QuerySet[Delivery]:
    return Delivery.objects.filter(member_id=member_id)


def member_id_of(external_id: str) -> int | None:
    """This function will return the member of this id, or who answers for it since the two were merged."""
    return member_ids_called([external_id]).get(external_id)


def external_ids(member_ids: Collection[int | None]) -> dict[int, str]:
    """This function will return the shop's own ids of members, in one statement for a whole page."""
    known = Member.objects.filter(pk__in={each for each in member_ids if each is not None})
    return dict(known.values_list("pk", "external_id"))


def campaign_slugs(campaign_ids: Collection[int]) -> dict[int, str]:
    return dict(Campaign.objects.filter(pk__in=set(campaign_ids)).values_list("pk", "slug"))


@dataclass(frozen=True, slots=True)
class CouponStanding:
    """A coupon, or a public code on its own, as it stands at a moment."""

    code: str
    template: CouponTemplate
    state: str
    member: str | None
    issued_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    order: str | None
    redeemed_at: datetime | None


def coupon_standing(*, code: str, now: datetime) -> CouponStanding:
    """This function will say how a code stands, or refuse one that never was."""
    offer, _nobody = look_up(code, None)
    if offer.coupon is not None:
        return coupon_standings([offer.coupon], now=now)[0]
    return CouponStanding(
        code=offer.code,
        template=offer.template,
        state=_state(offer, CouponState.ISSUED, now),
        member=None,
        issued_at=None,
        valid_from=offer.validity.since,
        valid_until=offer.validity.until,
        order=None,
        redeemed_at=None,
    )


def coupon_standings(coupons: Sequence[Coupon], *, now: datetime) -> list[CouponStanding]:
    """This function will say how coupons (with their templates) stand: two statements, however many they are."""
    held = Redemption.objects.filter(coupon__in=coupons, rolled_back_at__isnull=True)
    uses = {redemption.coupon_id: redemption for redemption in held}
    names = external_ids([coupon.member_id for coupon in coupons])
    return [_standing(coupon, uses.get(coupon.pk), names, now) for coupon in coupons]


def _standing(coupon: Coupon, use: Redemption | None, names: dict[int, str], now: datetime) -> CouponStanding:
    offer = Offer(coupon.code, coupon.template, coupon)
    return CouponStanding(
        code=coupon.code,
        template=coupon.template,
        state=_state(offer, coupon.state, now),
        member=None if coupon.member_id is None else names.get(coupon.member_id),
        issued_at=coupon.issued_at,
        valid_from=coupon.valid_from,
        valid_until=coupon.valid_until,
        order=None if use is None else use.order,
        redeemed_at=None if use is None else use.redeemed_at,
    )


def _state(offer: Offer, stored: str, now: datetime) -> str:
    """Expiry is written down by a periodic pass; whoever asks before it hears the truth already."""
    over = stored == CouponState.ISSUED and offer.validity.over(now)
    return CouponState.EXPIRED.value if over else str(stored)


def coupon_number(code: str) -> int | None:
    """This function will find a coupon by a code of its own."""
    return Coupon.objects.filter(public=False, code=code).values_list("pk", flat=True).first()
