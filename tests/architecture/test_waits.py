"""No wait lives in a process or in the broker: what is to happen later is a row with an instant."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "core", "rules", "members", "retention", "campaigns")
FORBIDDEN = {"eta", "countdown", "default_retry_delay", "retry_backoff"}


def delays(source: str) -> Iterator[str]:
    """This function will name each place that hands the broker a message to keep until later."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg in FORBIDDEN:
            yield f"{node.arg} in line {node.value.lineno}"
        if isinstance(node, ast.Dict):
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            yield from (f"{key} in line {node.lineno}" for key in sorted(keys & FORBIDDEN, key=str))


class TestTrap28NoMessageWaitsInTheBroker:
    """kombu#337, celery#2599, #3270, #4766, #9882: past the visibility timeout a waiting message runs many times."""

    @pytest.mark.parametrize("room", ROOMS)
    def test_no_task_is_sent_with_a_delay(self, room):
        found = {str(path.relative_to(ROOT)): list(delays(path.read_text())) for path in sorted((ROOT / room).rglob("*.py"))}
        assert {path: places for path, places in found.items() if places} == {}

    @pytest.mark.parametrize(
        "source", ["task.apply_async(countdown=5)", "task.apply_async(\n    eta=when)", "send('x', **{'eta': when})"]
    )
    def test_and_one_would_be_found(self, source):
        assert len(list(delays(source))) == 1
