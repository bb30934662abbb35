"""Schemes to start from: four tiers by what members spend, or by how often they order."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from core.conf import shop_currency
from core.money import DECIMALS
from members.models import TierMeasure
from members.services.tiers.drafts import SchemeDraft, TierDraft

SPENT = (0, 1_000, 5_000, 10_000)
"""Whole units of the currency."""
ORDERED = (0, 6, 11, 21)
"""Orders: the lowest tier is that of the first to the fifth, and of those who have not ordered yet."""
SAMPLES = ("spend", "orders")


def sample(code: str) -> SchemeDraft | None:
    """This function will write a sample in the language on screen; None for a code there is none of."""
    if code not in SAMPLES:
        return None
    spend = code == "spend"
    minor = 10 ** DECIMALS.get(shop_currency(), 2)
    thresholds = [value * minor for value in SPENT] if spend else [*ORDERED]
    ordinary, silver, gold, diamond = thresholds
    return SchemeDraft(
        measure=TierMeasure.SPEND if spend else TierMeasure.ORDERS,
        tiers=(
            TierDraft(name=_("Ordinary"), slug="ordinary", threshold=ordinary),
            TierDraft(
                name=_("Silver"),
                slug="silver",
                threshold=silver,
                discount_percent=10,
                points_multiplier=Decimal("1.2"),
                birthday_gift=_("A card and a small gift"),
                birthday_points=100,
            ),
            TierDraft(
                name=_("Gold"),
                slug="gold",
                threshold=gold,
                discount_percent=15,
                points_multiplier=Decimal("1.5"),
                birthday_gift=_("A gift with the next order"),
                birthday_points=300,
                priority_dispatch=True,
                early_access_hours=12,
            ),
            TierDraft(
                name=_("Diamond"),
                slug="diamond",
                threshold=diamond,
                discount_percent=20,
                points_multiplier=Decimal(2),
                birthday_gift=_("A gift box, sent in time for the day"),
                birthday_points=1_000,
                service_agent=_("An agent of their own"),
                priority_dispatch=True,
                early_access_hours=24,
            ),
        ),
    )
