"""Recency, frequency and money as scores from 1 to 5, and the named groups they make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retention.scoring.cadence import Floats

QUINTILES = (0.2, 0.4, 0.6, 0.8)
BINS = len(QUINTILES) + 1


@dataclass(frozen=True, slots=True)
class Rank:
    """Where a quantile lies among `count` ascending values: between two positions (from 0), `weight` of the way."""

    low: int
    high: int
    weight: float


def rank_of(quantile: float, *, count: int) -> Rank:
    """This function will return the place of a quantile, by linear interpolation (numpy.quantile's default, R's type 7)."""
    position = (count - 1) * quantile
    low = math.floor(position)
    return Rank(low, min(low + 1, count - 1), position - low)


def interpolated(low: float, high: float, weight: float) -> float:
    """This function will return the value between two neighbours, to the last bit as numpy.quantile does."""
    step = high - low
    return low + step * weight if weight < 0.5 else high - step * (1 - weight)


def ascending_score(values: Floats, cuts: Sequence[float]) -> Floats:
    """This function will return 1 and one more for each cut point that a value lies above; missing stays missing.

    A value equal to a cut point lies below it. Equal values have equal scores; where many members are equal, as with one
    order each, bins are of unequal size and some may be empty.
    """
    above = (values[:, None] > np.asarray(cuts, dtype=np.float64)[None, :]).sum(axis=1).astype(np.float64)
    return np.where(np.isnan(values), np.nan, 1 + above)


def descending_score(values: Floats, cuts: Sequence[float]) -> Floats:
    """This function will return the same with 5 for the smallest: days since the last order, the fewer the better."""
    return BINS + 1 - ascending_score(values, cuts)


@dataclass(frozen=True, slots=True)
class Group:
    """A name for a box of scores: from the lower to the upper one, both included."""

    code: str
    r: tuple[int, int] = (1, BINS)
    f: tuple[int, int] = (1, BINS)
    m: tuple[int, int] = (1, BINS)


GROUPS = (
    Group("champions", r=(4, 5), f=(4, 5), m=(4, 5)),
    Group("loyal", r=(3, 5), f=(4, 5)),
    Group("big_spenders", r=(3, 5), m=(4, 5)),
    Group("recent", r=(4, 5), f=(1, 2)),
    Group("promising", r=(3, 5)),
    Group("cannot_lose", r=(1, 2), f=(4, 5), m=(4, 5)),
    Group("needs_attention", r=(1, 2), f=(3, 5)),
    Group("inactive"),
)
"""The first box that holds a member names the group; the last holds everybody who has scores."""


def groups(r: Floats, f: Floats, m: Floats) -> NDArray[np.str_]:
    """This function will return each member's group, empty where a score is missing."""
    scored = ~(np.isnan(r) | np.isnan(f) | np.isnan(m))
    boxes = [scored & _within(r, group.r) & _within(f, group.f) & _within(m, group.m) for group in GROUPS]
    return np.select(boxes, [group.code for group in GROUPS], default="")


def _within(scores: Floats, ends: tuple[int, int]) -> NDArray[np.bool_]:
    return (scores >= ends[0]) & (scores <= ends[1])
