"""Benchmarks run to their end and keep their figures; how fast they were is not a test's business.

All of them by `SIZE=tiny make bench`, in some minutes: too long for every run of the suite.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tools.bench.__main__ import BENCHES

ROOT = Path(__file__).resolve().parents[3]
QUICK = ("facts",)


class TestABenchmark:
    def test_runs_at_a_tiny_size_and_keeps_a_line_for_each_figure(self, tmp_path: Path) -> None:
        surroundings = {**os.environ, "SIZE": "tiny", "VAR_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "tools.bench", *QUICK]
        run = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=220, check=False)
        assert (run.returncode in (0, 1), "Traceback" in run.stderr) == (True, False), run.stderr[-3000:]
        lines = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
        assert {line["bench"] for line in lines} == set(QUICK)
        assert all({"way", "size", "at", "cores", "load"} <= line.keys() for line in lines)

    @pytest.mark.parametrize("name", BENCHES)
    def test_is_found_under_its_name(self, name: str) -> None:
        assert callable(import_module(f"tools.bench.{name}").run)

    def test_of_another_name_is_refused_with_those_there_are(self) -> None:
        command = [sys.executable, "-m", "tools.bench", "speed"]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert (run.returncode, "there is no benchmark 'speed'" in run.stderr) == (2, True)
