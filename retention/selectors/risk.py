"""What raises and what lowers one member's churn probability: each fact with its value, against the average member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.conf import shop_currency
from core.money import money_text
from retention.models import MemberFacts
from retention.scored import current_parameters
from retention.scoring import churn
from retention.scoring.cadence import Floats
from retention.scoring.parameters import CHURN_FEATURES, Churn, Rank
from retention.selectors.state import day_asked

SLIGHT = 0.1
"""Log odds below which a fact moves nothing that anybody would notice."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A fact, its value, and by how much it moves the log odds away from the average member's."""

    fact: str
    value: float
    effect: float
    sentence: str

    @property
    def raises(self) -> bool:
        return self.effect > 0

    @property
    def slight(self) -> bool:
        return abs(self.effect) < SLIGHT


@dataclass(frozen=True, slots=True)
class Risk:
    """`factors` begin with what moves most."""

    probability: float
    calibrated: bool
    rank: Rank
    horizon_days: int
    factors: tuple[Factor, ...]


def risk_of(member_id: int) -> Risk | None:
    """This function will explain the churn probability of a member as of the last refresh; None for who has none: without
    orders, without a published model."""
    given, day = current_parameters().churn, day_asked(None)
    facts = MemberFacts.objects.filter(pk=member_id, order_days__gte=1).first()
    if given is None or day is None or facts is None:
        return None
    row = _row(facts, day)
    probability = float(churn.probability(given, row)[0])
    moved = churn.contributions(given, row[0])
    values = dict(zip(CHURN_FEATURES, (float(each) for each in np.exp(row[0]) - 1.0), strict=True))
    factors = [Factor(name, values[name], moved[name], _sentence(name, values[name], moved[name])) for name in moved]
    factors.sort(key=lambda factor: -abs(factor.effect))
    return Risk(probability, given.calibrated, given.rank_of(probability), given.horizon_days, tuple(factors))


def rank_of(probability: float | None) -> tuple[Churn, Rank] | None:
    """This function will return the model in use and where a probability stands; None for nobody's."""
    given = current_parameters().churn
    return None if given is None or probability is None else (given, given.rank_of(probability))


def _row(facts: MemberFacts, day: int) -> Floats:
    first, last = facts.first_order_day or 0, facts.last_order_day or 0

    def alone(value: float) -> Floats:
        return np.array([float(value)])

    return churn.features(
        since=alone(max(0, day - last)),
        orders_90d=alone(facts.order_count_90d),
        revenue_minor=alone(facts.revenue_minor),
        order_days=alone(facts.order_days),
        age=alone(max(0, day - first)),
        span=alone(last - first),
    )


def _sentence(name: str, value: float, effect: float) -> str:
    """The fact in words, and which way it moves the risk."""
    fact = _fact(name, value)
    if abs(effect) < SLIGHT:
        return _("%(fact)s: about as usual.") % {"fact": fact}
    return (_("%(fact)s: raises the risk.") if effect > 0 else _("%(fact)s: lowers the risk.")) % {"fact": fact}


def _fact(name: str, value: float) -> str:
    count = round(value)
    words: dict[str, Any] = {
        "days_since_last_order": lambda: ngettext("Last order %(count)d day ago", "Last order %(count)d days ago", count),
        "order_count_90d": lambda: ngettext(
            "%(count)d order in the last 90 days", "%(count)d orders in the last 90 days", count
        ),
        "average_order_day_minor": lambda: _("Spends %(money)s on a day with an order"),
        "order_days_per_90d": lambda: _("Orders %(pace)s times in 90 days since the first order"),
        "days_between_first_and_last": lambda: ngettext(
            "%(count)d day between first and last order", "%(count)d days between first and last order", count
        ),
    }
    return str(words[name]()) % {"count": count, "money": money_text(count, shop_currency()), "pace": f"{value:.1f}"}
