"""Where a member stands, judged by the member's own cadence."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from retention.scoring.cadence import Floats
from retention.scoring.parameters import Bands


class Stage(StrEnum):
    NONE = "none"
    NEW = "new"
    ACTIVE = "active"
    REACTIVATED = "reactivated"
    AT_RISK = "at_risk"
    DORMANT = "dormant"
    LOST = "lost"


LEAVING = (Stage.AT_RISK, Stage.DORMANT, Stage.LOST)
"""The stages of members who stay away longer than is usual for them."""


def stages(
    *,
    days_since_first_order: Floats,
    days_since_last_order: Floats,
    gap_before_last_order: Floats,
    rhythm: Floats,
    overdue: Floats,
    bands: Bands,
) -> NDArray[np.str_]:
    """This function will return each member's stage: the first that holds, in this order.

    none (never ordered); new (first order within `new_days`); lost, dormant, at_risk (overdue beyond their ratios);
    reactivated (last order within `reactivated_days` after a gap that counted as dormant); active. What is missing holds
    nothing: a member whose rhythm is unknown is new or active.
    """
    ordered = ~np.isnan(days_since_last_order)
    came_back = (days_since_last_order < bands.reactivated_days) & (gap_before_last_order > bands.dormant_ratio * rhythm)
    conditions = [
        ~ordered,
        days_since_first_order < bands.new_days,
        overdue > bands.lost_ratio,
        overdue > bands.dormant_ratio,
        overdue > bands.at_risk_ratio,
        came_back,
    ]
    held = [Stage.NONE, Stage.NEW, Stage.LOST, Stage.DORMANT, Stage.AT_RISK, Stage.REACTIVATED]
    return np.select(conditions, [stage.value for stage in held], default=Stage.ACTIVE.value)
