"""What turns facts into scores: published by fits, tuned by marketers, constant within one evaluation."""

from __future__ import annotations

from dataclasses import dataclass
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
class Parameters:
    """Nothing published yet: the scores that need it are missing."""

    bands: Bands = Bands()
    median_gap_days: float | None = None
    cut_points: CutPoints | None = None
