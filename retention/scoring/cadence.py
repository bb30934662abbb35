"""How regularly a member buys, and how late the next order is against the member's own habit.

All arrays are of float64, one value a member, NaN where a value is missing; days are shop day numbers. No input raises.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHORTEST_RHYTHM_DAYS = 7.0
"""Days. Origin: under a week, "late" would mean yesterday."""
PRIOR_GAPS = 3
"""Gaps. The shop's median counts as this many gaps of the member's own, so that two orders do not make a habit."""


def days_since(day: Floats, *, as_of_day: int) -> Floats:
    """This function will return days from `day` to `as_of_day`, 0 for a day yet to come."""
    return np.maximum(as_of_day - day, 0.0)


def mean_gap_days(first_day: Floats, last_day: Floats, order_days: Floats) -> Floats:
    """This function will return the mean number of days between days with an order; missing below two of them."""
    several = np.where(order_days >= 2, order_days, np.nan)
    return (last_day - first_day) / (several - 1)


def rhythm_days(mean_gap: Floats, order_days: Floats, *, median_gap_days: float | None) -> Floats:
    """This function will return the days a member's next order is expected within, from the own mean gap and the shop's.

    (PRIOR_GAPS x the shop's median + own gaps x own mean) / (PRIOR_GAPS + own gaps), at least SHORTEST_RHYTHM_DAYS. Missing
    for members without orders, and for everybody while the shop has no median: nobody has ordered on two days yet.
    """
    median = np.nan if median_gap_days is None else median_gap_days
    ordered = np.where(order_days >= 1, order_days, np.nan)
    own = (ordered - 1) * np.nan_to_num(mean_gap, nan=0.0)
    return np.maximum((PRIOR_GAPS * median + own) / (PRIOR_GAPS + ordered - 1), SHORTEST_RHYTHM_DAYS)


def overdue_ratio(days_since_last_order: Floats, rhythm: Floats) -> Floats:
    """This function will return days since the last order as a multiple of the rhythm: 1 is on time, 2 twice as long."""
    return days_since_last_order / rhythm
