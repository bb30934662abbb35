"""The clock without a broker: runs what is due, once or in a loop. With a broker, beat and workers do the same."""

from __future__ import annotations

import json
import logging
import signal
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import datetime
from threading import Event, Thread
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from core.conf import shop_zone
from core.periods import FIRST_YEAR, LAST_YEAR
from core.services.clock import FAILED, run_due

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1
LONGEST_WAIT_SECONDS = 30
"""Between two tries to reach a database that does not answer. Origin: a restart of a server takes about as long."""

DATABASE_GONE = (OperationalError, InterfaceError)


class Command(BaseCommand):
    help = "Runs all work that is due: refresh, nightly jobs past their hour, planning, stepping, dispatch, expiry."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on, looking every second, until Ctrl-C or SIGTERM")
        parser.add_argument("--now", metavar="ISO", help="what is due at this instant, in the shop's zone if it names none")
        parser.add_argument("--json", action="store_true", help="one JSON object per look that found work")

    def handle(self, *_args: str, loop: bool, now: str | None, json: bool, **_options: Any) -> None:
        if loop and now is not None:
            raise CommandError("--loop follows the real clock: give --now without --loop.")
        if loop:
            self._loop(as_json=json)
        else:
            self._once(_instant(now), as_json=json)

    def _once(self, now: datetime, *, as_json: bool) -> None:
        done = run_due(now=now)
        self._show(now, done, as_json=as_json, always=True)
        failed = [code for code, counts in done.items() if counts is FAILED]
        if failed:
            raise CommandError(f"failed: {', '.join(failed)}. The reason stands above and under Scheduled work in admin.")

    def _loop(self, *, as_json: bool) -> None:
        """Every second a look; the work in hand is finished before it ends. A second signal ends it at once.

        What may take hours runs in a thread of its own, with a connection of its own: it must not stop the clock.
        """
        stop = _stop_at_signals()
        beside = Thread(target=self._look_beside, args=(stop,), kwargs={"as_json": as_json}, name="beside", daemon=True)
        beside.start()
        try:
            self._look(stop, as_json=as_json, beside=False)
        finally:
            stop.set()
            beside.join()

    def _look_beside(self, stop: Event, *, as_json: bool) -> None:
        try:
            self._look(stop, as_json=as_json, beside=True)
        finally:
            connection.close()

    def _look(self, stop: Event, *, as_json: bool, beside: bool) -> None:
        failures = 0
        while not stop.is_set():
            close_old_connections()
            now = timezone.now()
            try:
                self._show(now, run_due(now=now, stopped=stop.is_set, beside=beside), as_json=as_json)
                failures = 0
            except DATABASE_GONE as error:
                failures += 1
                logger.warning("clock.database_gone tries=%s error=%s", failures, type(error).__name__)
            _wait(stop, LOOK_SECONDS if not failures else min(2**failures, LONGEST_WAIT_SECONDS))

    def _show(self, now: datetime, done: Mapping[str, Mapping[str, int]], *, as_json: bool, always: bool = False) -> None:
        if as_json:
            if done or always:
                self.stdout.write(json.dumps({"now": now.isoformat(), "works": done}))
            return
        for code, counts in done.items():
            if always or any(counts.values()):
                told = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
                self.stdout.write(f"{code}: {told or 'nothing to do'}")
        if always and not done:
            self.stdout.write("Nothing is due.")


def _instant(text: str | None) -> datetime:
    if text is None:
        return timezone.now()
    try:
        given = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--now {text}: {error}.") from error
    if given is None:
        raise CommandError(f"--now {text}: give an instant such as 2026-03-01T09:30:00+08:00.")
    if not FIRST_YEAR <= given.year <= LAST_YEAR:
        raise CommandError(f"--now {text}: give a time between the years {FIRST_YEAR} and {LAST_YEAR}.")
    return given if given.tzinfo is not None else given.replace(tzinfo=shop_zone())


def _stop_at_signals() -> Event:
    stop = Event()

    def ask_to_stop(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    return stop


def _wait(stop: Event, seconds: float) -> None:
    """In steps of a second at most, so that a machine that slept or a changed clock is noticed at once."""
    for _second in range(int(seconds)):
        if stop.wait(LOOK_SECONDS):
            return
