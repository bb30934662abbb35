"""What earning depends on besides the thing done: the member's tier, and the factors of the day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from core.conf import shop_zone
from core.sql import insert_rows
from members.models import EarnedOrder, EarningCurrency, EarningDays, MemberTier, Tier
from members.services.earning.terms import ONE, Circumstances, OrderFacts, factors_at

COLUMNS = ("order_id", "member_id", "tier", "tier_factor", "points_factor", "growth_factor")


def circumstances_of(orders: Collection[OrderFacts]) -> Mapping[int, Circumstances]:
    """This function will return the circumstances of orders, and keep those of orders that are reckoned for the first time.

    An order that went to another member since is one of that member's, under the tier held now. Inside the caller's
    transaction, which holds the members' accounts.
    """
    wanted = {order.id: order for order in orders}
    known = {row.order_id: row for row in EarnedOrder.objects.filter(pk__in=wanted)}
    fresh = [order for order in orders if order.id not in known or known[order.id].member_id != order.member_id]
    found = {pk: Circumstances(row.tier, row.tier_factor, row.points_factor, row.growth_factor) for pk, row in known.items()}
    reckoned = now_holding([(order.id, order.member_id, order.placed_at) for order in fresh])
    found.update(reckoned)
    rows = [
        (order.id, order.member_id, under.tier, under.tier_factor, under.points_factor, under.growth_factor)
        for order, under in ((order, reckoned[order.id]) for order in fresh)
    ]
    insert_rows(EarnedOrder, COLUMNS, map(_plain, rows), conflict=["order_id"], update=COLUMNS[1:])
    return found


def _plain(row: tuple[object, ...]) -> list[object]:
    return [str(value) if isinstance(value, Decimal) else value for value in row]


def now_holding(things: Collection[tuple[int, int, datetime]]) -> dict[int, Circumstances]:
    """This function will return the circumstances of things (id, member, moment) that are reckoned now."""
    tiers = tiers_of({member_id for _id, member_id, _at in things})
    days = list(EarningDays.objects.all()) if things else []
    zone = shop_zone()
    found = {}
    for thing, member_id, at in things:
        factors = factors_at(days, at, zone)
        tier, factor = tiers.get(member_id, ("", ONE))
        found[thing] = Circumstances(tier, factor, factors[EarningCurrency.POINTS], factors[EarningCurrency.GROWTH])
    return found


def tiers_of(member_ids: Collection[int]) -> Mapping[int, tuple[str, Decimal]]:
    """This function will return the tier of each member who holds one: its short name, and by what it multiplies points."""
    held = MemberTier.objects.filter(member_id__in=member_ids)
    rows = held.values_list("member_id", "tier__slug", "tier__points_multiplier")
    return {member_id: (slug, factor) for member_id, slug, factor in rows}


def tier_choices() -> list[tuple[str, str]]:
    """This function will list the tiers that members can hold: short name and name, lowest first."""
    return list(Tier.objects.in_force().values_list("slug", "name"))
