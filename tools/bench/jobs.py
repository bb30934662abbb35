"""Commands of the product as an operator runs them: a process of their own, timed, with the memory they took at most."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

LOOK_EVERY_SECONDS = 0.05
MOST_MIB = 600
"""The target for any job, however many members there are."""


@dataclass(frozen=True, slots=True)
class Done:
    seconds: float
    peak_mib: int
    output: str


def run_command(*arguments: object) -> Done:
    """This function will run `manage.py` with the arguments on the database in use, or raise with what it said."""
    with tempfile.TemporaryFile() as output:
        begin = perf_counter()
        command = [sys.executable, "manage.py", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        peak = _watched(process)
        seconds = perf_counter() - begin
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"manage.py {' '.join(map(str, arguments))} failed:\n{said[-2000:]}")
    return Done(seconds, peak // 2**10, said)


def _watched(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process and return the KiB that it held at most.

    Linux counts the memory of whoever starts a process as its own until it runs something else, and reports the larger at
    the end: a benchmark that holds a million rows would be taken for the command. So the command's own mark is read while it
    lives.
    """
    peak = 0
    while process.poll() is None:
        peak = max(peak, _held(process.pid))
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_EVERY_SECONDS)
    return peak


def _held(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # gone, or no Linux
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
