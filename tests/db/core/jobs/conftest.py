"""The two kinds in place of the product's."""

from __future__ import annotations

import pytest

from core.services import jobs
from tests.db.core.jobs.given import Kinds


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Kinds:
    kinds = Kinds()
    monkeypatch.setattr(jobs, "job_kinds", kinds.store)
    return kinds
