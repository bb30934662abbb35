"""Where figures go: a line of JSON each in var/bench.jsonl, and a table on the screen."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "var" / "bench.jsonl"


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
