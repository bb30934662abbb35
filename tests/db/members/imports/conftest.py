"""What every test of an import needs: a folder of its own, batches of two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from members.ingest import importing, sources


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Any) -> None:
    settings.IMPORTS_DIR = tmp_path / "imports"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BATCH", 2)
    monkeypatch.setattr(importing, "BATCH", 2)
