"""`make bench`: every benchmark, or those named; SIZE=small (the default) or full."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from tools.bench.database import bench_server

BENCHES = ("redeem", "ingest", "facts", "refresh", "firing", "points", "tiers", "models", "reports", "screens")
SIZES = ("tiny", "small", "full")


def main() -> int:
    size = os.environ.get("SIZE", "small")
    if size not in SIZES:
        print(f"error: SIZE is {size!r}; it must be small or full (or tiny, to see that all runs)", file=sys.stderr)
        return 2
    names = sys.argv[1:] or BENCHES
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"error: there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    with bench_server():
        missed = [target for name in names for target in import_module(f"tools.bench.{name}").run(size)]
    for target in missed:
        print(f"missed: {target}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
