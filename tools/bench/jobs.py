"""Commands of the product as an operator runs them: a process of their own, timed, with the memory they took at most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from time import perf_counter

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
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - begin
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"manage.py {' '.join(map(str, arguments))} failed:\n{said[-2000:]}")
    return Done(seconds, _mib(used.ru_maxrss), said)


def _mib(peak: int) -> int:
    """Linux counts kibibytes, macOS bytes."""
    return peak // (2**20 if sys.platform == "darwin" else 2**10)
