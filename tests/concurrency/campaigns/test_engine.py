"""Planners, steppers and dispatchers at once, in threads with connections of their own; people pausing meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from campaigns.actions import actions
from campaigns.channels import Message, Receipt, channels
from campaigns.models import Campaign, Coupon, CouponTemplate, Delivery, Enrolment, StepOutcome
from campaigns.services import stepping
from campaigns.services.dispatch import dispatch_messages
from campaigns.services.lifecycle import finish, pause
from campaigns.services.planning import plan_campaigns
from campaigns.services.running import run_campaigns
from campaigns.services.stepping import step_chunk, step_enrolments
from core.registry import checks
from tests.campaign_factories import (
    COUPON,
    SMS,
    ListChannel,
    know_everybody,
    make_reachable,
    make_running,
    make_template,
    outcomes,
)
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 8


def at_once(work: Callable[[], Any], workers: int = WORKERS) -> list[Any]:
    """This function will run `work` in several threads that start together, and return what each returned."""
    barrier = Barrier(workers)

    def run() -> Any:
        barrier.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in [pool.submit(run) for _worker in range(workers)]]


def contradictions() -> list[str]:
    return [sentence for check in checks for sentence in check.rows()]


@pytest.fixture
def provider(monkeypatch) -> ListChannel:
    channel = ListChannel(honours_keys=False)
    monkeypatch.setattr(channels, "_entries", {"sms": channel})
    return channel


class TestEverythingAtOnce:
    def test_fires_each_member_once(self, provider, monkeypatch):
        """Traps 10, 11, 13: eight workers on the same campaign in the same second."""
        monkeypatch.setattr(stepping, "STEPPED_AT_ONCE", 10)
        for number in range(60):
            make_reachable(f"m{number}")
        make_template(total_limit=40)
        know_everybody()
        campaign = make_running(steps=[COUPON, SMS])

        at_once(lambda: run_campaigns(now=NOW))
        run_campaigns(now=NOW)

        assert Counter(status for _name, status, _reason in outcomes(campaign)) == {"fired": 40, "suppressed": 20}
        assert (Coupon.objects.count(), CouponTemplate.objects.get().issued) == (40, 40)
        assert StepOutcome.objects.count() == 80
        assert Counter(Delivery.objects.values_list("state", flat=True)) == {"sent": 40}
        assert max(Counter(message.key for message in provider.got).values()) == 1
        assert len(provider.got) == 40
        assert contradictions() == []

    def test_plans_each_member_once_even_without_the_lock(self, monkeypatch):
        """The twin: what holds is the constraint; the lock only saves work."""
        monkeypatch.setattr("campaigns.services.planning.lock_for_transaction", lambda *_args: None)
        for number in range(30):
            make_reachable(f"m{number}")
        know_everybody()
        campaign = make_running()

        at_once(lambda: plan_campaigns(now=NOW))

        assert len(outcomes(campaign)) == 30

    @pytest.mark.postgresql
    def test_does_work_twice_without_the_lock_and_the_guard(self, provider, monkeypatch):
        """This test exists to show that the threads do meet: without the rows' locks, claims collide and say so."""
        for number in range(30):
            make_reachable(f"m{number}")
        know_everybody()
        make_running()
        plan_campaigns(now=NOW)
        meeting = Barrier(2, timeout=10)

        def unlocked(*, campaign: Campaign, now: Any, most: int) -> list[Any]:
            rows = Enrolment.objects.filter(campaign=campaign, status="waiting").values_list(
                "pk", "member_id", "version_id", "arm"
            )
            found = [stepping.Due(*row) for row in rows]
            meeting.wait()
            return found

        monkeypatch.setattr(stepping, "take_due", unlocked)

        def step() -> str:
            try:
                step_chunk(campaign_id=Campaign.objects.get().pk, now=NOW)
            except Exception as error:
                return type(error).__name__
            return "done"

        # The loser is stopped by a constraint or by the guard; either way it wrote nothing.
        results = at_once(step, workers=2)
        assert results.count("done") == 1
        assert Delivery.objects.count() == 30
        assert contradictions() == []


class TestPausing:
    @pytest.mark.postgresql
    def test_waits_for_the_chunk_under_way_and_stops_the_next(self, monkeypatch):
        for number in range(4):
            make_reachable(f"m{number}")
        know_everybody()
        campaign = make_running()
        plan_campaigns(now=NOW)
        inside, go_on = Event(), Event()
        kind = actions.get("send_message")
        execute = type(kind).execute

        def slow(self: Any, call: Any) -> Any:
            inside.set()
            assert go_on.wait(10)
            return execute(self, call)

        monkeypatch.setattr(type(kind), "execute", slow)
        stepper = Thread(target=closing(lambda: step_chunk(campaign_id=campaign.pk, now=NOW, most=2)))
        stepper.start()
        assert inside.wait(10)
        pauser = Thread(target=closing(lambda: pause(campaign_id=campaign.pk, now=NOW)))
        pauser.start()
        pauser.join(0.3)
        assert pauser.is_alive()  # the promise of a pause waits for what is under way
        go_on.set()
        stepper.join(10)
        pauser.join(10)

        assert step_enrolments(now=NOW) == {}
        assert [status for _name, status, _reason in outcomes(campaign)].count("fired") == 2
        assert Campaign.objects.get().status == "paused"

    @pytest.mark.postgresql
    def test_is_not_kept_waiting_by_chunks_that_begin_after_it(self, monkeypatch):
        """Two steppers whose chunks overlap without end would otherwise starve it until nobody is left to be fired."""
        for number in range(4):
            make_reachable(f"m{number}")
        know_everybody()
        campaign = make_running()
        plan_campaigns(now=NOW)
        inside, go_on = Event(), Event()
        kind = actions.get("send_message")
        execute = type(kind).execute

        def slow(self: Any, call: Any) -> Any:
            inside.set()
            assert go_on.wait(10)
            return execute(self, call)

        monkeypatch.setattr(type(kind), "execute", slow)
        threads = []
        for work in (
            lambda: step_chunk(campaign_id=campaign.pk, now=NOW, most=2),
            lambda: pause(campaign_id=campaign.pk, now=NOW),
            lambda: step_chunk(campaign_id=campaign.pk, now=NOW, most=2),
        ):
            threads.append(Thread(target=closing(work)))
            threads[-1].start()
            assert inside.wait(10)
            wait_until(lambda: len(threads) == 1 or waiting_for_locks() == len(threads) - 1)
        go_on.set()
        for thread in threads:
            thread.join(10)

        assert Campaign.objects.get().status == "paused"
        assert [status for _name, status, _reason in outcomes(campaign)] == ["fired", "fired", "waiting", "waiting"]

    def test_and_finishing_at_once_leave_nobody_in_between(self, provider, monkeypatch):
        monkeypatch.setattr(stepping, "STEPPED_AT_ONCE", 5)
        for number in range(40):
            make_reachable(f"m{number}")
        know_everybody()
        campaign = make_running()
        turns = iter([lambda: finish(campaign_id=campaign.pk, now=NOW), *[lambda: run_campaigns(now=NOW)] * 3])

        at_once(lambda: next(turns)(), workers=4)
        run_campaigns(now=NOW + timedelta(minutes=1))

        statuses = Counter(status for _name, status, _reason in outcomes(campaign))
        assert statuses["waiting"] == 0
        assert statuses["fired"] == Delivery.objects.count()
        assert Counter(Delivery.objects.values_list("state", flat=True)).keys() <= {"sent", "suppressed"}
        assert contradictions() == []


class TestDispatching:
    def test_hands_each_message_over_once(self, monkeypatch):
        for number in range(60):
            make_reachable(f"m{number}")
        know_everybody()
        make_running()
        plan_campaigns(now=NOW)
        step_enrolments(now=NOW)
        channel = ListChannel(honours_keys=False)
        monkeypatch.setattr(channels, "_entries", {"sms": channel})

        counts = at_once(lambda: dispatch_messages(now=NOW))

        assert sum(count.get("sent", 0) for count in counts) == 60
        assert Counter(Counter(message.key for message in channel.got).values()) == {1: 60}
        assert set(Delivery.objects.values_list("state", "attempts")) == {("sent", 1)}

    def test_of_a_message_that_is_being_handed_over_touches_no_database(self, monkeypatch):
        """A provider is slow; a transaction that waited for it would hold locks for as long."""
        make_reachable("anna")
        know_everybody()
        make_running()
        plan_campaigns(now=NOW)
        step_enrolments(now=NOW)
        states: list[tuple[bool, str]] = []

        class Asking(ListChannel):
            def send(self, *, message: Message) -> Receipt:
                try:
                    states.append((transaction.get_connection().in_atomic_block, Delivery.objects.get().state))
                finally:
                    connection.close()
                return super().send(message=message)

        monkeypatch.setattr(channels, "_entries", {"sms": Asking()})
        dispatch_messages(now=NOW)

        assert states == [(False, "sending")]


def waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def wait_until(holds: Callable[[], bool]) -> None:
    """A look at the server itself, because what it waits for happens there; ten seconds are far more than it needs."""
    ticking = Event()
    for _look in range(1_000):
        if holds():
            return
        ticking.wait(0.01)
    raise AssertionError("it never came to that")


def closing(work: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    return run
