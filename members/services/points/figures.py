"""What the shop owes in points: the figure that is followed from day to day."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from core.registry import Amount, Figure, FigureSource, FigureUnit
from members.models import PointsAccount
from members.services.points.policy import points_policy

FIGURE = Figure(
    "points_liability",
    _("points liability"),
    _("what members could spend, in money"),
    FigureUnit.MONEY,
    behind=("members_ledgerentry", {}),
)


def measure() -> Mapping[str, Amount]:
    """This function will say what all available points are worth by the policy in force, in minor units."""
    held = PointsAccount.objects.aggregate(held=Sum("available"))["held"] or 0
    return {FIGURE.code: Amount(round(held * points_policy().point_value_minor))}


SOURCE = FigureSource("members.points", measure)
