"""A worker process of the test: runs the jobs that wait, and stops for ever in the middle of one.

`python -m tests.concurrency.core.job_worker` with DATABASE_URL; says «holding» when it has kept a state and holds the job.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import django


def hold(job: Any) -> Mapping[str, Any]:
    job.report(200, total=500, state={"row": 200})
    sys.stdout.write("holding\n")
    sys.stdout.flush()
    sys.stdin.read()
    return {}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.utils import timezone

    from core.registry import JobKind, job_kinds
    from core.services.jobs import run_jobs

    job_kinds.register(JobKind("test.hold", "to be held", hold, lease_seconds=60))
    run_jobs(now=timezone.now())


if __name__ == "__main__":
    main()
