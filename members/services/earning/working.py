"""The work: what was noted is reckoned in chunks, each a transaction of its own; birthdays once a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from core.batching import batches, without_looking_for_cycles
from core.conf import shop_zone
from core.periods import date_of, day_number, start_of
from members.models import EarnedEvent, EarningMark, EarningRule, LeapDay, MarkedSource, Member
from members.models.earning import BIRTHDAY
from members.services.birthdays import birthdays_on
from members.services.calendar import hold_zone
from members.services.earning.events import Done, reward, settle_events, settle_profiles
from members.services.earning.orders import settle_orders
from members.services.earning.terms import in_force
from members.services.points.settling import RELEASE, pass_all
from members.services.profile import leap_day_of_shop

CHUNK = 2_000
"""Marks a transaction: many enough that a statement costs little an order, few enough that members wait a second at most."""
MISSED_DAYS_MADE_UP_FOR = 7
"""Birthdays on which nothing ran are kept later, within a week."""


def earn(*, now: datetime) -> Mapping[str, int]:
    """This function will reckon everything that was noted and return what came of it. It may die at any point: a chunk's
    marks go with its transaction."""
    counts = dict.fromkeys(("marks", "earned", "taken_back", "released"), 0)
    while some := _earn_chunk(counts, now=now):
        counts["marks"] += some
    if counts["released"]:
        pass_all(RELEASE, now=now)
    return counts


@without_looking_for_cycles()
def _earn_chunk(counts: dict[str, int], *, now: datetime) -> int:
    """Takes marks, then reads: what is written while this runs leaves a mark for the next."""
    if not EarningMark.objects.exists():
        return 0
    with transaction.atomic():
        hold_zone(now=now)
        marks = _taken_marks()
        by_source: dict[str, set[int]] = {}
        for source, row_id in marks:
            by_source.setdefault(source, set()).add(row_id)
        orders = settle_orders(sorted(by_source.get(MarkedSource.ORDER, ())), now=now)
        given, taken = settle_events(sorted(by_source.get(MarkedSource.EVENT, ())), now=now)
        today = day_number(now, shop_zone())
        given += settle_profiles(sorted(by_source.get(MarkedSource.PROFILE, ())), now=now, day=today)
        counts["earned"] += orders.awarded + given
        counts["taken_back"] += orders.taken_back + taken
        counts["released"] += orders.released
        return len(marks)


def _taken_marks() -> list[tuple[str, int]]:
    rows = EarningMark.objects.order_by("pk").select_for_update(skip_locked=True)[:CHUNK]
    marks = list(rows.values_list("pk", "source", "row_id"))
    EarningMark.objects.filter(pk__in=[pk for pk, _source, _row_id in marks]).delete()
    return [(source, row_id) for _pk, source, row_id in marks]


# --- Birthdays


def earn_birthdays(*, now: datetime) -> Mapping[str, int]:
    """This function will give what birthdays earn, today's and those of days on which nothing ran, each once a year."""
    rules = list(EarningRule.objects.filter(occasion=BIRTHDAY))
    today = day_number(now, shop_zone())
    given = 0
    for day in range(today - MISSED_DAYS_MADE_UP_FOR, today + 1) if rules else ():
        at = start_of(day, shop_zone())
        for rule in in_force(rules, at):
            given += _keep_birthdays(rule, day, at, now)
    return {"earned": given}


def _keep_birthdays(rule: EarningRule, day: int, at: datetime, now: datetime) -> int:
    leap_day = LeapDay(leap_day_of_shop())
    return sum(_keep(rule, year, whose, day, at, now) for year, whose in birthdays_on(date_of(day), leap_day))


def _keep(rule: EarningRule, year: int, whose: Q, day: int, at: datetime, now: datetime) -> int:
    """Once a year of the calendar that the birthday follows."""
    occurrence = f"{BIRTHDAY}:{year}"
    kept = EarnedEvent.objects.filter(member_id=OuterRef("pk"), line=rule.root, occurrence=occurrence)
    born = Member.objects.filter(~Exists(kept), whose)
    given = 0
    for members in batches(list(born.order_by("pk").values_list("pk", flat=True)), CHUNK):
        with transaction.atomic():
            hold_zone(now=now)
            given += reward([Done(pk, BIRTHDAY, occurrence, at, day) for pk in members], now=now)
    return given
