"""The clock with a broker: a real worker, a real beat, a real Valkey, killed in turn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.db import connection
from django_celery_beat.models import PeriodicTask

from core.models import ClockEntry
from core.services.clock import clock_is_ticking
from tools.servers import valkey_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = "tests.acceptance.worker_app"
SLOW = "test.slow"
PATIENCE_SECONDS = 25


class Surroundings:
    """A broker of its own, a folder of notes, and the processes that were started."""

    def __init__(self, broker: str, folder: Path, until_end: ExitStack) -> None:
        self.broker = broker
        self.folder = folder
        self.until_end = until_end
        self.log = (folder / "log").open("ab")
        self.bell = Celery(broker=broker, set_as_current=False)
        until_end.callback(self.bell.close)
        until_end.callback(self.log.close)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "DATABASE_URL": _database_url(),
            "REDIS_URL": self.broker,
            "REKINDLE_TEST_FOLDER": str(self.folder),
        }
        command = [sys.executable, "-m", "celery", "-A", APPLICATION, *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self.until_end.callback(_kill, process)
        return process

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", "--concurrency", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle")

    def start_beat(self) -> subprocess.Popen[bytes]:
        return self.start("beat", "--loglevel", "INFO", "--pidfile", str(self.folder / "beat.pid"))

    def tick(self) -> None:
        self.bell.send_task("core.tick", ignore_result=True)

    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().split() if path.exists() else []

    def wait_for(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.05)


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[Surroundings]:
    with ExitStack() as until_end:
        broker = until_end.enter_context(valkey_server()).address
        yield Surroundings(broker, tmp_path, until_end)


def _database_url() -> str:
    """The test database, as a worker of the product is told of it."""
    given = connection.settings_dict
    return f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The worker and the children it made: they are a session of their own, which this test started."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class TestBeatAndAWorker:
    def test_run_what_is_registered_and_beat_holds_only_the_tick(self, surroundings):
        surroundings.start_worker()
        surroundings.start_beat()
        surroundings.wait_for(lambda: "ended" in surroundings.notes())
        surroundings.wait_for(lambda: _entry().finished_at is not None)
        assert _entry().counts == {"done": 1}
        assert surroundings.notes() == ["begun", "ended"]
        assert list(PeriodicTask.objects.values_list("name", "task")) == [("core.tick", "core.tick")]
        assert clock_is_ticking(now=datetime.now(UTC))


class TestAWorkerThatIsKilled:
    """Traps 27 and 28: what was taken from the queue is not lost with its taker, and no timer waits in a process."""

    def test_in_the_middle_of_a_work_leaves_it_to_the_next_one(self, surroundings):
        (surroundings.folder / "hold").touch()
        first = surroundings.start_worker()
        surroundings.tick()
        surroundings.wait_for(lambda: surroundings.notes() == ["begun"])
        _kill(first)
        assert _entry().finished_at is None
        (surroundings.folder / "hold").unlink()
        surroundings.start_worker()
        surroundings.wait_for(lambda: "ended" in surroundings.notes())
        surroundings.wait_for(lambda: _entry().finished_at is not None)
        assert surroundings.notes() == ["begun", "begun", "ended"]


class TestABrokerThatIsLost:
    def test_with_all_that_was_queued_is_made_up_for_by_the_rows(self, surroundings):
        surroundings.start_worker()
        surroundings.tick()
        surroundings.wait_for(lambda: surroundings.notes() == ["begun", "ended"])
        with _restarted_broker(surroundings):
            ClockEntry.objects.filter(code=SLOW).update(next_at=datetime.now(UTC))
            surroundings.tick()
            surroundings.wait_for(lambda: surroundings.notes() == ["begun", "ended"] * 2)


def _entry() -> ClockEntry:
    """Asked before the first tick made it, an empty one."""
    return ClockEntry.objects.filter(code=SLOW).first() or ClockEntry(code=SLOW)


@contextmanager
def _restarted_broker(surroundings: Surroundings) -> Iterator[None]:
    """Killed without a word, and started again on the same port with nothing in it."""
    with redis.Redis.from_url(surroundings.broker) as client:
        told = client.info("server")
    os.kill(told["process_id"], signal.SIGKILL)
    again = subprocess.Popen(
        [told["executable"], told["config_file"]], cwd=surroundings.folder, stdout=surroundings.log, stderr=surroundings.log
    )
    surroundings.until_end.callback(_end, again)
    with redis.Redis.from_url(surroundings.broker, retry=None) as client:
        surroundings.wait_for(lambda: _answers(client))
    yield


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
