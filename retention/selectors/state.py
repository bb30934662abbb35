"""What the stored facts are true for, and which day may be asked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.conf import shop_zone
from core.errors import FieldProblem, InvalidInput
from core.periods import day_number
from retention.models import RefreshState


def state() -> RefreshState:
    """This function will return what the last refresh left: empty before the first."""
    return RefreshState.objects.first() or RefreshState()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: a shop day, and the instant up to which things are known. None is the day's end."""

    day: int
    instant: datetime | None


def day_asked(as_of: datetime | None) -> int | None:
    """This function will return the shop day to score at; None before the first refresh."""
    asked = asked_at(as_of)
    return None if asked is None else asked.day


def asked_at(as_of: datetime | None) -> Asked | None:
    """This function will return what `as_of`, or the last refresh's, asks about; None before the first refresh.

    Facts are always the last refresh's: an `as_of` before it cannot be answered, one after it ages the scores.
    """
    last = state()
    if last.as_of is None or last.day is None:
        return None
    if as_of is None:
        return Asked(last.day, last.as_of)
    if as_of < last.as_of:
        message = _("Facts are as of %(as_of)s: nothing before can be asked.") % {"as_of": last.as_of.isoformat()}
        raise InvalidInput(message, problems=[FieldProblem("as_of", "before_facts", message)])
    return Asked(day_number(as_of, shop_zone()), as_of)
