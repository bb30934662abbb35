"""The figures of this app that are followed from day to day, read from one overview of everybody."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.registry import Amount, Figure, FigureUnit
from retention.scoring.lifecycle import Stage
from retention.selectors.overview import Overview

MEMBERS, MONEY, SHARE = FigureUnit.MEMBERS, FigureUnit.MONEY, FigureUnit.SHARE


def _at(stage: Stage) -> tuple[str, dict[str, str]]:
    return "members_member", {"stage": stage.value}


FIGURES: tuple[Figure, ...] = (
    Figure("members", _("members"), _("everybody known"), MEMBERS, True, behind=("members_member", {})),
    Figure("active", _("active members"), _("order within their own rhythm"), MEMBERS, True, behind=_at(Stage.ACTIVE)),
    Figure("new", _("new members"), _("ordered for the first time lately"), MEMBERS, True, behind=_at(Stage.NEW)),
    Figure("at_risk", _("at risk"), _("late against their own rhythm"), MEMBERS, False, behind=_at(Stage.AT_RISK)),
    Figure("lost_lately", _("lost in 30 days"), _("became lost lately"), MEMBERS, False, behind=_at(Stage.LOST)),
    Figure("returned", _("returned"), _("came back after a long silence"), MEMBERS, True, behind=_at(Stage.REACTIVATED)),
    Figure("repurchase", _("repurchase rate"), _("buyers with a second order"), SHARE, True),
    Figure("revenue_30d", _("revenue in 30 days"), _("orders of members less refunds"), MONEY, True),
    Figure("average_order", _("average order"), _("revenue over orders"), MONEY, True),
)


def figures_of(seen: Overview) -> dict[str, Amount]:
    """This function will read them all, by code."""

    def at(stage: Stage) -> Amount:
        return Amount(seen.stages.get(stage.value, 0))

    return {
        "members": Amount(seen.members),
        "active": at(Stage.ACTIVE),
        "new": at(Stage.NEW),
        "at_risk": at(Stage.AT_RISK),
        "lost_lately": Amount(seen.lost_lately),
        "returned": at(Stage.REACTIVATED),
        "repurchase": Amount(seen.repeat_buyers, seen.buyers),
        "revenue_30d": Amount(seen.revenue_minor_30d),
        "average_order": Amount(round(seen.revenue_minor / seen.orders) if seen.orders else 0),
    }


def figure_json(amount: Amount) -> list[Any]:
    return [amount.value, amount.whole]
