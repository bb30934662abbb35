"""What every test of an import needs: a folder of its own, a file with words in it, batches of two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from members.ingest import importing, sources


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Any) -> None:
    settings.IMPORTS_DIR = tmp_path / "imports"


@pytest.fixture
def file(tmp_path: Path):
    def write(content: str | bytes, name: str = "rows.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BATCH", 2)
    monkeypatch.setattr(importing, "BATCH", 2)
