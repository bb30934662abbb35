"""What comes to an end on a day, or comes round on it: points, coupons, the day on which a member registered.

All of them by the shop's calendar, on which points and coupons end.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When

from campaigns.models import Coupon, CouponState
from core.conf import shop_zone
from core.periods import day_of, start_of
from members.models import Member, PointsLot

FIRST_REGISTRATIONS = 60
"""Years of registrations whose anniversaries are kept. Origin: no shop that runs this is older."""


def points_ending(days: Collection[date]) -> QuerySet[Any, Any]:
    """This function will select {member_id, occurrence} of members whose available points can be used on one of `days` for
    the last time: once a member and day, however many lots."""
    ends = _ending("points_expiry", "expires_at", days)
    lots = PointsLot.objects.filter(_any(ends), available__gt=0)
    return lots.annotate(occurrence=_named(ends)).order_by().distinct()


def coupons_ending(days: Collection[date]) -> QuerySet[Any, Any]:
    """This function will select the same of members who hold a coupon that ends with one of `days`."""
    ends = _ending("coupon_expiry", "valid_until", days)
    held = Coupon.objects.filter(_any(ends), state=CouponState.ISSUED, member_id__isnull=False)
    return held.annotate(occurrence=_named(ends)).order_by().distinct()


def anniversaries(days: Collection[date]) -> QuerySet[Any, Any]:
    """This function will select the same of members who registered on one of `days` in an earlier year. Who came on 29
    February keeps it on the 28th in common years."""
    registered = {f"registered_at:{on.year}": _any_of(_registered_on(on)) for on in days}
    return Member.objects.filter(_any(registered)).annotate(member_id=F("pk"), occurrence=_named(registered))


BY_FIELD: Mapping[str, Callable[[Collection[date]], QuerySet[Any, Any]]] = {
    "points_expiry": points_ending,
    "coupon_expiry": coupons_ending,
    "registered_at": anniversaries,
}


def _ending(name: str, instant: str, days: Collection[date]) -> dict[str, Q]:
    """What ends with which day, by the occurrence's name. An end at midnight is the end of the day before."""
    zone = shop_zone()
    return {
        f"{name}:{on.isoformat()}": Q(
            **{f"{instant}__gt": start_of(day_of(on), zone), f"{instant}__lte": start_of(day_of(on) + 1, zone)}
        )
        for on in days
    }


def _any(named: Mapping[str, Q]) -> Q:
    return _any_of(named.values())


def _any_of(conditions: Iterable[Q]) -> Q:
    """What is true where one of the conditions is; of none, nowhere."""
    found = Q(pk__in=[])
    for condition in conditions:
        found |= condition
    return found


def _named(named: Mapping[str, Q]) -> Case:
    return Case(*(When(condition, then=Value(name)) for name, condition in named.items()), default=Value(""))


def _registered_on(on: date) -> Iterator[Q]:
    zone = shop_zone()
    for year in range(on.year - FIRST_REGISTRATIONS, on.year):
        for month, day in _kept_with(on):
            if (month, day) != (2, 29) or isleap(year):
                first = day_of(date(year, month, day))
                yield Q(registered_at__gte=start_of(first, zone), registered_at__lt=start_of(first + 1, zone))


def _kept_with(on: date) -> list[tuple[int, int]]:
    own = (on.month, on.day)
    return [own, (2, 29)] if own == (2, 28) and not isleap(on.year) else [own]
