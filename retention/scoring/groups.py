"""Kinds of customers: k-means over how recently, how often and how generously members buy.

scikit-learn finds the centres; whose centre is nearest is arithmetic, for any number of members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retention.scoring.cadence import Floats

COLUMNS = ("days_since_last_order", "order_days", "average_order_day_minor")
SEED = 20_050_401
FEWEST, MOST = 3, 6
JUDGED = 2_000
"""Members on whom the number of groups is judged: how well parted they are is a comparison of each with each."""
LEAST_MEMBERS = 50


@dataclass(frozen=True, slots=True)
class Groups:
    """Centres in standardised logarithms of COLUMNS."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    centres: tuple[tuple[float, ...], ...]

    @classmethod
    def from_json(cls, parameters: dict[str, Any]) -> Groups:
        mean, spread = (tuple(float(each) for each in parameters[name]) for name in ("mean", "spread"))
        return cls(mean, spread, tuple(tuple(float(each) for each in centre) for centre in parameters["centres"]))

    def as_json(self) -> dict[str, Any]:
        centres = [list(centre) for centre in self.centres]
        return {"columns": list(COLUMNS), "mean": list(self.mean), "spread": list(self.spread), "centres": centres}


def rows_of(*, since: Floats, order_days: Floats, revenue_minor: Floats) -> Floats:
    """This function will return one row a member with the logarithms of COLUMNS; all have ordered."""
    worth = np.maximum(revenue_minor, 0.0) / order_days
    return np.log1p(np.column_stack((since, order_days, worth)))


def fit(rows: Floats) -> Groups | None:
    """This function will find three to six centres: the number whose groups are parted best (silhouette, Rousseeuw 1987).
    The largest group comes first. None where members do not differ in as many ways as there would be groups."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    standard = (rows - mean) / spread
    if len(np.unique(standard, axis=0)) <= MOST:
        return None
    judged = standard[np.random.default_rng(SEED).permutation(len(standard))[:JUDGED]]
    best, centres = -1.0, None
    for count in range(FEWEST, MOST + 1):
        model = KMeans(count, n_init=4, random_state=SEED).fit(standard)
        labels = model.predict(judged)
        parted = silhouette_score(judged, labels) if len(np.unique(labels)) > 1 else -1.0
        if parted > best:
            best, centres = parted, model.cluster_centers_[np.argsort(-np.bincount(model.labels_, minlength=count))]
    if centres is None:
        return None
    told = tuple(tuple(float(each) for each in centre) for centre in centres)
    return Groups(tuple(map(float, mean)), tuple(map(float, spread)), told)


def nearest(groups: Groups, rows: Floats) -> NDArray[np.intp]:
    """This function will return the place of the nearest centre for each row."""
    standard = (rows - np.array(groups.mean)) / np.array(groups.spread)
    distances = [np.sum((standard - np.array(centre)) ** 2, axis=1) for centre in groups.centres]
    return np.argmin(np.column_stack(distances), axis=1)
