"""Orders: what each should have earned as it stands, less what it earned already, is given or taken back.

So every way an order can go ends at the right sum - refunds, amended totals, cancellations, another member, removal - and
reckoning it again changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Sum

from members.models import (
    EARNING_STATUSES,
    EarnedOrder,
    EarningCurrency,
    EarningMark,
    EarningRule,
    EntryKind,
    GrowthEntry,
    LedgerEntry,
    MarkedSource,
    Member,
    Order,
    OrderLine,
    OrderStatus,
    PointsLot,
    Waiting,
)
from members.models.earning import ORDER
from members.services.earning.circumstances import circumstances_of
from members.services.earning.marks import mark_orders
from members.services.earning.terms import Circumstances, OrderFacts, earned_by, in_force, shares
from members.services.growth.entries import Growth, grow_batch
from members.services.points.awarding import Award, award_batch
from members.services.points.book import held_accounts
from members.services.points.policy import expiry_of, points_policy
from members.services.points.refusals import OURS
from members.services.points.reversing import reverse_part

Part = tuple[int, int, int]
"""Order, rule and member: what one member earned by one rule for one order."""


@dataclass(slots=True)
class Earned:
    """What orders earned so far. `entries` are the awards with what is left of each, `numbers` counts all entries, and
    `counted_at` is the moment to which growth belongs."""

    points: Counter[Part] = field(default_factory=Counter)
    growth: Counter[Part] = field(default_factory=Counter)
    counted_at: dict[Part, datetime] = field(default_factory=dict)
    entries: dict[Part, list[tuple[int, int]]] = field(default_factory=dict)
    numbers: Counter[tuple[int, int]] = field(default_factory=Counter)

    def of_others(self, held: Collection[int]) -> set[int]:
        """This function will name the orders of which somebody else earned than those whose accounts are held."""
        return {order_id for order_id, _rule, member_id in {*self.points, *self.growth} if member_id not in held}


@dataclass(slots=True)
class Counts:
    awarded: int = 0
    taken_back: int = 0
    released: int = 0


def settle_orders(order_ids: Collection[int], *, now: datetime) -> Counts:
    """This function will bring what orders earned to what they should have earned, inside the caller's transaction.

    1. read the orders and what they earned, and lock the accounts of all members concerned, in the order of ids;
    2. read both again: nobody else gives or takes of these members now. What went to yet another member meanwhile is noted
       anew;
    3. reckon every order by the rules that were in force when it was placed;
    4. give what is missing, then take back what is too much; release what waited for orders that are completed.
    """
    rules = list(EarningRule.objects.filter(occasion=ORDER))
    order_ids, concerned = _of_somebody(order_ids, rules)
    if not concerned:
        return Counts()
    held = held_accounts(concerned)
    orders = {order.id: order for order in _earning(order_ids, rules)}
    strayed = {order.id for order in orders.values() if order.member_id not in held}
    earned = _earned(order_ids)
    strayed |= earned.of_others(held)
    mark_orders(strayed)
    settled = [order_id for order_id in order_ids if order_id not in strayed]
    orders = {order_id: order for order_id, order in orders.items() if order_id not in strayed}
    should = _reckoned(orders.values(), rules)
    if strayed:
        earned = _earned(settled)
    counts = Counts()
    counts.awarded, counts.taken_back = _even_out(should, earned, orders, rules, now)
    counts.released = _release(settled, now)
    return counts


def _of_somebody(order_ids: Collection[int], rules: Collection[EarningRule]) -> tuple[list[int], set[int]]:
    """The orders, but for those of members who were erased, and the members who earn or earned by them."""
    pairs = {(order.id, order.member_id) for order in _earning(order_ids, rules)} | _earners(order_ids)
    members = {member_id for _order_id, member_id in pairs}
    erased = Member.everybody.erased_among(members)
    left_out = {order_id for order_id, member_id in pairs if member_id in erased}
    return [order_id for order_id in order_ids if order_id not in left_out], members - erased


# --- What they should have earned


def _earning(order_ids: Collection[int], rules: Collection[EarningRule]) -> list[OrderFacts]:
    """Orders that may earn: paid, and placed while some rule was in force."""
    first = min((rule.valid_from for rule in rules), default=None)
    if first is None:
        return []
    rows = Order.objects.filter(pk__in=order_ids, status__in=EARNING_STATUSES, placed_at__gte=first).values_list(
        "pk", "member_id", "shop_id", "status", "placed_at", "total_minor", "revenue_minor", "payment_method"
    )
    orders = [OrderFacts(*row) for row in rows]
    orders = [order for order in orders if in_force(rules, order.placed_at)]
    if any(rule.category for rule in rules):
        lines = _by_category([order.id for order in orders])
        orders = [replace(order, of_category=lines.get(order.id, {})) for order in orders]
    return orders


def _by_category(order_ids: Collection[int]) -> Mapping[int, dict[str, int]]:
    lines = OrderLine.objects.filter(order_id__in=order_ids, product__category__isnull=False)
    sums = lines.order_by().values_list("order_id", "product__category__name").annotate(amount=Sum("amount_minor"))
    found: dict[int, dict[str, int]] = {}
    for order_id, category, amount in sums:
        found.setdefault(order_id, {})[category] = int(amount)
    return found


def _reckoned(orders: Iterable[OrderFacts], rules: Collection[EarningRule]) -> dict[Part, int]:
    orders = list(orders)
    under = circumstances_of(orders)
    return {
        (order.id, rule.pk, order.member_id): amount
        for order in orders
        for rule in in_force(rules, order.placed_at)
        if (amount := earned_by(order, rule, under[order.id]))
    }


# --- What they earned


def _earners(order_ids: Collection[int]) -> set[tuple[int, int]]:
    """(order, member) of whoever earned."""
    by_rules = Q(order_id__in=order_ids, rule__isnull=False)
    models: tuple[Any, ...] = (LedgerEntry, GrowthEntry)
    rows = (model.objects.filter(by_rules).values_list("order_id", "member_id").distinct() for model in models)
    return {(order_id, member_id) for pairs in rows for order_id, member_id in pairs}


def _earned(order_ids: Collection[int]) -> Earned:
    """Of points by their awards, less what was taken back of each, whatever the policy let be taken."""
    earned = Earned()
    by_rules = Q(order_id__in=order_ids, rule__isnull=False)
    entries = LedgerEntry.objects.filter(by_rules)
    written: Any = entries.values_list("order_id", "rule_id")
    for order_id, rule_id in written:
        earned.numbers[order_id, rule_id] += 1
    awards = entries.filter(kind=EntryKind.AWARD).annotate(undone=Sum("reversals__points"))
    given: Any = awards.values_list("pk", "points", "undone", "order_id", "rule_id", "member_id")
    for pk, points, undone, order_id, rule_id, member_id in given:
        left = points - (undone or 0)
        earned.points[order_id, rule_id, member_id] += left
        earned.entries.setdefault((order_id, rule_id, member_id), []).append((pk, left))
    newest_first = GrowthEntry.objects.filter(by_rules).order_by("-pk")
    grown: Any = newest_first.values_list("value", "counts_at", "order_id", "rule_id", "member_id")
    for value, counts_at, order_id, rule_id, member_id in grown:
        earned.growth[order_id, rule_id, member_id] += value
        earned.counted_at[order_id, rule_id, member_id] = counts_at
        earned.numbers[order_id, rule_id] += 1
    return earned


# --- Evening out


def _even_out(
    should: Mapping[Part, int],
    earned: Earned,
    orders: Mapping[int, OrderFacts],
    rules: Collection[EarningRule],
    now: datetime,
) -> tuple[int, int]:
    """What is missing is given before what is too much is taken: an order that went on loses nothing by the order of the
    two. How many of each."""
    by_id = {rule.pk: rule for rule in rules}
    awards: list[Award] = []
    growths: list[Growth] = []
    surplus: list[tuple[Part, int]] = []
    for part in sorted({*should, *earned.points, *earned.growth}):
        order_id, rule_id, _member_id = part
        rule, reference = by_id[rule_id], _reference(part, earned)
        if rule.currency == EarningCurrency.GROWTH:
            lacking = should.get(part, 0) - earned.growth[part]
            if lacking:
                # What is taken back belongs to the moment to which it was given; the first belongs to the order's.
                counts_at = earned.counted_at[part] if part in earned.counted_at else orders[order_id].placed_at
                growths.append(_growth(part, lacking, reference, rule, counts_at))
        else:
            lacking = should.get(part, 0) - earned.points[part]
            if lacking > 0:
                awards.append(award_for(orders[order_id], rule, lacking, reference, now))
            elif lacking:
                surplus.append((part, -lacking))
    award_batch(awards=awards, now=now)
    grow_batch(growths=growths, now=now)
    for part, points in surplus:  # one by one: from which lots each is taken differs, and few orders are refunded at once
        _take_back(part, points, earned, now)
    return len(awards) + sum(each.value > 0 for each in growths), len(surplus) + sum(each.value < 0 for each in growths)


def _reference(part: Part, earned: Earned) -> str:
    """The next entry of an order and a rule. Numbers, not what it is about: an order may go up and down again."""
    order_id, rule_id, _member_id = part
    earned.numbers[order_id, rule_id] += 1
    return f"{OURS}earned:{order_id}:{rule_id}:{earned.numbers[order_id, rule_id]}"


def award_for(order: OrderFacts, rule: EarningRule, points: int, reference: str, now: datetime) -> Award:
    """This function will write what a rule gives for an order as an award. Days of waiting are counted from the order."""
    releases_at = None
    if rule.waiting == Waiting.DAYS:
        due = order.placed_at + timedelta(days=rule.wait_days or 0)
        releases_at = due if due > now else None
    waits = rule.waiting == Waiting.COMPLETED and order.status != OrderStatus.COMPLETED
    return Award(
        order.member_id,
        points,
        reference,
        rule.name,
        releases_at=releases_at,
        waits=waits,
        order_id=order.id,
        rule_id=rule.pk,
    )


def _growth(part: Part, value: int, reference: str, rule: EarningRule, counts_at: datetime) -> Growth:
    order_id, _rule_id, member_id = part
    return Growth(member_id, value, reference, counts_at, rule.name, order_id=order_id, rule_id=rule.pk)


def _take_back(part: Part, points: int, earned: Earned, now: datetime) -> None:
    _order_id, _rule_id, member_id = part
    for entry_id, some in shares(earned.entries[part], points):
        reverse_part(member_id=member_id, entry_id=entry_id, points=some, reference=_reference(part, earned), now=now)


# --- Waiting


def _release(order_ids: Collection[int], now: datetime) -> int:
    """What waited for orders that are completed becomes available now; the clock, or whoever asks first, writes it."""
    completed = Order.objects.filter(pk__in=order_ids, status=OrderStatus.COMPLETED).values("pk")
    waiting = PointsLot.objects.filter(order_id__in=completed, pending__gt=0, releases_at__isnull=True)
    return waiting.update(releases_at=now, expires_at=expiry_of(points_policy(), available_from=now))


# --- Proof


def differing_orders(order_ids: Collection[int]) -> list[tuple[Part, int, int]]:
    """This function will compare what orders earned with what they should have earned: (part, earned, should).

    Of orders that stand, and are not noted to be reckoned: what became of a removed one is for the ledger alone to say.
    """
    rules = list(EarningRule.objects.filter(occasion=ORDER))
    order_ids, _concerned = _of_somebody(order_ids, rules)
    orders = _earning(order_ids, rules)
    kept = {row.order_id: row for row in EarnedOrder.objects.filter(pk__in=[order.id for order in orders])}
    marks = EarningMark.objects.filter(source=MarkedSource.ORDER, row_id__in=order_ids)
    standing = set(Order.objects.filter(pk__in=order_ids).values_list("pk", flat=True))
    standing -= set(marks.values_list("row_id", flat=True))
    should: Counter[Part] = Counter()
    for order in orders:
        row = kept.get(order.id)
        if row is None or row.member_id != order.member_id:
            continue
        under = Circumstances(row.tier, row.tier_factor, row.points_factor, row.growth_factor)
        for rule in in_force(rules, order.placed_at):
            should[order.id, rule.pk, order.member_id] = earned_by(order, rule, under)
    found = _earned(order_ids)
    earned = Counter({**found.points, **found.growth})
    parts = sorted({*should, *earned})
    return [(part, earned[part], should[part]) for part in parts if part[0] in standing and earned[part] != should[part]]
