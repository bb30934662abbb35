"""Survival: how long members go on, counted fairly although many are still going on. Pure NumPy.

Durations are whole days from 0; an observation ends either in the event (the member was lost) or censored (still there when
the data ends: known to have lasted so long, nothing more).

Sources: Kaplan & Meier 1958, «Nonparametric estimation from incomplete observations», JASA 53, 457-481; Greenwood 1926 for
the variance; the log(-log) interval of Kalbfleisch & Prentice 1980, which stays within 0 and 1; Mantel 1966 and Peto & Peto
1972 for the log-rank test of two groups or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Z_95 = 1.959963984540054  # the normal quantile of 0.975


@dataclass(frozen=True, slots=True)
class Observed:
    """Observations of a group, added up: `lost` and `censored` members whose observation ended after `day` days.

    `day` ascends, each once; counts are not negative.
    """

    day: Ints
    lost: Ints
    censored: Ints

    @property
    def members(self) -> int:
        return int(self.lost.sum() + self.censored.sum())

    @property
    def at_risk(self) -> Ints:
        """Members still observed just before each day."""
        ended = self.lost + self.censored
        return self.members - np.concatenate([[0], np.cumsum(ended)[:-1]]).astype(np.int64)


def observed(day: Ints, lost: NDArray[np.bool_], count: Ints) -> Observed:
    """This function will add up observations: `count` members each, lost or censored after `day` days, in any order."""
    days, place = np.unique(day, return_inverse=True)
    losses = np.bincount(place, weights=np.where(lost, count, 0), minlength=len(days)).astype(np.int64)
    others = np.bincount(place, weights=np.where(lost, 0, count), minlength=len(days)).astype(np.int64)
    return Observed(days, losses, others)


@dataclass(frozen=True, slots=True)
class Curve:
    """Survival from each `day` on until the next one, with a 95% band; `at_risk` members were observed until that day.

    The first day is 0 with survival 1. Where nobody was lost yet, or everybody was, the band has no width: it is missing
    (NaN), since the interval is not defined there.
    """

    day: Ints
    survival: Floats
    low: Floats
    high: Floats
    at_risk: Ints

    def at(self, day: float) -> tuple[float, float, float]:
        """This function will return survival and its band on a day; NaN past the last observation."""
        if not len(self.day) or day > self.day[-1]:
            return float("nan"), float("nan"), float("nan")
        place = int(np.searchsorted(self.day, day, side="right")) - 1
        return float(self.survival[place]), float(self.low[place]), float(self.high[place])

    @property
    def median(self) -> float:
        """The first day on which survival is a half or less; infinite where it never falls so far."""
        below = np.flatnonzero(self.survival <= 0.5 + 1e-12)
        return float(self.day[below[0]]) if len(below) else float("inf")


def kaplan_meier(group: Observed, z: float = Z_95) -> Curve:
    """This function will estimate survival: the product over the days of the share that was not lost.

    Returns the estimate at 0 and at each day on which an observation ended. Greenwood's variance of log S is the sum of
    d / (n (n - d)); the band is S ** exp(±z se / log S), from the variance of log(-log S).
    """
    risk = group.at_risk.astype(np.float64)
    lost = group.lost.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        survival = np.asarray(np.cumprod(1 - lost / risk), dtype=np.float64)
        variance = np.cumsum(lost / (risk * (risk - lost)))
        log_survival = np.log(survival)
        reach = z * np.sqrt(variance) / np.abs(log_survival)
        low, high = survival ** np.exp(reach), survival ** np.exp(-reach)
    undefined = (survival <= 0) | (survival >= 1) | ~np.isfinite(reach)
    low, high = np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)
    if len(group.day) and group.day[0] == 0:
        return Curve(group.day, survival, low, high, group.at_risk)
    return Curve(
        day=np.concatenate([[0], group.day]).astype(np.int64),
        survival=np.concatenate([[1.0], survival]),
        low=np.concatenate([[np.nan], low]),
        high=np.concatenate([[np.nan], high]),
        at_risk=np.concatenate([[group.members], group.at_risk]).astype(np.int64),
    )


@dataclass(frozen=True, slots=True)
class LogRank:
    """Whether groups differ in survival: the larger `statistic`, the less chance alone explains it (`p_value`)."""

    statistic: float
    degrees: int
    p_value: float
    expected: tuple[float, ...]
    """Losses that each group would have had, were all alike."""


def log_rank(groups: Sequence[Observed]) -> LogRank | None:
    """This function will test whether groups have the same survival; None where there is nothing to compare.

    On each day with a loss the losses of a group are compared with what they would be, were they shared out by the members
    at risk (the mean of the hypergeometric law), and their covariances are added up. The statistic is chi-squared with one
    degree of freedom less than there are groups that could differ.
    """
    days = np.unique(np.concatenate([group.day[group.lost > 0] for group in groups])) if groups else np.array([])
    if len(groups) < 2 or not len(days):
        return None
    lost = np.array([_losses_on(group, days) for group in groups], dtype=np.float64)
    risk = np.array([_at_risk_on(group, days) for group in groups], dtype=np.float64)
    all_lost, all_risk = lost.sum(axis=0), risk.sum(axis=0)
    share = risk / all_risk
    expected = share * all_lost
    spread = np.where(all_risk > 1, all_lost * (all_risk - all_lost) / np.maximum(all_risk - 1, 1), 0.0)
    covariance = np.diag((share * spread).sum(axis=1)) - (share * spread) @ share.T
    difference = (lost - expected).sum(axis=1)
    degrees = int(np.linalg.matrix_rank(covariance))
    if degrees == 0:
        return None
    statistic = float(difference @ np.linalg.pinv(covariance) @ difference)
    told = tuple(float(each) for each in expected.sum(axis=1))
    return LogRank(statistic, degrees, float(chdtrc(degrees, statistic)), told)


def _losses_on(group: Observed, days: Ints) -> Ints:
    found = np.zeros(len(days), dtype=np.int64)
    place = np.searchsorted(days, group.day)
    inside = (place < len(days)) & (days[np.minimum(place, len(days) - 1)] == group.day)
    found[place[inside]] = group.lost[inside]
    return found


def _at_risk_on(group: Observed, days: Ints) -> Ints:
    """Members whose observation had not ended before each of `days`."""
    ended = np.concatenate([[0], np.cumsum(group.lost + group.censored)])
    before = np.searchsorted(group.day, days, side="left")
    return np.asarray(group.members - ended[before], dtype=np.int64)
