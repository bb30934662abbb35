"""What simplicity costs: richer models on the same members, none of which is ever used to score.

scikit-learn is imported when a challenger is asked for, and not before: it takes a second and a hundred megabytes, which web
processes need not pay. Where it is not installed there are no challengers, and no customer groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from retention.scoring.cadence import Floats
from retention.scoring.calibration import auc, brier

SEED = 20_050_401
MOST_LEAVES = 8
LEAST_SHARE, LEAST_MEMBERS = 0.02, 20
"""A leaf holds at least this share of the members, and at least so many: fewer say nothing about who comes after them."""


def available() -> bool:
    return find_spec("sklearn") is not None


def compare(train: Floats, train_churned: Floats, test: Floats, test_churned: Floats) -> list[dict[str, Any]]:
    """This function will fit a decision tree, a random forest and gradient boosting, and measure each on other members or a
    later time than it was fitted on."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    least = _least(len(train))
    models = {
        "tree": _tree(len(train)),
        "forest": RandomForestClassifier(n_estimators=60, min_samples_leaf=least // 2 or 1, n_jobs=1, random_state=SEED),
        "boosting": HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, max_depth=4, random_state=SEED),
    }
    told = []
    for code, model in models.items():
        found = model.fit(train, train_churned).predict_proba(test)[:, 1].astype(np.float64)
        told.append({"code": code, "auc": auc(test_churned, found), "brier": brier(test_churned, found)})
    return told


@dataclass(frozen=True, slots=True)
class Leaf:
    """Members of one end of the tree: between which bounds each fact lies (above the lower, up to the upper one), how many
    there were, and which share of them churned."""

    bounds: Mapping[str, tuple[float | None, float | None]]
    members: int
    churned: float


def leaves(rows: Floats, churned: Floats, names: tuple[str, ...]) -> list[Leaf]:
    """This function will grow a small decision tree and return its leaves, the largest share of churned first."""
    tree = _tree(len(rows)).fit(rows, churned).tree_
    found: list[Leaf] = []

    def walk(node: int, bounds: dict[str, tuple[float | None, float | None]]) -> None:
        if tree.children_left[node] == tree.children_right[node]:
            share = float(tree.value[node][0][-1] / tree.value[node][0].sum())
            found.append(Leaf(bounds, int(tree.n_node_samples[node]), share))
            return
        name, cut = names[tree.feature[node]], float(tree.threshold[node])
        low, high = bounds.get(name, (None, None))
        walk(tree.children_left[node], {**bounds, name: (low, cut)})
        walk(tree.children_right[node], {**bounds, name: (cut, high)})

    walk(0, {})
    return sorted(found, key=lambda leaf: -leaf.churned)


def _tree(members: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_leaf_nodes=MOST_LEAVES, min_samples_leaf=_least(members), random_state=SEED)


def _least(members: int) -> int:
    return max(LEAST_MEMBERS, round(LEAST_SHARE * members))
