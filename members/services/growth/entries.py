"""Writing growth: to one member or to thousands in a few statements, each under its reference, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from core.conf import shop_zone
from core.errors import DomainError, FieldProblem
from core.periods import day_number
from core.sql import find_rows, insert_rows
from members.models import DirtyMark, GrowthEntry
from members.services.calendar import hold_zone
from members.services.points.adjusting import reason_problem
from members.services.points.book import held_account, held_accounts
from members.services.points.refusals import MOST_POINTS, OURS, check_reference, refuse

COLUMNS = ("member_id", "value", "reference", "reason", "at", "counts_at", "day", "by", "order_id", "rule")

Key = tuple[int, str]


class GrowthRefused(DomainError):
    """What was written already does not allow it; `code` says why, and nothing was changed."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth for a member, or with a minus what is taken back. It belongs to `counts_at`: what belongs to a past day takes
    part in the windows that hold that day."""

    member_id: int
    value: int
    reference: str
    counts_at: datetime
    reason: str = ""
    order_id: int | None = None
    by: str = ""
    rule_id: int | None = None


@dataclass(frozen=True, slots=True)
class GrowthReceipt:
    """The entry a call stands for, and whether it was made by this very call."""

    entry: GrowthEntry
    created: bool


def award_growth(
    *, member_id: int, value: int, reference: str, now: datetime, reason: str = "", by: str = ""
) -> GrowthReceipt:
    """This function will give a member growth (`value` above 0) or take some back (below 0).

    The same reference and value again: the first entry. Raises GrowthRefused for a reference that stands for something else
    and for taking back more than there is, InvalidInput naming what is wrong with the input.
    """
    refuse(check_growth(value), check_reference(reference))
    return _write(Growth(member_id, value, reference, now, reason, by=by), now)


def adjust_growth(*, member_id: int, value: int, reason: str, token: UUID, now: datetime, by: str) -> GrowthEntry:
    """This function will give or take growth by hand, once for each `token`: a form sent twice is one adjustment."""
    refuse(check_growth(value), reason_problem(reason))
    return _write(Growth(member_id, value, f"{OURS}adjust:{token}", now, reason, by=by), now).entry


def _write(growth: Growth, now: datetime) -> GrowthReceipt:
    with transaction.atomic():
        hold_zone(now=now)
        held_account(growth.member_id)
        known = GrowthEntry.objects.filter(member_id=growth.member_id, reference=growth.reference).first()
        if known is not None:
            if known.value != growth.value:
                message = _("The reference “%(reference)s” stands for another entry already.")
                raise GrowthRefused(message % {"reference": growth.reference}, code="reference_used")
            return GrowthReceipt(known, created=False)
        held = growth_of(growth.member_id)
        if growth.value < 0 and held + growth.value < 0:
            message = _("The member has %(held)s growth; %(asked)s were to be taken back.")
            told = {"held": f"{held:,}", "asked": f"{-growth.value:,}"}
            raise GrowthRefused(message % told, code="insufficient_growth")
        made = grow_batch(growths=[growth], now=now)
        return GrowthReceipt(GrowthEntry.objects.get(pk=next(iter(made.values()))), created=True)


def grow_batch(*, growths: Sequence[Growth], now: datetime) -> dict[Key, int]:
    """This function will write growth of many members inside the caller's transaction and return the new entries' ids.

    A (member, reference) that is there already is left alone; of two under one key the first is written. Whose growth
    changed is marked: tiers and facts count it anew. The caller holds the calendar (`hold_zone`).
    """
    wanted: dict[Key, Growth] = {}
    for growth in growths:
        wanted.setdefault((growth.member_id, growth.reference), growth)
    held_accounts({member_id for member_id, _reference in wanted})
    names = ["member_id", "reference"]
    known = {(member_id, reference) for member_id, reference in find_rows(GrowthEntry, names, wanted, returning=names)}
    rows = [_row(growth, now) for key, growth in wanted.items() if key not in known]
    made = insert_rows(GrowthEntry, COLUMNS, rows, conflict=names, returning=[*names, "pk"])
    insert_rows(DirtyMark, ["member_id"], [(member_id,) for member_id in sorted({member_id for member_id, *_ in made})])
    return {(member_id, reference): pk for member_id, reference, pk in made}


def _row(growth: Growth, now: datetime) -> tuple[object, ...]:
    day = day_number(growth.counts_at, shop_zone())
    told = (growth.reference, growth.reason, now, growth.counts_at, day, growth.by, growth.order_id, growth.rule_id)
    return (growth.member_id, growth.value, *told)


def growth_of(member_id: int) -> int:
    """This function will add up a member's growth, whenever it came."""
    return int(GrowthEntry.objects.filter(member_id=member_id).aggregate(value=Sum("value"))["value"] or 0)


def check_growth(value: object) -> FieldProblem | None:
    """This function will say what is wrong with an amount of growth, or nothing."""
    if isinstance(value, bool) or not isinstance(value, int):
        return FieldProblem("value", "wrong_type", _("Growth is a whole number."))
    if value == 0:
        return FieldProblem("value", "zero", _("At least one, or with a minus what is taken back."))
    if abs(value) > MOST_POINTS:
        return FieldProblem("value", "too_large", _("That is more than any member could have."))
    return None
