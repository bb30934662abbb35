"""Will a member not order within the horizon? A regularised logistic regression on five logarithms of facts.

Five, because each can be said in a sentence, is a column of the facts, and is distributed alike in a shop's third month and
in its third year: a member's age alone is not. What richer models gain is measured with every fit (challengers.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retention.scoring.cadence import Floats
from retention.scoring.parameters import CHURN_FEATURES, PACE_DAYS, PACE_FROM, Churn

PENALTY = 1.0
"""The weight of the squared, standardised coefficients: that of one observation, which keeps separable data finite."""
MOST_STEPS = 60


def features(
    *, since: Floats, orders_90d: Floats, revenue_minor: Floats, order_days: Floats, age: Floats, span: Floats
) -> Floats:
    """This function will return one row a member with the columns CHURN_FEATURES; NaN for members without orders.

    Parameters: days since the last order and since the first, orders of the last 90 days, revenue in minor units, days with
    an order, days from the first to the last.
    """
    bought = np.where(order_days >= 1, order_days, np.nan)
    with np.errstate(invalid="ignore"):
        worth = np.where(revenue_minor > 0, revenue_minor, 0.0) / bought
        pace = PACE_DAYS * bought / (age + PACE_FROM)
    columns = (since, orders_90d, worth, pace, span)
    return np.column_stack([np.log(1.0 + np.where(np.isnan(bought), np.nan, column)) for column in columns])


def fit(rows: Floats, churned: Floats, *, horizon_days: int) -> Churn:
    """This function will fit by Newton's method on standardised columns, and return weights for the columns as they are."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    standard = np.column_stack((np.ones(len(rows)), (rows - mean) / spread))
    penalty = np.full(standard.shape[1], PENALTY)
    penalty[0] = 1e-6
    beta = _newton(standard, churned, penalty)
    weights = beta[1:] / spread
    return Churn(
        horizon_days=horizon_days,
        intercept=float(beta[0] - weights @ mean),
        weights=tuple(float(each) for each in weights),
        means=tuple(float(each) for each in mean),
    )


def _newton(rows: Floats, churned: Floats, penalty: NDArray[np.float64]) -> NDArray[np.float64]:
    """Penalised log-likelihood is concave: a step is halved as long as it does not improve."""
    beta = np.zeros(rows.shape[1])
    value = _penalised(rows, churned, penalty, beta)
    for _step in range(MOST_STEPS):
        p = _sigmoid(rows @ beta)
        gradient = rows.T @ (p - churned) + penalty * beta
        hessian = (rows * (p * (1 - p))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        while (tried := _penalised(rows, churned, penalty, beta - step)) > value and np.abs(step).max() > 1e-12:
            step = step / 2
        beta, value = beta - step, tried
        if np.abs(step).max() < 1e-10:
            break
    return beta


def _penalised(rows: Floats, churned: Floats, penalty: NDArray[np.float64], beta: NDArray[np.float64]) -> float:
    z = rows @ beta
    return float(np.sum(np.logaddexp(0.0, z) - churned * z) + 0.5 * penalty @ beta**2)


def _sigmoid(z: Floats) -> Floats:
    return 0.5 + 0.5 * np.tanh(z / 2)


def probability(given: Churn, rows: Floats) -> Floats:
    """This function will return the probability of no order within the horizon; terms are added in the order of the
    database's expression, so that both round alike."""
    z = np.full(len(rows), given.intercept)
    for place, weight in enumerate(given.weights):
        z = z + weight * rows[:, place]
    return _sigmoid(z)


def contributions(given: Churn, row: Floats) -> dict[str, float]:
    """This function will say how far each fact moves one member's log odds from those of the average member of the fit."""
    moved = (weight * (value - mean) for weight, value, mean in zip(given.weights, row, given.means, strict=True))
    return {name: float(each) for name, each in zip(CHURN_FEATURES, moved, strict=True)}
