"""What beat and the doorbells ring for. Every periodic work is a task under its own code; the clock rings them by name."""

from __future__ import annotations

import time as stopwatch

from celery import shared_task
from django.utils import timezone

from core.registry import periodic_work
from core.services import clock

LONGEST_SECONDS = 300
"""After which a long work gives its worker back, to be taken up again at once. Origin: far shorter than the time after
which the broker thinks a worker dead (1,800 s), and what is rung for in between waits no longer."""


@shared_task(name="core.tick")
def tick(**_ignored: object) -> None:
    clock.ring_due(now=timezone.now())


def _make_task(code: str) -> None:
    @shared_task(name=code)
    def run(**_ignored: object) -> None:
        until = stopwatch.monotonic() + LONGEST_SECONDS
        clock.run_work(code=code, now=timezone.now(), stopped=lambda: stopwatch.monotonic() > until)


for _work in periodic_work:
    _make_task(_work.code)
