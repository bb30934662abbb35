"""From what somebody typed to what is offered, and for whom."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from campaigns.coupons.codes import is_mistyped, is_public_shape, own_code, public_code, public_key
from campaigns.coupons.refusals import CouponRefused, Refusal
from campaigns.coupons.validity import Validity, of_coupon, of_public_code
from campaigns.models import Coupon, CouponTemplate
from members.models import Member


@dataclass(frozen=True, slots=True)
class Offer:
    """A code and what stands behind it: a coupon of its own, or (without a coupon) a template's public code."""

    code: str
    template: CouponTemplate
    coupon: Coupon | None

    @property
    def validity(self) -> Validity:
        return of_public_code(self.template) if self.coupon is None else of_coupon(self.coupon)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who wants to use a coupon: the external id that the checkout named, and our member under it, if there is one."""

    external_id: str | None
    member_id: int | None

    @property
    def known(self) -> bool:
        return self.member_id is not None

    @property
    def named(self) -> bool:
        return self.external_id is not None


def find_offer(code: str) -> Offer:
    """This function will find what a code stands for; a code that never was, or was mistyped, is refused."""
    typed = own_code(code)
    if typed is not None:
        coupon = Coupon.objects.select_related("template").filter(code=typed, public=False).first()
        if coupon is not None:
            return Offer(coupon.code, coupon.template, coupon)
    elif is_public_shape(public_code(code)):  # what has not the shape need not, and at worst cannot, be asked for
        template = CouponTemplate.objects.alias(key=Upper("code")).filter(key=public_key(code)).first()
        if template is not None and template.code is not None:
            return Offer(template.code, template, None)
    if is_mistyped(code):
        raise CouponRefused(Refusal.NOT_FOUND, _("There is no such coupon code: a character in it is mistyped."))
    raise CouponRefused(Refusal.NOT_FOUND)


def find_holder(member: str | None) -> Holder:
    """This function will look up who the checkout named; a member that is not known is named but has no id."""
    if member is None:
        return Holder(None, None)
    return Holder(member, Member.objects.filter(external_id=member).values_list("pk", flat=True).first())
