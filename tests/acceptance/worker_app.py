"""The Celery application of the worker that the tests start: the product's own, with one slow work and short timeouts.

The work notes in a folder that it began and that it ended; while a file `hold` stands there it does not end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from config.celery import app
from core.registry import PeriodicWork, periodic_work

FOLDER = Path(os.environ["REKINDLE_TEST_FOLDER"])
CODE = "test.slow"
VISIBILITY_SECONDS = 2


def note(word: str) -> None:
    with (FOLDER / "notes").open("a") as notes:
        notes.write(f"{word}\n")


def slow(*, now: datetime) -> Mapping[str, int]:
    note("begun")
    while (FOLDER / "hold").exists():
        time.sleep(0.05)
    note("ended")
    return {"done": 1}


periodic_work.register(PeriodicWork(code=CODE, label=CODE, run=slow, order=1000, every_seconds=3600))

app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "visibility_timeout": VISIBILITY_SECONDS,
    "unacked_restore_interval": 1,
}
app.conf.beat_schedule["core.tick"]["schedule"] = 1
# A restarted broker is looked for again at once, not after seconds that grow.
app.conf.broker_connection_retry = True
app.conf.broker_connection_max_retries = None
