"""Whether two groups are made up alike: a table of counts tested as a whole. Pure NumPy.

Sources: Pearson 1900, chi-squared; Cramér 1946 for the effect V (0: alike, 1: as different as can be); Cochran 1954 for how
small expected counts may be; Holm 1979, «A simple sequentially rejective multiple test procedure», Scand. J. Statist. 6,
65-70, for many tests at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

FEWEST_EXPECTED = 5.0
"""Expected count that a fifth of the cells may fall below, and no cell below 1 (Cochran)."""
SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Association:
    """`effect` is Cramér's V; `approximate` says that counts are too small for the p-value to be trusted."""

    statistic: float
    degrees: int
    p_value: float
    effect: float
    approximate: bool


def association(rows: Sequence[Sequence[int]]) -> Association | None:
    """This function will test whether the rows of a table of counts are made up alike; None where it has nothing to say.

    Rows and columns without any count are left out.
    """
    table = np.asarray(rows, dtype=np.float64)
    if table.size == 0:
        return None
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return None
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    degrees = (table.shape[0] - 1) * (table.shape[1] - 1)
    small = bool((expected < FEWEST_EXPECTED).mean() > 0.2 or (expected < 1).any())
    effect = float(np.sqrt(statistic / (total * (min(table.shape) - 1))))
    return Association(statistic, degrees, float(chdtrc(degrees, statistic)), effect, small)


def holm(p_values: Sequence[float]) -> list[float]:
    """This function will adjust p-values for having been asked many at once: each stays in its place, none grows past 1."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
