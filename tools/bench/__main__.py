"""`make bench`: every benchmark, or those named; SIZE=small (the default) or full."""

from __future__ import annotations

import os
import sys

from tools.bench import redeem

BENCHES = {"redeem": redeem.run}


def main() -> int:
    size = os.environ.get("SIZE", "small")
    if size not in {"small", "full"}:
        print(f"error: SIZE is {size!r}; it must be small or full", file=sys.stderr)
        return 2
    missed = [target for name, run in BENCHES.items() if not sys.argv[1:] or name in sys.argv[1:] for target in run(size)]
    for target in missed:
        print(f"missed: {target}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
