"""What a long pass did and how long each part took: for the log, the run's row and the command's --json."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stages:
    """Counts by name and seconds by stage, in the order in which they came."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self._began = perf_counter()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """This function will add the block's seconds to a stage."""
        began = perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + perf_counter() - began, 4)

    def count(self, **counts: int) -> None:
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    @property
    def total_seconds(self) -> float:
        return round(perf_counter() - self._began, 4)
