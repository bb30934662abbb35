"""What an order of a member is worth: the gamma-gamma model of spend.

A member's orders vary around an own mean, and the means vary among members. Of who has ordered once the others tell most, of
who has ordered often the own orders do. Of each member the model reads how many purchases (x) and their mean value (m).

Source: P. Fader, B. Hardie, The Gamma-Gamma Model of Monetary Value, note of 2013, brucehardie.com/notes/025.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from retention.scoring.bg_nbd import NoFit
from retention.scoring.cadence import Floats
from retention.scoring.parameters import GammaGamma

WIDEST_LOG = 9.0
"""Past e^9 = 8,000 a parameter says that nothing varies: everybody spends the same."""


def fit(purchases: Floats, mean_value: Floats, members: Floats | None = None) -> tuple[GammaGamma, float]:
    """This function will return the most likely parameters and their log-likelihood. Raises NoFit.

    Values must be above 0. They are counted in multiples of their mean during the fit, so that the unit does not matter.
    NoFit also where q is not above 1, when the mean of members' means would be infinite.
    """
    weight = np.ones_like(mean_value) if members is None else members
    if not len(mean_value) or np.ptp(mean_value) <= 1e-9 * float(mean_value.max()):
        raise NoFit
    scale = float(np.average(mean_value, weights=weight))
    value, total = mean_value / scale, float(weight.sum())

    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        found, gradient = log_likelihood(GammaGamma(*np.exp(logs)), purchases, value, weight)
        return -found / total, -gradient * np.exp(logs) / total

    limits = [(-WIDEST_LOG, WIDEST_LOG)] * 3
    found = minimize(loss, np.zeros(3), jac=True, method="L-BFGS-B", bounds=limits, options={"ftol": 1e-13, "gtol": 1e-8})
    p, q, v = (float(each) for each in np.exp(found.x))
    if np.any(np.abs(found.x) > WIDEST_LOG - 0.01) or q <= 1.0:
        raise NoFit
    # A density of values is one of multiples over the scale.
    return GammaGamma(p, q, v * scale), -float(found.fun) * total - total * float(np.log(scale))


def log_likelihood(given: GammaGamma, x: Floats, m: Floats, weight: Floats) -> tuple[float, NDArray[np.float64]]:
    """This function will return the log-likelihood of the mean values and its gradient by p, q, v (the equation 1a)."""
    p, q, v = given.p, given.q, given.v
    px, log_m, log_x, whole = p * x, np.log(m), np.log(x), x * m + v
    log_whole = np.log(whole)
    value = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v)
    value = value + (px - 1.0) * log_m + px * log_x - (px + q) * log_whole
    grown = digamma(px + q)
    by_p = x * (grown - digamma(px) + log_m + log_x - log_whole)
    by_q = grown - digamma(q) + np.log(v) - log_whole
    by_v = q / v - (px + q) / whole
    gradient = np.array([float(weight @ part) for part in (by_p, by_q, by_v)])
    return float(weight @ value), gradient


def expected_value(given: GammaGamma, purchases: Floats, mean_value: Floats) -> Floats:
    """This function will return the mean value of each member's purchases to come (the note's equation 5), in the unit of v.

    Below 0 counts as 0: refunds may have taken back more than was paid.
    """
    spent = purchases * np.maximum(mean_value, 0.0)
    return given.p * (given.v + spent) / (given.p * purchases + given.q - 1.0)
