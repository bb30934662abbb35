"""What a member has brought, in three layers."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from retention.scoring.cadence import Floats
from retention.scoring.parameters import ValueCuts

MIDDLE_FROM, HIGH_FROM = 0.5, 0.8
"""Shares of the members who ordered, by revenue: the lower half, the next three tenths, the upper fifth."""


class Layer(StrEnum):
    HIGH = "high"
    MIDDLE = "middle"
    LOW = "low"


def layers(revenue_minor: Floats, cuts: ValueCuts) -> NDArray[np.str_]:
    """This function will return each member's layer, empty for NaN. A value equal to a cut lies below it."""
    above = [revenue_minor > cuts.high_minor, revenue_minor > cuts.middle_minor, ~np.isnan(revenue_minor)]
    return np.select(above, [Layer.HIGH.value, Layer.MIDDLE.value, Layer.LOW.value], default="")
