"""What turns facts into scores: published by fits, tuned by marketers, constant within one evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Bands:
    """Where lifecycle stages end. Ratios are days since the last order over the member's own rhythm."""

    new_days: int = 30
    at_risk_ratio: float = 2.0
    dormant_ratio: float = 4.0
    lost_ratio: float = 8.0
    reactivated_days: int = 30


@dataclass(frozen=True, slots=True)
class CutPoints:
    """Four ascending cut points for each of the three RFM scores: days, orders, minor units."""

    recency_days: tuple[float, ...]
    order_count: tuple[float, ...]
    revenue_minor: tuple[float, ...]

    @classmethod
    def from_json(cls, parameters: dict[str, Any]) -> CutPoints:
        return cls(**{name: tuple(float(cut) for cut in parameters[name]) for name in cls.__slots__})

    def as_json(self) -> dict[str, list[float]]:
        return {name: list(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The four parameters of purchase counts and their ends; `alpha` in weeks. See bg_nbd.py."""

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def from_json(cls, parameters: dict[str, Any]) -> BgNbd:
        return cls(**{name: float(parameters[name]) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """The three parameters of spend; `v` in minor units. See gamma_gamma.py."""

    p: float
    q: float
    v: float

    @classmethod
    def from_json(cls, parameters: dict[str, Any]) -> GammaGamma:
        return cls(**{name: float(parameters[name]) for name in cls.__slots__})


CHURN_FEATURES = (
    "days_since_last_order",
    "order_count_90d",
    "average_order_day_minor",
    "order_days_per_90d",
    "days_between_first_and_last",
)
"""What the churn model reads, each as ln(1 + value). Stored fits name them: an order of them is never changed."""
PACE_DAYS = 90.0
PACE_FROM = 7.0
"""Days added to a member's age before it divides: who came yesterday does not buy ninety times in 90 days. A week, as the
shortest rhythm."""


class Rank(StrEnum):
    """Of a churn probability among those of all members: the upper fifth, the next three tenths, the lower half."""

    HIGH = "high"
    MIDDLE = "middle"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Churn:
    """A logistic model over CHURN_FEATURES. `means` are those of the members it was fitted on, of the logarithms.

    `calibrated`: in the backtest no tenth of members was off by more than five points, over the horizon that was asked for.
    `rank_cuts`: the probabilities above which the upper half, and the upper fifth, of all members lay at the fit.
    """

    horizon_days: int
    intercept: float
    weights: tuple[float, ...]
    means: tuple[float, ...]
    calibrated: bool = False
    rank_cuts: tuple[float, float] = (0.5, 0.8)

    def rank_of(self, probability: float) -> Rank:
        """This function will return where a probability stands among all members': for screens, where it is a rank alone."""
        middle, high = self.rank_cuts
        return Rank.HIGH if probability > high else Rank.MIDDLE if probability > middle else Rank.LOW

    @classmethod
    def from_json(cls, parameters: dict[str, Any]) -> Churn:
        return cls(
            horizon_days=int(parameters["horizon_days"]),
            intercept=float(parameters["intercept"]),
            weights=tuple(float(parameters["weights"][name]) for name in CHURN_FEATURES),
            means=tuple(float(parameters["means"][name]) for name in CHURN_FEATURES),
            calibrated=bool(parameters["calibrated"]),
            rank_cuts=(float(parameters["rank_cuts"][0]), float(parameters["rank_cuts"][1])),
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "horizon_days": self.horizon_days,
            "intercept": self.intercept,
            "weights": dict(zip(CHURN_FEATURES, self.weights, strict=True)),
            "means": dict(zip(CHURN_FEATURES, self.means, strict=True)),
            "calibrated": self.calibrated,
            "rank_cuts": list(self.rank_cuts),
        }


@dataclass(frozen=True, slots=True)
class ValueCuts:
    """Revenue in minor units above which a member is of middle value, and of high value."""

    middle_minor: float
    high_minor: float

    @classmethod
    def from_json(cls, parameters: dict[str, Any]) -> ValueCuts:
        return cls(**{name: float(parameters[name]) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Parameters:
    """Nothing published yet: the scores that need it are missing."""

    bands: Bands = Bands()
    median_gap_days: float | None = None
    cut_points: CutPoints | None = None
    bg_nbd: BgNbd | None = None
    churn: Churn | None = None
    value_cuts: ValueCuts | None = None
