"""Reads that somebody waits for: they end in time, and whoever asked can stop them, in the database too.

A page asks under a name that nobody else knows (`Question.page`), with a number that grows. A later question stops the
earlier ones and waits until they are gone, so that at most one of a page runs. PostgreSQL knows a running count by its
connection's application_name, which goes with the transaction; SQLite runs in this process, which keeps a table of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b

from django.db import OperationalError, connection, transaction

from core.locks import LockSpace, lock_for_transaction

STEPS_BETWEEN_LOOKS = 20_000
"""Instructions of SQLite's machine after which it looks whether to go on: some milliseconds."""


class Stopped(Exception):
    """Whoever asked wants no answer any more."""


class TooSlow(Exception):
    """The time that was given is over."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks: `page` is a secret of the page, `number` its how-manieth question this is."""

    page: str
    number: int

    @property
    def key(self) -> str:
        return blake2b(self.page.encode(), digest_size=8).hexdigest()

    @property
    def lock(self) -> int:
        """A key of an advisory lock. Pages that share one wait for each other, and nothing worse."""
        return int(self.key[:8], 16) - 2**31

    @property
    def name(self) -> str:
        return f"{_PREFIX} {self.key} {self.number}"


_PREFIX = "rekindle-count"


@contextmanager
def answering(asked: Question) -> Iterator[None]:
    """This function will stop earlier questions of the page, and let later ones stop what is done in the block.

    Raises Stopped when that happens, or when a later question is already under way.
    """
    stop(asked.page, before=asked.number)
    with _as_postgresql(asked) if connection.vendor == "postgresql" else _as_sqlite(asked):
        yield


def stop(page: str, *, before: int) -> None:
    """This function will end the questions of a page whose number is below `before`."""
    asked = Question(page, before)
    if connection.vendor == "postgresql":
        with transaction.atomic():
            lock_for_transaction(LockSpace.RULE_STOP, asked.lock)
            _look(f"SELECT pg_cancel_backend(pid) {_OTHERS} AND {_NUMBER} < %s", asked)
    else:
        _running.stop(asked)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """This function will let no statement of the block go past `seconds` from now: then it raises TooSlow."""
    until = time.monotonic() + seconds
    if connection.vendor != "postgresql":
        with _looking(until):
            yield
        return
    with transaction.atomic():
        before = _set("statement_timeout", str(max(1, int(seconds * 1000))))
        try:
            yield
        except OperationalError as error:
            if _was_cancelled(error) and time.monotonic() >= until:
                raise TooSlow from error
            raise
        _set("statement_timeout", before)


# PostgreSQL

_OTHERS = f"""FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' AND application_name LIKE '{_PREFIX} ' || %s || ' %%'"""
_NUMBER = "split_part(application_name, ' ', 3)::bigint"


@contextmanager
def _as_postgresql(asked: Question) -> Iterator[None]:
    try:
        with transaction.atomic():
            before = _set("application_name", asked.name)
            lock_for_transaction(LockSpace.RULE_COUNT, asked.lock)
            if _look(f"SELECT 1 {_OTHERS} AND {_NUMBER} > %s", asked):
                raise Stopped
            yield
            # Who is about to stop us has the lock. Past it nobody finds our name, and nothing of others is hit.
            lock_for_transaction(LockSpace.RULE_STOP, asked.lock)
            _set("application_name", before)
    except Exception as error:
        _let_stopping_end(asked)
        if isinstance(error, OperationalError) and _was_cancelled(error):
            raise Stopped from error
        raise


def _let_stopping_end(asked: Question) -> None:
    """This function will wait for who is about to stop us, so that it hits this and nothing that comes after."""
    with suppress(OperationalError), transaction.atomic():
        lock_for_transaction(LockSpace.RULE_STOP, asked.lock)


def _look(statement: str, asked: Question) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [asked.key, asked.number])
        return list(cursor.fetchall())


def _set(name: str, value: str) -> str:
    """This function will set a parameter for this transaction and return what it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s), set_config(%s, %s, true)", [name, name, value])
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _was_cancelled(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") == "57014"


# SQLite


@dataclass(slots=True)
class _Run:
    number: int
    stopped: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)


class _Running:
    """The questions under way in this process, one a page."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._runs: dict[str, _Run] = {}

    def stop(self, asked: Question) -> None:
        with self._guard:
            found = self._runs.get(asked.key)
        if found is not None and found.number < asked.number:
            found.stopped.set()
            found.gone.wait()

    def begin(self, asked: Question) -> _Run:
        while True:
            with self._guard:
                found = self._runs.get(asked.key)
                if found is None:
                    return self._runs.setdefault(asked.key, _Run(asked.number))
            if found.number >= asked.number:
                raise Stopped
            self.stop(asked)

    def end(self, asked: Question, run: _Run) -> None:
        with self._guard:
            del self._runs[asked.key]
        run.gone.set()


class _Patience(threading.local):
    """What ends the statements of this thread: the answer they are for, and the times that were given, inner ones last."""

    def __init__(self) -> None:
        self.run: _Run | None = None
        self.ends: list[float] = []

    @property
    def stopped(self) -> bool:
        return self.run is not None and self.run.stopped.is_set()

    def over(self) -> int:
        return int(self.stopped or any(time.monotonic() > end for end in self.ends))


_running = _Running()
_patience = _Patience()


@contextmanager
def _as_sqlite(asked: Question) -> Iterator[None]:
    run = _patience.run = _running.begin(asked)
    try:
        with _looking(float("inf")):
            yield
    finally:
        _patience.run = None
        _running.end(asked, run)


@contextmanager
def _looking(until: float) -> Iterator[None]:
    """This function will let SQLite ask now and then whether to go on."""
    connection.ensure_connection()
    _patience.ends.append(until)
    connection.connection.set_progress_handler(_patience.over, STEPS_BETWEEN_LOOKS)
    try:
        yield
    except OperationalError as error:
        if _patience.stopped:
            raise Stopped from error
        if time.monotonic() > until:
            raise TooSlow from error
        raise
    finally:
        _patience.ends.pop()
        if not _patience.ends:
            connection.connection.set_progress_handler(None, 0)
