"""How often members buy, and whether they still do: the BG/NBD model.

While alive a member buys at random times with an own rate; after each purchase the member may stop for good, with an own
probability. Rates vary as Gamma(r, alpha), probabilities as Beta(a, b). Of each member the model reads three numbers, by the
papers' letters: x, purchases after the first; t_x, time from the first purchase to the last; T, time from the first to now.
Several orders of one day are one purchase. Times are in weeks throughout, and so is alpha.

Source: P. Fader, B. Hardie, K. L. Lee, "Counting Your Customers" the Easy Way, Marketing Science 24(2), 2005. The form of
the expectation that holds for any history is derived in docs/reference/scores.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betainc, betaln, digamma, expit, gammaln, hyp2f1, log_expit

from retention.scoring.cadence import Floats
from retention.scoring.parameters import BgNbd

DAYS_PER_WEEK = 7.0
LIMITS = ((-9.0, 7.0), (-9.0, 11.0), (-9.0, 7.0), (-9.0, 7.0))
"""Where the logarithms of r, alpha, a, b may lie. At the upper ends (1,100; 60,000 weeks) members no longer differ from each
other, as far as their orders can tell: that is a shop's good right. At the lower end of r nobody buys again."""
NEAR = 1e-3
"""Around a = 1, and around a + b + x = 1, the closed form is a difference of two infinities: the integral is taken there."""
PANELS = 24
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(16)


class NoFit(Exception):
    """The data do not tell the parameters apart: the likelihood grows without end in some direction."""


@dataclass(frozen=True, slots=True)
class Histories:
    """Members of equal history counted together: row by row x, t_x, T in weeks, and how many members have them."""

    x: Floats
    t_x: Floats
    T: Floats
    members: Floats

    @classmethod
    def of_days(cls, order_days: Floats, span_days: Floats, age_days: Floats, members: Floats | None = None) -> Histories:
        """This function will read facts: days with an order, days from the first to the last, days from the first to now.

        An order dated ahead of now ends the member's time, which cannot be over before the last purchase.
        """
        count = np.ones_like(order_days) if members is None else members
        age = np.maximum(age_days, span_days)
        return cls(order_days - 1.0, span_days / DAYS_PER_WEEK, age / DAYS_PER_WEEK, count)

    def unique(self) -> Histories:
        """This function will count equal histories together: the likelihood is then evaluated once for each."""
        order = np.lexsort((self.T, self.t_x, self.x))
        x, t_x, age = self.x[order], self.t_x[order], self.T[order]
        starts = np.flatnonzero(np.r_[True, (np.diff(x) != 0) | (np.diff(t_x) != 0) | (np.diff(age) != 0)])
        return Histories(x[starts], t_x[starts], age[starts], np.add.reduceat(self.members[order], starts))


@dataclass(frozen=True, slots=True)
class Fit:
    """Parameters with their standard errors (from the Hessian at the maximum) and the log-likelihood of all members."""

    parameters: BgNbd
    standard_errors: BgNbd
    log_likelihood: float


def fit(histories: Histories) -> Fit:
    """This function will find the parameters under which the histories are most likely. Raises NoFit.

    By L-BFGS on the logarithms of the parameters, with the analytic gradient, per member so that tolerances mean the same at
    any size. The start is a shop whose members buy every half of their time and leave after one purchase in three.
    """
    total = float(histories.members.sum())
    if total <= 0 or not np.any(histories.x > 0):
        raise NoFit

    likelihood = _Likelihood.of(histories)

    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = likelihood.at(BgNbd(*np.exp(logs)))
        return -value / total, -gradient * np.exp(logs) / total

    mean_time = float(np.average(histories.T, weights=histories.members))
    start = np.log([1.0, max(mean_time / 2, 0.1), 1.0, 2.0])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=LIMITS, options={"ftol": 1e-13, "gtol": 1e-8})
    logs = np.asarray(found.x)
    if not np.all(np.isfinite(logs)) or logs[0] <= LIMITS[0][0] + 0.01:
        raise NoFit
    parameters = BgNbd(*(float(each) for each in np.exp(logs)))
    errors = _standard_errors(logs, lambda at: loss(at)[1] * total)
    return Fit(parameters, errors, -float(found.fun) * total)


def log_likelihood(given: BgNbd, histories: Histories) -> tuple[float, NDArray[np.float64]]:
    """This function will return the log-likelihood and its gradient by r, alpha, a, b (the paper's equation 6)."""
    return _Likelihood.of(histories).at(given)


@dataclass(frozen=True, slots=True)
class _Likelihood:
    """What an evaluation reads of the histories, sorted out once. `levels` are the different x, `place` whose each row is:
    gamma functions, the dear part, are needed of each level alone."""

    histories: Histories
    levels: Floats
    place: NDArray[np.intp]
    at_level: Floats
    repeated: NDArray[np.bool_]

    @classmethod
    def of(cls, histories: Histories) -> _Likelihood:
        levels, place = np.unique(histories.x, return_inverse=True)
        at_level: Floats = np.bincount(place.ravel(), weights=histories.members, minlength=len(levels)).astype(np.float64)
        return cls(histories, levels, place.ravel(), at_level, levels > 0)

    def at(self, given: BgNbd) -> tuple[float, NDArray[np.float64]]:
        """The two terms, still alive and gone after the last purchase, are added as logarithms: neither underflows."""
        r, alpha, a, b = given.r, given.alpha, given.a, given.b
        levels, place, weight = self.levels, self.place, self.histories.members
        later = np.where(self.repeated, b + levels - 1.0, 1.0)
        common = gammaln(r + levels) - gammaln(r) + r * np.log(alpha)
        common += gammaln(a + b) + gammaln(b + levels) - gammaln(b) - gammaln(a + b + levels)
        gone_at_level = np.where(self.repeated, np.log(a) - np.log(later), -np.inf)
        now, last = alpha + self.histories.T, alpha + self.histories.t_x
        log_now, log_last, power = np.log(now), np.log(last), (r + levels)[place]
        alive, gone = -power * log_now, gone_at_level[place] - power * log_last
        either = np.logaddexp(alive, gone)
        p = weight * np.exp(alive - either)
        q = weight - p
        q_at_level = np.bincount(place, weights=q, minlength=len(levels))
        by_r = self.at_level @ (digamma(r + levels) - digamma(r) + np.log(alpha)) - p @ log_now - q @ log_last
        by_alpha = self.at_level.sum() * r / alpha - power @ (p / now + q / last)
        shared = digamma(a + b) - digamma(a + b + levels)
        by_a = self.at_level @ shared + q_at_level[self.repeated].sum() / a
        by_b = self.at_level @ (shared + digamma(b + levels) - digamma(b))
        by_b -= q_at_level[self.repeated] @ (1.0 / later[self.repeated])
        return float(self.at_level @ common + weight @ either), np.array([by_r, by_alpha, by_a, by_b])


def _standard_errors(logs: NDArray[np.float64], gradient: object) -> BgNbd:
    """From the curvature by central differences of the gradient; NaN where the maximum is flat."""
    step = 1e-4
    rows = []
    for place in range(4):
        moved = np.zeros(4)
        moved[place] = step
        rows.append((gradient(logs + moved) - gradient(logs - moved)) / (2 * step))  # type: ignore[operator]
    hessian = np.array(rows)
    try:
        variance = np.diag(np.linalg.inv((hessian + hessian.T) / 2))
    except np.linalg.LinAlgError:
        variance = np.full(4, np.nan)
    with np.errstate(invalid="ignore"):
        return BgNbd(*(float(each) for each in np.exp(logs) * np.sqrt(variance)))


def p_alive(given: BgNbd, histories: Histories) -> Floats:
    """This function will return each member's probability to be still alive, from 0 to 1; 1 for one-time buyers, of whom the
    model holds that who never bought again never had an occasion to leave.

    By log odds, as the database does: nothing overflows, however many purchases and years.
    """
    x = histories.x
    later = np.where(x > 0, given.b + x - 1.0, 1.0)
    growth = (given.alpha + histories.T) / (given.alpha + histories.t_x)
    against = np.log(given.a / later) + (given.r + x) * np.log(growth)
    return np.where(x > 0, 0.5 - 0.5 * np.tanh(against / 2), 1.0)


def expected_purchases(given: BgNbd, histories: Histories, *, weeks: float) -> Floats:
    """This function will return the purchases to be expected of each member within the next `weeks` (the equation 10).

    P(alive) x c x (1 - (1 - z)^(a - 1) F(a - 1, a + b - 1 - r; c; z)) / (a - 1), where c = a + b + x - 1 and
    z = t / (alpha + T + t). Euler's transformation has taken the member's own purchases out of the first two parameters of
    the hypergeometric function F, which so stays near 1 however many there are.
    """
    c = given.a + given.b + histories.x - 1.0
    beta = given.a + given.b - 1.0 - given.r
    z = weeks / (given.alpha + histories.T + weeks)
    near = (np.abs(c) < NEAR) | (abs(given.a - 1.0) < NEAR)
    with np.errstate(all="ignore"):
        rest = np.exp((given.a - 1.0) * np.log1p(-z)) * hyp2f1(given.a - 1.0, beta, np.where(near, 1.0, c), z)
        expected = c * (1.0 - rest) / (given.a - 1.0 if abs(given.a - 1.0) >= NEAR else 1.0)
    odd = near | ~np.isfinite(expected)
    if np.any(odd):
        expected[odd] = _by_integral(given, histories.x[odd], weeks / (given.alpha + histories.T[odd]))
    return p_alive(given, histories) * expected


def _by_integral(given: BgNbd, x: Floats, ratio: Floats) -> Floats:
    """The same without P(alive), as what it is the closed form of: the mean over p ~ Beta(a, b + x), the probability to stop
    after a purchase, of h(p) = (1 - (1 + p t / (alpha + T))^-(r + x)) / p.

    By Gauss and Legendre in panels of logit p; at both ends, where h no longer changes, by the mass that is left there.
    """
    a, later, power = given.a, given.b + x, given.r + x
    middle, spread = np.log(a / later), np.sqrt(1.0 / a + 1.0 / later)
    low = np.maximum(middle - 40.0 * spread, np.log(1e-11 / np.maximum(power * ratio, 1.0)))
    high = np.minimum(middle + np.minimum(40.0 * spread, 12.0 * spread + 45.0 / later + 6.0), 23.0)
    high = np.maximum(high, low + 1.0)
    half = (high - low) / PANELS / 2.0

    def stopped(p: Floats) -> Floats:
        return -np.expm1(-power * np.log1p(p * ratio)) / p

    total = betainc(a, later, expit(low)) * power * ratio + betainc(later, a, expit(-high)) * stopped(expit(high))
    for panel in range(PANELS):
        centre = low + half * (2 * panel + 1)
        for node, node_weight in zip(NODES, NODE_WEIGHTS, strict=True):
            at = centre + node * half
            density = np.exp(a * log_expit(at) + later * log_expit(-at) - betaln(a, later))
            total = total + node_weight * half * density * stopped(expit(at))
    return total
