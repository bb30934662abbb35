"""BG/NBD against `lifetimes` on CDNOW's sample at equal likelihood, and for as many members as a large shop has.

What a whole fit takes, with its memory, stands beside the other jobs in `refresh`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from retention.scoring import bg_nbd
from retention.scoring.parameters import BgNbd
from tools.bench.figures import median_seconds, note, seconds_of

RUNS = 15
FASTER = 15.0
EQUAL = 1e-6
FIT_SECONDS = 4.0
MEMBERS = {"tiny": 20_000, "small": 200_000, "full": 1_000_000}


def run(size: str) -> list[str]:
    """This function will measure fits in memory, and name the targets that were missed."""
    return [*_against_lifetimes(size), *_many(size, MEMBERS[size])]


def _against_lifetimes(size: str) -> Iterator[str]:
    with warnings.catch_warnings():  # it sets an option that pandas is giving up
        warnings.simplefilter("ignore")
        from lifetimes import BetaGeoFitter
        from lifetimes.datasets import load_cdnow_summary

        frame = load_cdnow_summary(index_col=[0])
        columns = [frame[name].to_numpy(float) for name in ("frequency", "recency", "T")]
        peer = BetaGeoFitter().fit(*columns)
        theirs = median_seconds(lambda: BetaGeoFitter().fit(*columns), runs=RUNS)
    x, t_x, age = columns
    histories = bg_nbd.Histories(x, t_x, age, np.ones(len(frame)))
    ours = median_seconds(lambda: bg_nbd.fit(histories.unique()), runs=RUNS)
    fit = bg_nbd.fit(histories.unique())
    found = BgNbd(*(float(peer.params_[name]) for name in ("r", "alpha", "a", "b")))
    less = (bg_nbd.log_likelihood(found, histories)[0] - fit.log_likelihood) / abs(fit.log_likelihood)
    times = round(theirs / ours, 1)
    note("models", "BG/NBD, lifetimes (peer)", size=size, ms=round(1000 * theirs, 1))
    note("models", "BG/NBD, CDNOW sample", size=size, ms=round(1000 * ours, 1), times=times, likelihood=fit.log_likelihood)
    if times < FASTER:
        yield f"models: BG/NBD is fitted {times} times as fast as by lifetimes (at least {FASTER:g})"
    if less > EQUAL:
        yield f"models: the likelihood of lifetimes is better by {less:.1e} (at most {EQUAL:.0e})"


def _many(size: str, members: int) -> Iterator[str]:
    """Made-up histories in whole days, as a shop has them: many members share one."""
    random = np.random.default_rng(3)
    age = random.integers(1, 730, members).astype(float)
    days = 1.0 + random.poisson(random.gamma(0.6, 2.0, members) * age / 90)
    span = np.where(days > 1, np.floor(age * random.beta(2, 1, members)), 0.0)
    everybody = bg_nbd.Histories.of_days(days, span, age)
    counted = seconds_of(everybody.unique)
    histories = everybody.unique()
    fitted = seconds_of(lambda: bg_nbd.fit(histories))
    given = bg_nbd.fit(histories).parameters
    alive = seconds_of(lambda: bg_nbd.p_alive(given, everybody))
    expected = seconds_of(lambda: bg_nbd.expected_purchases(given, everybody, weeks=13))
    note(
        "models",
        f"{members:,} members",
        size=size,
        different=len(histories.x),
        counted=round(counted, 2),
        fitted=round(fitted, 2),
        p_alive=round(alive, 3),
        expected=round(expected, 2),
    )
    if counted + fitted > FIT_SECONDS * members / 1_000_000 + 0.5:
        yield f"models: BG/NBD of {members:,} members is fitted in {counted + fitted:.1f} s"
