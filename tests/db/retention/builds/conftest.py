"""A shop whose segments fill in chunks of a few members."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from members.models import Member
from retention.services import builds, filling
from retention.services.filling import finish_builds
from retention.services.refresh import refresh
from tests.db.retention.builds.given import first_chunks_only
from tests.factories import NOW, make_member, make_order


@pytest.fixture(autouse=True)
def _a_large_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three members are many here, and two are a chunk."""
    monkeypatch.setattr(builds, "FEW", 2)
    monkeypatch.setattr(builds, "CHUNK", 2)
    monkeypatch.setattr(filling, "SMALLEST_CHUNK", 1)


@pytest.fixture
def members() -> list[Member]:
    """Seven members whom a refresh knows; every other one has ordered."""
    made = [make_member() for _ in range(7)]
    for member in made[::2]:
        make_order(member)
    refresh(as_of=NOW)
    return made


@pytest.fixture
def one_chunk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets refreshes do one chunk of what is open, until the test calls it."""
    real = finish_builds
    monkeypatch.setattr("retention.services.refresh.finish_builds", first_chunks_only)
    return lambda: monkeypatch.setattr("retention.services.refresh.finish_builds", real)
