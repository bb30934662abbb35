"""Several refreshers, and refreshers that die, while a large shop's segment is filled by a new rule."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction

from core.locks import LockSpace, lock_for_transaction
from members.models import Member
from retention.models import (
    BuildAnswer,
    BuildTouched,
    MemberFacts,
    Membership,
    RefreshRun,
    Segment,
    SegmentBuild,
    Transition,
)
from retention.services import builds, filling
from retention.services.checks import facts_are_exact, segments_are_exact
from retention.services.filling import finish_builds
from retention.services.refresh import refresh
from retention.services.segments import change_rule, create_segment
from tests.concurrency.retention.test_refresh import at_once
from tests.factories import BUYERS, NOW, make_member, make_order

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

EVERYONE: dict[str, Any] = {"everyone": True}


@pytest.fixture(autouse=True)
def _a_large_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "FEW", 2)
    monkeypatch.setattr(builds, "CHUNK", 2)


@pytest.fixture
def members() -> list[Member]:
    """Seven members whom a refresh knows, and a segment of the four buyers among them that becomes everyone."""
    made = [make_member() for _ in range(7)]
    for member in made[::2]:
        make_order(member)
    segment = create_segment(slug="group", name="Group", rule=BUYERS, now=NOW)
    refresh(as_of=NOW)
    change_rule(segment=segment, rule=EVERYONE, now=NOW)
    return made


def inside() -> set[int]:
    return set(Membership.objects.values_list("member_id", flat=True))


def ids(members: list[Member]) -> set[int]:
    return {member.pk for member in members}


def wrong() -> list[str]:
    return [*facts_are_exact(), *segments_are_exact()]


def on_a_thread(work: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    return run


@contextmanager
def stopped_at_its_second_chunk(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Event, Event]]:
    """The first worker stops inside its second chunk: (it stands there, it may go on)."""
    stands, may_go_on = Event(), Event()
    real, calls = filling.find_changes, []

    def find_changes(*given: Any) -> int:
        calls.append(given)
        if len(calls) == 2:
            stands.set()
            assert may_go_on.wait(30)
        return real(*given)

    with monkeypatch.context() as patched:
        patched.setattr(filling, "find_changes", find_changes)
        yield stands, may_go_on
        may_go_on.set()


class TestRefreshersAtOnce:
    def test_fill_a_segment_once(self, members: list[Member]) -> None:
        reports = at_once(*[lambda: refresh(as_of=NOW, wait=True)] * 4)
        assert sum(report.counts.get("segments_filled", 0) for report in reports) == 1
        assert (inside(), Transition.objects.count()) == (ids(members), 3)
        assert SegmentBuild.objects.get().state == "done"
        assert (BuildAnswer.objects.count(), wrong()) == (0, [])

    def test_wait_for_the_one_that_fills_where_they_are_asked_to(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ThreadPoolExecutor(2) as pool, stopped_at_its_second_chunk(monkeypatch) as (stands, may_go_on):
            filler = pool.submit(on_a_thread(lambda: refresh(as_of=NOW)))
            assert stands.wait(30)
            assert refresh(as_of=NOW).kind == "nothing"
            assert len(inside()) == 4
            waiter = pool.submit(on_a_thread(lambda: (refresh(as_of=NOW, wait=True), len(inside()))))
            may_go_on.set()
            assert filler.result(30).counts["segments_filled"] == 1
            assert waiter.result(30)[1] == 7

    def test_are_not_held_up_by_a_slow_chunk(self, members: list[Member], monkeypatch: pytest.MonkeyPatch) -> None:
        other = create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        refresh(as_of=NOW)
        change_rule(segment=Segment.objects.get(slug="group"), rule=BUYERS, now=NOW)
        with ThreadPoolExecutor(1) as pool, stopped_at_its_second_chunk(monkeypatch) as (stands, may_go_on):
            filler = pool.submit(on_a_thread(lambda: refresh(as_of=NOW)))
            assert stands.wait(30)
            make_order(members[1])
            make_order(newcomer := make_member())
            refresh(as_of=NOW)
            assert Membership.objects.filter(segment=other).count() == 6
            assert set(BuildTouched.objects.values_list("member_id", flat=True)) == {members[1].pk, newcomer.pk}
            may_go_on.set()
            assert filler.result(30).counts["segments_filled"] == 1
        assert Membership.objects.filter(segment__slug="group").count() == 6
        assert wrong() == []

    def test_that_turn_the_day_end_the_build_of_another(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tomorrow = NOW + timedelta(days=1)
        with ThreadPoolExecutor(1) as pool, stopped_at_its_second_chunk(monkeypatch) as (stands, may_go_on):
            filler = pool.submit(on_a_thread(lambda: refresh(as_of=NOW)))
            assert stands.wait(30)
            refresh(as_of=tomorrow)
            assert inside() == ids(members)
            may_go_on.set()
            filler.result(30)
        assert list(SegmentBuild.objects.order_by("pk").values_list("state", flat=True)) == ["cancelled", "done"]
        assert (Transition.objects.count(), wrong()) == (3, [])

    def test_lose_what_they_did_for_a_lease_that_another_took(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ThreadPoolExecutor(1) as pool, stopped_at_its_second_chunk(monkeypatch) as (stands, may_go_on):
            slow = pool.submit(on_a_thread(lambda: refresh(as_of=NOW)))
            assert stands.wait(30)
            assert finish_builds(now=NOW + timedelta(seconds=120)).counts["segments_filled"] == 1
            may_go_on.set()
            assert "segments_filled" not in slow.result(30).counts
        assert (inside(), Transition.objects.count(), BuildAnswer.objects.count()) == (ids(members), 3, 0)
        assert wrong() == []


def die_in_the_second_chunk() -> None:
    """A process of its own refreshes, and is killed inside its second chunk's transaction."""
    given = connection.settings_dict
    address = f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.concurrency.retention.refresh_worker", NOW.isoformat()],
        cwd=Path(settings.BASE_DIR),
        env=os.environ | {"DATABASE_URL": address},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"inside\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()


class TestAProcessThatIsKilled:
    def test_leaves_a_build_that_goes_on_where_it_stood(self, members: list[Member]) -> None:
        die_in_the_second_chunk()
        build = SegmentBuild.objects.get()
        assert (build.state, build.scanned, len(inside())) == ("running", 2, 4)
        assert refresh(as_of=NOW).kind == "nothing"
        assert len(inside()) == 4
        report = refresh(as_of=NOW, now=NOW + timedelta(seconds=91))
        assert (report.kind, report.counts["segments_filled"], report.counts["entered"]) == ("build", 1, 3)
        assert SegmentBuild.objects.get().scanned == 7
        assert (inside(), Transition.objects.count(), wrong()) == (ids(members), 3, [])


class TestALockTimeout:
    @contextmanager
    def refreshing(self) -> Iterator[None]:
        """Somebody else holds the lock of refreshes for longer than anybody here waits."""
        held, may_end = Event(), Event()

        def hold() -> None:
            with transaction.atomic():
                lock_for_transaction(LockSpace.REFRESH)
                held.set()
                assert may_end.wait(30)

        with ThreadPoolExecutor(1) as pool:
            holder = pool.submit(on_a_thread(hold))
            assert held.wait(30)
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '50ms'")
            try:
                yield
            finally:
                with connection.cursor() as cursor:
                    cursor.execute("SET lock_timeout = 0")
                may_end.set()
                holder.result(30)

    def test_of_a_refresh_changes_nothing_and_is_kept(self, members: list[Member]) -> None:
        make_order(members[1])
        with self.refreshing(), pytest.raises(OperationalError):
            refresh(as_of=NOW)
        assert RefreshRun.objects.latest("pk").error.startswith("OperationalError")
        assert MemberFacts.objects.get(member=members[1]).order_count == 0
        refresh(as_of=NOW)
        assert (MemberFacts.objects.get(member=members[1]).order_count, wrong()) == (1, [])

    def test_of_a_swap_leaves_the_build_to_the_next_call(
        self, members: list[Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refresh(as_of=NOW, build_seconds=0)
        with self.refreshing():
            assert finish_builds(now=NOW).counts == {}
        build = SegmentBuild.objects.get()
        assert (build.state, build.scanned, build.lease, len(inside())) == ("running", 7, None, 4)
        assert finish_builds(now=NOW).counts["segments_filled"] == 1
        assert (inside(), wrong()) == (ids(members), [])
