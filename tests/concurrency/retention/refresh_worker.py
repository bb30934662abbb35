"""A process of the test that refreshes, and stops for ever inside the second chunk of a build.

`python -m tests.concurrency.retention.refresh_worker INSTANT` with DATABASE_URL; says «inside» when it stands there.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from typing import Any

import django


def main(now: datetime) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from retention.services import builds, filling
    from retention.services.refresh import refresh

    builds.FEW = builds.CHUNK = 2
    real, calls = filling.find_changes, []

    def find_changes(*given: Any) -> int:
        calls.append(given)
        found = real(*given)
        if len(calls) == 2:
            sys.stdout.write("inside\n")
            sys.stdout.flush()
            sys.stdin.read()
        return found

    filling.find_changes = find_changes
    refresh(as_of=now, now=now)


if __name__ == "__main__":
    main(datetime.fromisoformat(sys.argv[1]))
