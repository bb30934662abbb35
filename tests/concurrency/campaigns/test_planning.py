"""Clocks that tick in the same second share their works out: planning still comes after that moment's refresh."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from time import monotonic

import pytest
from django.db import connection

from campaigns.models import Campaign, Enrolment
from core.services.clock import ensure_entries, run_due, run_work
from members.models import Member
from retention.services import refresh as service
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.campaign_factories import make_running
from tests.factories import NOW, make_member, make_order

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def members() -> list[Member]:
    """Five members and a campaign for whoever buys from now on."""
    made = [make_member() for _ in range(5)]
    create_segment(slug="buyers", name="Buyers", rule={"field": "order_count", "operator": ">=", "value": 1}, now=NOW)
    refresh(as_of=NOW)
    make_running(trigger={"kind": "segment_entered", "segment": "buyers"})
    for member in made:
        make_order(member)
    return made


def on_a_thread(work: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        try:
            return work()
        finally:
            connection.close()

    return run


def planned() -> int:
    return Enrolment.objects.filter(campaign=Campaign.objects.get()).count()


def wait_until_somebody_waits_for_the_refresh() -> None:
    give_up = monotonic() + 20
    while monotonic() < give_up:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


class TestPlanning:
    def test_waits_for_the_refresh_that_is_under_way(self, members: list[Member], monkeypatch: pytest.MonkeyPatch) -> None:
        under_way, may_end = Event(), Event()
        real = service.ask_due

        def ask_slowly(*given: object) -> None:
            under_way.set()
            assert may_end.wait(30)
            real(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(service, "ask_due", ask_slowly)
        with ThreadPoolExecutor(2) as pool:
            refreshing = pool.submit(on_a_thread(lambda: run_work(code="retention.refresh", now=SOON)))
            assert under_way.wait(30)
            planning = pool.submit(on_a_thread(lambda: run_work(code="campaigns.plan", now=SOON)))
            wait_until_somebody_waits_for_the_refresh()
            assert planned() == 0
            may_end.set()
            assert (refreshing.result(30)["entered"], planning.result(30)) == (5, {"due": 5})  # type: ignore[index]
        assert planned() == 5

    def test_does_what_a_refresh_that_has_not_begun_would_have_done(self, members: list[Member]) -> None:
        assert run_work(code="campaigns.plan", now=SOON) == {"due": 5}

    def test_goes_on_by_what_was_last_known_where_the_refresh_fails(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refresh(as_of=NOW)
        make_order(make_member())

        def fail(*_given: object) -> None:
            raise RuntimeError("the disk is full")

        monkeypatch.setattr(service, "ask_due", fail)
        assert run_work(code="campaigns.plan", now=SOON) == {"due": 5}

    def test_by_clocks_that_tick_at_once_leaves_nobody_to_the_next_minute(self, members: list[Member]) -> None:
        ensure_entries(now=NOW)
        start = Barrier(4)

        def tick() -> object:
            start.wait(10)
            return run_due(now=SOON)

        with ThreadPoolExecutor(4) as pool:
            done = [future.result(60) for future in [pool.submit(on_a_thread(tick)) for _ in range(4)]]
        assert not [each for each in done if {"failed": 1} in dict(each).values()]  # type: ignore[call-overload]
        assert planned() == 5
