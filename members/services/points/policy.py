"""The shop's rules for points: when they expire, what a refund takes."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from core.conf import shop_zone
from core.periods import date_of, day_number, day_of, start_of
from members.models import ExpiryRule, PointsPolicy


def points_policy() -> PointsPolicy:
    """This function will read the policy; where none was saved, the one a new shop has."""
    return PointsPolicy.objects.first() or PointsPolicy()


def expiry_of(policy: PointsPolicy, *, available_from: datetime) -> datetime | None:
    """This function will return the instant from which points cannot be used any more; None where they never expire.

    It is always the first moment of a day in the shop's zone. Points of 22 January that expire with the month (0 months
    later) end on 1 February at 00:00; points that stay 30 days can be used on the 30 days after the one they came on.
    """
    zone = shop_zone()
    number = policy.expiry_number
    match policy.expiry:
        case ExpiryRule.NEVER:
            return None
        case ExpiryRule.DAYS:
            return start_of(day_number(available_from, zone) + number + 1, zone)
        case ExpiryRule.END_OF_MONTH:
            return _first_of_month(available_from, months=number + 1, zone=zone)
        case _:
            month = available_from.astimezone(zone).month
            return _first_of_month(available_from, months=12 * (number + 1) - month + 1, zone=zone)


def _first_of_month(instant: datetime, *, months: int, zone: tzinfo) -> datetime:
    local = date_of(day_number(instant, zone))
    years, month = divmod(local.month - 1 + months, 12)
    return start_of(day_of(local.replace(year=local.year + years, month=month + 1, day=1)), zone)


def grace_of(policy: PointsPolicy, *, now: datetime) -> datetime | None:
    """This function will return until when points given back too late may be used; None where no grace is given."""
    return now + timedelta(days=policy.grace_days) if policy.grace_days else None
