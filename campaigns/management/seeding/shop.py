"""Who buys when, as arrays: buyers of different rates who drop out after different times, log-normal spend.

After Schmittlein, Morrison and Colombo (1987): a member orders as a Poisson process with a rate of its own (gamma) until an
unobserved end (exponential with a rate of its own, gamma again). That there are exactly so many orders makes them a
multinomial over members, by rate times time, each spread evenly over its member's time: the same process, conditioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[Any]

DAYS = 730
DAY_SECONDS = 86_400
RATE_SHAPE = 0.8
"""Gamma shape of the members' rates: below 1 there are many who hardly buy and few who buy much."""
STAY_SHAPE = 1.5
STAY_DAYS = 300
"""Shape of the drop-out rates, and the days for which a middling member stays."""
JOINED_BEFORE = 0.4
"""Share of members who were there before the two years began."""
FIRST_SECOND = 6 * 3600
"""Nobody orders at night. So a day whose clocks change has one offset from its first order to its last."""
SPREAD_SECONDS = 9_000
CENTRE, SPREAD_OF_MEMBERS, SPREAD_OF_ORDERS = 9.0, 0.5, 0.6
"""Of the logarithm of an order's total in minor units: e^9 is 81 yuan."""


@dataclass(frozen=True, slots=True)
class People:
    """One entry a member. Days count from the first of the two years; `registered` may lie before it."""

    registered: Numbers
    first_day: Numbers
    end_day: Numbers
    rate: Numbers
    taste: Numbers
    hour: Numbers

    @property
    def weight(self) -> Numbers:
        """Orders to be expected of each, up to a factor."""
        return self.rate * (self.end_day - self.first_day)


@dataclass(frozen=True, slots=True)
class Moments:
    """What happened in the order in which it happened: whose, on which day, at which second of it."""

    member: Numbers
    day: Numbers
    second: Numbers

    def __len__(self) -> int:
        return len(self.member)


def generator(seed: int, part: str) -> Generator:
    """This function will give a stream of random numbers of its own for each part: more events change no order."""
    return default_rng([seed, *part.encode()])


def make_people(count: int, *, seed: int) -> People:
    rng = generator(seed, "people")
    before = rng.random(count) < JOINED_BEFORE
    first_day = np.where(before, 0, rng.integers(0, DAYS - 1, count))
    registered = np.where(before, -rng.integers(0, 3 * 365, count), first_day)
    leaving = rng.gamma(STAY_SHAPE, 1 / (STAY_SHAPE * STAY_DAYS), count)
    stay = rng.exponential(1 / np.maximum(leaving, 1e-6))
    return People(
        registered=registered.astype(np.int32),
        first_day=first_day.astype(np.int32),
        end_day=np.minimum(first_day + 1 + stay, DAYS).astype(np.int32),
        rate=rng.gamma(RATE_SHAPE, 1.0, count).astype(np.float32),
        taste=rng.normal(CENTRE, SPREAD_OF_MEMBERS, count).astype(np.float32),
        hour=rng.integers(9, 23, count).astype(np.int32),
    )


def make_moments(people: People, count: int, *, seed: int, of: str) -> Moments:
    """This function will spread exactly `count` things over the members and their time, in the order of time."""
    rng = generator(seed, of)
    weight = people.weight.astype(np.float64)
    times = rng.multinomial(count, weight / weight.sum()) if count else np.zeros(len(weight), dtype=np.int64)
    member = np.repeat(np.arange(len(weight), dtype=np.int32), times)
    span = (people.end_day - people.first_day)[member]
    day = people.first_day[member] + (rng.random(count, dtype=np.float32) * span).astype(np.int32)
    day = np.minimum(day, DAYS - 1)
    # int32 holds the seconds of 68 years.
    moment = day * DAY_SECONDS + _seconds(people.hour[member], rng)
    moment, member = _in_time(moment, member)
    return Moments(member, moment // DAY_SECONDS, moment % DAY_SECONDS)


def _seconds(hour: Numbers, rng: Generator) -> Numbers:
    drawn = hour * 3600 + rng.standard_normal(len(hour), dtype=np.float32) * SPREAD_SECONDS
    return np.clip(drawn, FIRST_SECOND, DAY_SECONDS - 1).astype(np.int32)


def _in_time(moment: Numbers, member: Numbers) -> tuple[Numbers, Numbers]:
    order = np.argsort(moment, kind="stable")
    return moment[order], member[order]
