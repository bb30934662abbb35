"""How good a score is: does it rank, does it say the truth, and is it better than looking at the date of the last order.

`churned` is 1.0 for a member who did not order within the horizon, 0.0 for one who did.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from retention.scoring.cadence import Floats

PARTS = 10
TOLERANCE = 0.05
"""How far a tenth's mean prediction may lie from what happened to it for the score to be shown as a percentage."""
SMALLEST = 1e-4
STEADY, MOVED = 0.1, 0.25
"""Below the first a population is the same, above the second another: the customary thresholds of the index."""


@dataclass(frozen=True, slots=True)
class Tenth:
    """Members of one tenth of the score, the lowest first: how many, what was predicted of them, what happened."""

    members: int
    predicted: float
    actual: float


def auc(churned: Floats, score: Floats) -> float | None:
    """This function will return how often a member who churned has the higher score of two, one of each kind; equal scores
    count half. None where all are of one kind.

    By ranks (Mann and Whitney 1947).
    """
    lost = float(churned.sum())
    kept = len(churned) - lost
    if not lost or not kept:
        return None
    _values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    middle_ranks = np.cumsum(counts) - (counts - 1) / 2.0
    ranks = float(middle_ranks[place.ravel()] @ churned)
    return (ranks - lost * (lost + 1.0) / 2.0) / (lost * kept)


def brier(churned: Floats, score: Floats) -> float:
    """This function will return the mean squared distance of the prediction from what happened: 0 is perfect."""
    return float(np.mean((score - churned) ** 2))


def tenths(churned: Floats, score: Floats) -> list[Tenth]:
    """This function will cut members into ten parts of equal size by score. Fewer members than parts make fewer parts."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, min(PARTS, len(order))) if len(part)]
    return [Tenth(len(part), float(score[part].mean()), float(churned[part].mean())) for part in parts]


def furthest(parts: list[Tenth]) -> float:
    """This function will return the largest distance between prediction and truth of a tenth."""
    return max((abs(part.predicted - part.actual) for part in parts), default=1.0)


def lift_at_top(churned: Floats, score: Floats) -> tuple[float, float] | None:
    """This function will look at the tenth with the highest scores: how many times as often they churned as everybody, and
    which share of all who churned they are. None where nobody churned."""
    lost = float(churned.sum())
    if not lost:
        return None
    top = np.argsort(-score, kind="stable")[: max(1, len(score) // PARTS)]
    caught = float(churned[top].sum())
    return (caught / len(top)) / (lost / len(churned)), caught / lost


def measured(churned: Floats, score: Floats, recency: Floats) -> dict[str, Any]:
    """This function will put together what a published model tells about itself."""
    parts = tenths(churned, score)
    top = lift_at_top(churned, score)
    return {
        "members": len(churned),
        "churned": int(churned.sum()),
        "auc": auc(churned, score),
        "recency_auc": auc(churned, recency),
        "brier": brier(churned, score),
        "base_brier": brier(churned, np.full_like(churned, churned.mean())),
        "calibration": [asdict(part) for part in parts],
        "furthest": furthest(parts),
        "lift_top_10": None if top is None else top[0],
        "caught_top_10": None if top is None else top[1],
    }


def stability(before: list[float], after: list[float]) -> float:
    """This function will return the population stability index of two distributions over the same bins: the sum of
    (after - before) x ln(after / before) over shares, empty bins counted as one member in ten thousand."""
    old, new = np.maximum(np.array(before), SMALLEST), np.maximum(np.array(after), SMALLEST)
    return float(np.sum((new - old) * np.log(new / old)))


def shares(score: Floats) -> list[float]:
    """This function will return which share of members has a score in each tenth of the way from 0 to 1."""
    counts, _edges = np.histogram(score, bins=PARTS, range=(0.0, 1.0))
    return [float(each) for each in counts / max(1, len(score))]
