"""Calls of a till in few words, and all rows that they could change."""

import pytest

from campaigns.coupons.redeem import redeem
from campaigns.coupons.refusals import CouponRefused
from campaigns.models import Coupon, CouponTemplate, MemberRedemptions, Redemption
from members.models import Member
from tests.coupons import NOW


def use(code, order="o1", member="m1", amount_minor=1000, now=NOW):
    return redeem(code=code, order=order, member=member, amount_minor=amount_minor, now=now)


def refusal(call, *arguments, **named):
    """The code of the refusal, after a look that nothing changed."""
    before = everything()
    with pytest.raises(CouponRefused) as caught:
        call(*arguments, **named)
    assert everything() == before
    return caught.value.code


def everything():
    models = (CouponTemplate, Coupon, Redemption, MemberRedemptions, Member)
    return [list(model.objects.order_by("pk").values()) for model in models]
