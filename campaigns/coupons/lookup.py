"""From what somebody typed to what is offered, and for whom."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from campaigns.coupons.codes import is_mistyped, is_public_shape, own_code, public_code, public_key
from campaigns.coupons.refusals import CouponRefused, Refusal
from campaigns.coupons.validity import Validity, of_coupon, of_public_code
from campaigns.models import Coupon, CouponTemplate


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


def look_up(code: str, member: str | None) -> tuple[Offer, Holder]:
    """This function will find what a code stands for and who wants to use it; a code that never was is refused.

    Plain SQL, because a checkout waits for it: building these queries from expressions costs more than running them.
    """
    found = _own(code, member) or _public(code, member)
    if found is not None:
        return found
    if is_mistyped(code):
        raise CouponRefused(Refusal.NOT_FOUND, _("There is no such coupon code: a character in it is mistyped."))
    raise CouponRefused(Refusal.NOT_FOUND)


# The member of this id or, when it was merged into another, the one who answers for it.
HOLDER = (
    "COALESCE((SELECT id FROM members_member WHERE external_id = %s), (SELECT member_id FROM members_mergerecord"
    " WHERE dropped_external_id = %s AND undone_at IS NULL)) AS holder_id"
)
OWN = f"SELECT *, {HOLDER} FROM campaigns_coupon WHERE code = %s AND NOT public"
# The expression of the unique index.
PUBLIC = f"SELECT *, {HOLDER} FROM campaigns_coupontemplate WHERE UPPER(code) = %s"
TEMPLATE = "SELECT * FROM campaigns_coupontemplate WHERE id = %s"


def _own(code: str, member: str | None) -> tuple[Offer, Holder] | None:
    typed = own_code(code)
    if typed is None:
        return None
    for coupon in Coupon.objects.raw(OWN, [member, member, typed]):
        (coupon.template,) = CouponTemplate.objects.raw(TEMPLATE, [coupon.template_id])
        return Offer(coupon.code, coupon.template, coupon), Holder(member, _holder_id(coupon))
    return None


def _public(code: str, member: str | None) -> tuple[Offer, Holder] | None:
    if not is_public_shape(public_code(code)):  # what has not the shape need not, and at worst cannot, be asked for
        return None
    for template in CouponTemplate.objects.raw(PUBLIC, [member, member, public_key(code)]):
        return Offer(str(template.code), template, None), Holder(member, _holder_id(template))
    return None


def _holder_id(row: Coupon | CouponTemplate) -> int | None:
    """The column that the statement added to the row."""
    found: int | None = vars(row)["holder_id"]
    return found
