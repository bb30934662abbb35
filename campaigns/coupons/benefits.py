"""What a coupon takes off an order."""

from __future__ import annotations

from campaigns.models import BenefitKind, CouponTemplate


def discount_minor(template: CouponTemplate, amount_minor: int) -> int:
    """This function will compute the discount on an order of `amount_minor`, in minor units.

    An amount off never exceeds the order. A percentage is rounded down to a whole minor unit (at most one unit in the shop's
    favour, and never more than the percentage that was promised), then capped by `max_minor`. Free shipping and gifts take
    nothing off: the checkout knows what they are worth.
    """
    if template.benefit == BenefitKind.FIXED:
        return min(template.amount_minor or 0, amount_minor)
    if template.benefit == BenefitKind.PERCENT_OFF:
        share = amount_minor * (template.percent_off or 0) // 100
        return share if template.max_minor is None else min(share, template.max_minor)
    return 0
