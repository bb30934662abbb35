"""Whether an offer may be used now: every reason against it, in one fixed order."""

from __future__ import annotations

from datetime import datetime

from campaigns.coupons.lookup import Holder, Offer
from campaigns.coupons.refusals import Refusal
from campaigns.models import CouponState, MemberRedemptions, Origin


def first_refusal(offer: Offer, holder: Holder, *, amount_minor: int | None, now: datetime) -> Refusal | None:
    """This function will give the first reason, in the order of `Refusal`, why the offer cannot be used, or None.

    An amount that is not given is not tested. This is a look, not a guard: what races is tested again where it is written.
    """
    return (
        _of_the_code(offer, holder)
        or _of_the_moment(offer, now)
        or _of_the_amount(offer, amount_minor)
        or _of_the_limits(offer, holder)
    )


def _of_the_code(offer: Offer, holder: Holder) -> Refusal | None:
    if offer.template.origin == Origin.PLATFORM:
        return Refusal.PLATFORM_COUPON
    if offer.coupon is None:
        return None
    if offer.coupon.state == CouponState.VOIDED:
        return Refusal.VOIDED
    if offer.coupon.member_id is not None and holder.named and offer.coupon.member_id != holder.member_id:
        return Refusal.WRONG_MEMBER
    if offer.coupon.state == CouponState.REDEEMED:
        return Refusal.ALREADY_REDEEMED
    return None


def _of_the_moment(offer: Offer, now: datetime) -> Refusal | None:
    if not offer.validity.begun(now):
        return Refusal.NOT_YET_VALID
    expired = offer.coupon is not None and offer.coupon.state == CouponState.EXPIRED
    return Refusal.EXPIRED if expired or offer.validity.over(now) else None


def _of_the_amount(offer: Offer, amount_minor: int | None) -> Refusal | None:
    if amount_minor is not None and amount_minor < offer.template.minimum_minor:
        return Refusal.BELOW_MINIMUM
    return None


def _of_the_limits(offer: Offer, holder: Holder) -> Refusal | None:
    """Only a public code has limits at its use; those of a coupon of its own were kept when it was issued."""
    if offer.coupon is not None:
        return None
    template = offer.template
    if holder.member_id is not None and template.per_member_limit is not None:
        mine = MemberRedemptions.objects.filter(template=template, member_id=holder.member_id)
        if mine.filter(used__gte=template.per_member_limit).exists():
            return Refusal.MEMBER_LIMIT
    if template.total_limit is not None and template.redeemed >= template.total_limit:
        return Refusal.EXHAUSTED
    return None
