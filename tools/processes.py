"""Children that end with us, and folders that tell when their owner died.

A folder is locked for as long as its owner lives, so a folder of ours that can be locked is a dead owner's: what still
runs in it is ended, and a temporary one is removed, by the next that starts.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

NAME = "rekindle"
STOP_SECONDS = 15
ON_LINUX = platform.system() == "Linux"
LIBC = ctypes.CDLL(None) if ON_LINUX else None
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class FolderInUse(RuntimeError):
    """Another living process holds the folder."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs a process: ourselves, another account, or ourselves under another name (by a command put before it)."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def popen_options(self) -> dict[str, Any]:
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}


OURSELVES = Identity()


def start_process(
    command: list[str],
    *,
    end_by: signal.Signals = signal.SIGTERM,
    cwd: Path | None = None,
    output: int | None = None,
    identity: Identity = OURSELVES,
) -> subprocess.Popen[bytes]:
    """This function will start a child that gets end_by when this process dies, even by kill -9 (on Linux).

    The child has a session of its own: Ctrl-C at the terminal is ours to pass on, in our order. Call it from a thread
    that lives on, for the kernel counts the thread's death as the parent's.
    """
    return subprocess.Popen(
        [*identity.prefix, *command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=partial(_end_with, os.getpid(), end_by),
        **identity.popen_options(),
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
            os.killpg(process.pid, signal.SIGKILL)  # A child leads its own group; its own children go with it.
    process.wait()


@contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """This function will yield a new locked folder and remove it at the end, after removing those of dead owners."""
    prefix = f"{NAME}-{os.getuid()}-"
    _sweep(prefix)
    folder, lock = _new_folder(f"{prefix}{kind}-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(lock)


@contextmanager
def kept_folder(folder: Path) -> Iterator[Path]:
    """This function will lock a folder that stays, or raise FolderInUse."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    if lock is None:
        raise FolderInUse(f"{folder} is in use by another process of this project: stop that one first.")
    try:
        _end_leftover(folder)
        yield folder
    finally:
        os.close(lock)


def remember(process: subprocess.Popen[bytes], *, folder: Path) -> None:
    """This function will note which process runs in the folder, for the one who finds it abandoned."""
    (folder / "pid").write_text(str(process.pid))


def forget(*, folder: Path) -> None:
    (folder / "pid").unlink()


def _new_folder(prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        lock = _lock(folder)
        if lock is not None:  # Else another's sweep was faster than our lock.
            folder.chmod(0o711)  # The server's account passes through; the folder inside is closed to all others.
            return folder, lock


def _lock(folder: Path) -> int | None:
    """The lock is on the folder itself; the kernel lets go when we die. None: it is somebody's, or the folder is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (FileNotFoundError, PermissionError):
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
        lock = _lock(folder)
        if lock is None:
            continue
        if os.fstat(lock).st_uid == os.getuid():
            _end_leftover(folder)
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _end_leftover(folder: Path) -> None:
    note = folder / "pid"
    if not note.exists():
        return
    pid = int(note.read_text() or 0)
    for by in (signal.SIGINT, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        if _runs_in(folder, pid):
            with suppress(ProcessLookupError):
                os.kill(pid, by)
        while _runs_in(folder, pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    note.unlink()


def _runs_in(folder: Path, pid: int) -> bool:
    """A number may have gone to a stranger since: only a process whose working folder is ours is ours."""
    if not pid:
        return False
    if ON_LINUX:
        with suppress(OSError):
            return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(folder.resolve())
        return False
    question = ["lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn"]
    return f"n{folder.resolve()}" in subprocess.run(question, capture_output=True, text=True, check=False).stdout
