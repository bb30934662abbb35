"""Where figures go: a line of JSON each in var/bench.jsonl, and a table on the screen."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

VAR = Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parents[2] / "var")
FILE = VAR / "bench.jsonl"


def seconds_of(work: Callable[[], object]) -> float:
    """This function will say how long a piece of work took."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def median_seconds(work: Callable[[], object], *, runs: int = 3) -> float:
    """This function will do a piece of work some times over and give the middle one's seconds: machines drift."""
    return statistics.median(seconds_of(work) for _ in range(runs))


def p95(values: list[float]) -> float:
    """This function will give the value below which 95 of 100 lie."""
    return sorted(values)[int(len(values) * 0.95)]


def note(bench: str, way: str, *, size: str, **figures: float | str) -> None:
    """This function will keep one way's figures and print them."""
    line: Mapping[str, object] = {
        "bench": bench,
        "way": way,
        "size": size,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        # What else the machine did: a figure taken beside other work is a lower bound.
        "load": round(os.getloadavg()[0], 1),
        **figures,
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a") as lines:
        lines.write(json.dumps(line) + "\n")
    told = "   ".join(
        f"{name} {value:,}" if not isinstance(value, str) else f"{name} {value}" for name, value in figures.items()
    )
    print(f"{bench:10} {way:36} {told}", flush=True)
