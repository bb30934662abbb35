"""What beat and the doorbells ring for. Every periodic work is a task under its own code; the clock rings them by name."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from core.registry import periodic_work
from core.services import clock


@shared_task(name="core.tick")
def tick(**_ignored: object) -> None:
    clock.ring_due(now=timezone.now())


def _make_task(code: str) -> None:
    @shared_task(name=code)
    def run(**_ignored: object) -> None:
        clock.run_work(code=code, now=timezone.now())


for _work in periodic_work:
    _make_task(_work.code)
