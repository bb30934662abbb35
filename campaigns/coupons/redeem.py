"""Validate, redeem, give back. A code and an order number are the key of a use: every call may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from campaigns.coupons.benefits import discount_minor
from campaigns.coupons.eligibility import first_refusal
from campaigns.coupons.lookup import Holder, Offer, look_up
from campaigns.coupons.refusals import CouponRefused, Refusal
from campaigns.coupons.writing import Use, record_use, take_back
from campaigns.models import Redemption
from core.errors import FieldProblem, InvalidInput
from members.models import DirtyMark, Member

ATTEMPTS = 5
"""How often a lost race is looked at again. Each loss means that another call succeeded; five in a row mean a queue."""

ORDER_LENGTH = 200
MEMBER_LENGTH = 200
AMOUNT_MAXIMUM = 10**15
"""Minor units. Origin: a percentage of it still fits a 64-bit column with room to spare."""


@dataclass(frozen=True, slots=True)
class Validation:
    """A code may be used: what it is, and what it takes off an order of the amount that was asked about."""

    offer: Offer
    amount_minor: int | None
    discount_minor: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.offer.code,
            "template": self.offer.template.slug,
            "benefit": self.offer.template.benefit,
            "minimum_minor": self.offer.template.minimum_minor,
            "valid_until": self.offer.validity.until,
            "amount_minor": self.amount_minor,
            "discount_minor": self.discount_minor,
        }


@dataclass(frozen=True, slots=True)
class RedemptionReceipt:
    """What was agreed when a code was used, and when it was given back, if it was. A repeated call gets the same again."""

    code: str
    order: str
    member: str | None
    template: str
    benefit: str
    amount_minor: int
    discount_minor: int
    redeemed_at: datetime
    rolled_back_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def validate(*, code: str, now: datetime, member: str | None = None, amount_minor: int | None = None) -> Validation:
    """This function will say what a code would take off, or refuse with the reason; nothing changes.

    Without a member the holder and the member's limit are not tested, without an amount the smallest order is not.
    """
    _demand_well_formed(order="-", member=member, amount_minor=0 if amount_minor is None else amount_minor)
    offer, holder = look_up(code, member)
    refusal = first_refusal(offer, holder, amount_minor=amount_minor, now=now)
    if refusal is not None:
        raise CouponRefused(refusal)
    return Validation(offer, amount_minor, None if amount_minor is None else discount_minor(offer.template, amount_minor))


def redeem(*, code: str, order: str, member: str | None, amount_minor: int, now: datetime) -> RedemptionReceipt:
    """This function will use a code for an order, once, however often and from however many sides it is asked to.

    1. Look: refuse for the first reason that stands against it.
    2. Write the use in one guarded statement; when another call came first, look again.
    3. If this order has used this code already, answer what was agreed then, whatever has changed since; with another amount
       or member it is a conflict.
    4. If it has given the code back, what stood against it may have been its own use: look once more before refusing.

    Neither the order nor the member need be known yet: a member named here for the first time is created.
    """
    _demand_well_formed(order=order, member=member, amount_minor=amount_minor)
    given_back: Redemption | None = None
    for _attempt in range(ATTEMPTS):
        offer, holder = look_up(code, member)
        refusal = first_refusal(offer, holder, amount_minor=amount_minor, now=now) or _needs_member(offer, holder)
        if refusal is None:
            receipt = _use(offer, holder, order=order, amount_minor=amount_minor, now=now)
            if receipt is not None:
                return receipt
        latest = _redemptions(offer, order).order_by(F("rolled_back_at").desc(nulls_first=True)).first()
        if latest is not None and latest.rolled_back_at is None:
            return _same_again(latest, offer, member, amount_minor)
        if refusal is not None and latest == given_back:
            raise CouponRefused(refusal)
        given_back = latest
    raise CouponRefused(Refusal.BUSY)


def roll_back(*, code: str, order: str, now: datetime) -> RedemptionReceipt:
    """This function will give back what an order used: the code, the place under the limit, the member's count.

    Again: the same answer. An order that never used the code is refused. Afterwards the code can be used again, by this
    order or another, if it has not expired meanwhile and nobody took the place.
    """
    _demand_well_formed(order=order, member=None, amount_minor=0)
    offer, _nobody = look_up(code, None)
    coupon_id = None if offer.coupon is None else offer.coupon.pk
    take_back(template_id=offer.template.pk, coupon_id=coupon_id, code=offer.code, order=order, now=now)
    latest = _redemptions(offer, order).filter(rolled_back_at__isnull=False).order_by("-pk").first()
    if latest is None:
        raise CouponRefused(Refusal.NOT_REDEEMED)
    return _receipt(latest, offer, _external_id(latest.member_id))


def _needs_member(offer: Offer, holder: Holder) -> Refusal | None:
    """What a look without a member lets pass, a use does not."""
    if holder.named:
        return None
    if offer.coupon is not None:
        return None if offer.coupon.member_id is None else Refusal.WRONG_MEMBER
    return None if offer.template.per_member_limit is None else Refusal.MEMBER_NEEDED


def _use(offer: Offer, holder: Holder, *, order: str, amount_minor: int, now: datetime) -> RedemptionReceipt | None:
    if holder.named and not holder.known:
        return _use_by_newcomer(offer, holder, order=order, amount_minor=amount_minor, now=now)
    use = Use(
        template_id=offer.template.pk,
        coupon_id=None if offer.coupon is None else offer.coupon.pk,
        code=offer.code,
        order=order,
        member_id=holder.member_id,
        amount_minor=amount_minor,
        discount_minor=discount_minor(offer.template, amount_minor),
        at=now,
    )
    if not record_use(use):
        return None
    return RedemptionReceipt(
        code=offer.code,
        order=order,
        member=holder.external_id,
        template=offer.template.slug,
        benefit=offer.template.benefit,
        amount_minor=amount_minor,
        discount_minor=use.discount_minor,
        redeemed_at=now,
    )


def _use_by_newcomer(
    offer: Offer, holder: Holder, *, order: str, amount_minor: int, now: datetime
) -> RedemptionReceipt | None:
    """A checkout may know a member before we do. Created together with the use: a refused one leaves nobody behind."""
    with transaction.atomic():
        member, created = Member.objects.get_or_create(external_id=holder.external_id, defaults={"created_at": now})
        if created:
            DirtyMark.objects.create(member_id=member.pk)
        known = Holder(holder.external_id, member.pk)
        receipt = _use(offer, known, order=order, amount_minor=amount_minor, now=now)
        if receipt is None:
            transaction.set_rollback(True)
        return receipt


def _redemptions(offer: Offer, order: str) -> Any:
    return Redemption.objects.filter(code=offer.code, order=order, template=offer.template)


def _same_again(earlier: Redemption, offer: Offer, member: str | None, amount_minor: int) -> RedemptionReceipt:
    """The member is looked for again: the call that made this use may have created them after we first looked."""
    _offer, holder = look_up(offer.code, member)
    if earlier.amount_minor != amount_minor:
        raise CouponRefused(
            Refusal.CONFLICT,
            _("This order has already used this code with another amount: %(amount)s, in minor units.")
            % {"amount": earlier.amount_minor},
        )
    if earlier.member_id != holder.member_id or (holder.named and not holder.known):
        raise CouponRefused(Refusal.CONFLICT, _("This order has already used this code for another member."))
    return _receipt(earlier, offer, holder.external_id)


def _receipt(redemption: Redemption, offer: Offer, member: str | None) -> RedemptionReceipt:
    return RedemptionReceipt(
        code=redemption.code,
        order=redemption.order,
        member=member,
        template=offer.template.slug,
        benefit=offer.template.benefit,
        amount_minor=redemption.amount_minor,
        discount_minor=redemption.discount_minor,
        redeemed_at=redemption.redeemed_at,
        rolled_back_at=redemption.rolled_back_at,
    )


def _external_id(member_id: int | None) -> str | None:
    if member_id is None:
        return None
    return Member.objects.filter(pk=member_id).values_list("external_id", flat=True).first()


def _demand_well_formed(*, order: str, member: str | None, amount_minor: int) -> None:
    """This function will raise InvalidInput that names every field no store could keep."""
    problems = []
    if not _is_text(order, ORDER_LENGTH):
        problems.append(FieldProblem("order", "invalid", _("An order number has 1 to 200 characters.")))
    if member is not None and not _is_text(member, MEMBER_LENGTH):
        problems.append(FieldProblem("member", "invalid", _("A member's external id has 1 to 200 characters.")))
    if not 0 <= amount_minor <= AMOUNT_MAXIMUM:
        problems.append(FieldProblem("amount_minor", "out_of_range", _("An amount is 0 or more, in minor units.")))
    if problems:
        raise InvalidInput(_("The call is not valid."), problems=problems)


def _is_text(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and bool(text.strip()) and "\0" not in text
