"""A web server of two workers as in production, and clients that keep their connection."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from tools.bench.figures import VAR
from tools.processes import end_process, start_process

WORKERS = 2
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Site:
    port: int
    key: str

    def post(self, address: str, bodies: Sequence[bytes], *, clients: int) -> float:
        """This function will post every body once, the clients side by side, and return the seconds it took."""
        shares = [bodies[place::clients] for place in range(clients)]
        with ThreadPoolExecutor(clients) as pool:
            begin = perf_counter()
            list(pool.map(lambda share: self._post_all(address, share), shares))
            return perf_counter() - begin

    def _post_all(self, address: str, bodies: Sequence[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        for body in bodies:
            connection.request("POST", address, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status not in (200, 201) or b'"rejected":[{' in said:
                raise RuntimeError(f"{address}: {answer.status} {said[:500]!r}")
        connection.close()


@contextmanager
def web_server(application: str, *, key: str) -> Iterator[Site]:
    """This function will serve a WSGI application from the database in use."""
    port = _free_port()
    (VAR / "static").mkdir(parents=True, exist_ok=True)  # what is missing is warned of, once a worker
    options = ["-w", str(WORKERS), "-b", f"127.0.0.1:{port}", "--log-level", "error", "--keep-alive", "30"]
    command = [sys.executable, "-m", "gunicorn", application, "-k", "gthread", "--threads", "4", *options]
    process = start_process(command)
    try:
        _wait(port)
        yield Site(port, key)
    finally:
        end_process(process)


def body(items: Sequence[Any]) -> bytes:
    return json.dumps({"items": items}, ensure_ascii=False).encode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/livez")
            connection.getresponse()
            return
        time.sleep(0.1)
    raise RuntimeError("the web server did not start")
