"""What an order earns by a rule, and when: reckoned from values alone, exactly, rounded down once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal

from members.models import EARNING_STATUSES, EarningCurrency, EarningDays, EarningRule

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What rules ask of an order as it stands. `of_category` is what its lines brought in by category, before refunds."""

    id: int
    member_id: int
    shop_id: int
    status: str
    placed_at: datetime
    total_minor: int
    revenue_minor: int
    payment_method: str
    of_category: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The tier a member held when an order or event was first reckoned, its factor, and those of the day."""

    tier: str = ""
    tier_factor: Decimal = ONE
    points_factor: Decimal = ONE
    growth_factor: Decimal = ONE

    def factor(self, currency: str) -> Decimal:
        """This function will return by what an amount is multiplied: a tier's factor is one of points."""
        return self.tier_factor * self.points_factor if currency == EarningCurrency.POINTS else self.growth_factor


def in_force(rules: Iterable[EarningRule], at: datetime) -> list[EarningRule]:
    """This function will keep the rules that hold at an instant."""
    return [rule for rule in rules if rule.valid_from <= at and (rule.valid_until is None or at < rule.valid_until)]


def earned_by(order: OrderFacts, rule: EarningRule, under: Circumstances) -> int:
    """This function will return what an order as it stands earns by a rule that was in force when it was placed.

    Parameters: amounts in minor units. Returns whole points or growth, 0 where a condition is not met. Of an order with
    refunds a category keeps its share of what is left. Rounded down twice: money to whole steps of the rule's rate, and the
    product with the factors to whole points.
    """
    if order.status not in EARNING_STATUSES or not _concerns(order, rule, under):
        return 0
    base = order.revenue_minor
    if rule.category:
        lines = min(order.of_category.get(rule.category, 0), order.total_minor)
        base = lines * order.revenue_minor // order.total_minor if order.total_minor else 0
    assert rule.per_minor is not None
    return int(base // rule.per_minor * rule.amount * under.factor(rule.currency))


def _concerns(order: OrderFacts, rule: EarningRule, under: Circumstances) -> bool:
    return (
        rule.shop_id in (None, order.shop_id)
        and rule.payment_method in ("", order.payment_method)
        and rule.tier in ("", under.tier)
    )


def factors_at(days: Collection[EarningDays], at: datetime, zone: tzinfo) -> Mapping[str, Decimal]:
    """This function will return the factor of each currency at an instant: of several days that hold then, the largest."""
    local = at.astimezone(zone)
    largest = {currency.value: ONE for currency in EarningCurrency}
    for each in days:
        if (
            each.starts_at <= at
            and (each.ends_at is None or at < each.ends_at)
            and each.weekday in (None, local.weekday())
            and each.month_day in (None, local.day)
        ):
            largest[each.currency] = max(largest[each.currency], each.factor)
    return largest


def shares(earned: Sequence[tuple[int, int]], surplus: int) -> list[tuple[int, int]]:
    """This function will say how much of which entry (id, what is left of it) is taken back: the newest first."""
    taken = []
    for entry_id, left in sorted(earned, reverse=True):
        some = min(left, surplus)
        if some > 0:
            taken.append((entry_id, some))
            surplus -= some
    return taken
