"""How the shop keeps birthdays, and declaring what its members' own attributes are."""

from __future__ import annotations

from members.models import BirthdayPolicy


def leap_day_of_shop() -> str:
    """This function will return when those born on 29 February have their birthday in common years: one of LeapDay."""
    policy = BirthdayPolicy.objects.first() or BirthdayPolicy()
    return policy.leap_day
