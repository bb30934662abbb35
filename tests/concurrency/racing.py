"""Threads that start together, each with a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection


def race(calls: Sequence[Callable[[], Any]], *, threads: int = 20) -> list[Any]:
    """This function will make the calls from `threads` threads that begin together, and return results and exceptions."""
    barrier = Barrier(threads)

    def run(number: int) -> list[tuple[int, Any]]:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return [(place, _outcome(calls[place])) for place in range(number, len(calls), threads)]
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        outcomes = dict(pair for pairs in pool.map(run, range(threads)) for pair in pairs)
    return [outcomes[place] for place in range(len(calls))]


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error
