"""Two shares compared: the difference with its interval, and how easily chance alone gives as much. Pure.

Sources: Newcombe 1998, «Interval estimation for the difference between independent proportions», Statistics in Medicine 17,
873-890, method 10 (hybrid score); Wilson 1927 for one share; Fisher's exact test and the pooled z-test, both two-sided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import erfc, exp, lgamma, log, sqrt

Z_95 = 1.959963984540054  # the normal quantile of 0.975
FEWEST_EXPECTED = 5  # in every cell, for the z-test's approximation to hold (Cochran's rule)
MOST_FOR_EXACT = 10_000  # beyond, the binomial is the normal to more digits than anybody reads
EQUAL = 1 + 1e-7  # probabilities that differ by rounding alone are equal


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`; `of` is positive."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        return self.hits / self.of


@dataclass(frozen=True, slots=True)
class Difference:
    """The first share less the second. `relative` is None when the second is zero: nothing to be relative to."""

    absolute: float
    relative: float | None
    low: float
    high: float
    p_value: float
    test: str


def compare(first: Share, second: Share) -> Difference:
    """This function will compare two shares: Newcombe's 95% interval, and Fisher's test where numbers are small."""
    low, high = newcombe(first, second)
    small = _smallest_expected(first, second) < FEWEST_EXPECTED
    difference = first.rate - second.rate
    return Difference(
        absolute=difference,
        relative=difference / second.rate if second.hits else None,
        low=low,
        high=high,
        p_value=fisher_exact(first, second) if small else pooled_z(first, second),
        test="fisher_exact" if small else "z",
    )


def wilson(share: Share, z: float = Z_95) -> tuple[float, float]:
    """This function will give the interval of one share that stays within 0 and 1 and holds at the ends too."""
    n, p = share.of, share.rate
    middle = p + z * z / (2 * n)
    reach = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def newcombe(first: Share, second: Share, z: float = Z_95) -> tuple[float, float]:
    """This function will give the interval of the difference of two shares: their Wilson limits, combined by squares."""
    low_1, high_1 = wilson(first, z)
    low_2, high_2 = wilson(second, z)
    difference = first.rate - second.rate
    below = sqrt((first.rate - low_1) ** 2 + (high_2 - second.rate) ** 2)
    above = sqrt((high_1 - first.rate) ** 2 + (second.rate - low_2) ** 2)
    return difference - below, difference + above


def pooled_z(first: Share, second: Share) -> float:
    """This function will give the two-sided p-value of the z-test with the pooled share."""
    pooled = (first.hits + second.hits) / (first.of + second.of)
    spread = sqrt(pooled * (1 - pooled) * (1 / first.of + 1 / second.of))
    return 1.0 if spread == 0 else two_sided(abs(first.rate - second.rate) / spread)


def fisher_exact(first: Share, second: Share) -> float:
    """This function will give the two-sided p-value: the tables with these margins that are no likelier than this one."""
    hits, total = first.hits + second.hits, first.of + second.of
    possible = range(max(0, hits - second.of), min(hits, first.of) + 1)
    whole = _log_choose(total, hits)
    chances = [exp(_log_choose(first.of, k) + _log_choose(second.of, hits - k) - whole) for k in possible]
    return _no_likelier(chances, chances[first.hits - possible.start])


def sample_ratio_p(*, control: int, treated: int, share: float) -> float | None:
    """This function will give how easily a split this far from `share` (0 to 1) arises when every member is drawn by it.

    None when nobody was drawn, or nothing is drawn. A tiny value says that members went missing from one of the groups.
    """
    drawn = control + treated
    if drawn == 0 or not 0 < share < 1:
        return None
    if drawn > MOST_FOR_EXACT:
        return two_sided(abs(control - drawn * share) / sqrt(drawn * share * (1 - share)))
    chances = [exp(_log_choose(drawn, k) + k * log(share) + (drawn - k) * log(1 - share)) for k in range(drawn + 1)]
    return _no_likelier(chances, chances[control])


def two_sided(z: float) -> float:
    return erfc(z / sqrt(2))


def _smallest_expected(first: Share, second: Share) -> float:
    pooled = (first.hits + second.hits) / (first.of + second.of)
    return min(share.of * rate for share in (first, second) for rate in (pooled, 1 - pooled))


def _no_likelier(chances: Iterable[float], than: float) -> float:
    return min(1.0, sum(chance for chance in chances if chance <= than * EQUAL))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
