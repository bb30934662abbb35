"""From when until when a coupon holds: half-open, an open end is None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.models import Coupon, CouponTemplate
from core.conf import shop_zone


@dataclass(frozen=True, slots=True)
class Validity:
    since: datetime | None
    until: datetime | None

    def begun(self, now: datetime) -> bool:
        return self.since is None or self.since <= now

    def over(self, now: datetime) -> bool:
        return self.until is not None and self.until <= now


def of_coupon(coupon: Coupon) -> Validity:
    return Validity(coupon.valid_from, coupon.valid_until)


def of_issue(template: CouponTemplate, now: datetime) -> Validity:
    """This function will say how long a coupon issued at `now` holds.

    Days are spans of 24 hours from issue. A public code is issued to everybody at once, when its template is made: its days
    count from there, for a code that all share cannot end at a different time for each.
    """
    if template.valid_days is None:
        return Validity(template.valid_from, template.valid_until)
    start = template.created_at if template.public else now
    return Validity(start, start + timedelta(days=template.valid_days))


def last_day_of_issue(template: CouponTemplate, now: datetime) -> str:
    """This function will write the last date on which a coupon issued at `now` holds, by the shop's calendar.

    People read «until» as including the day; a coupon without an end has none.
    """
    until = of_issue(template, now).until
    return "" if until is None else (until - timedelta(microseconds=1)).astimezone(shop_zone()).date().isoformat()


def of_public_code(template: CouponTemplate) -> Validity:
    return of_issue(template, template.created_at)
