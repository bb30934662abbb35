import json
import os
import signal
import threading
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from campaigns.management.commands import tick, verify
from core.models import ClockEntry
from core.registry import Check, PeriodicWork, Store
from core.services import clock

pytestmark = pytest.mark.django_db


def output(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def registered(monkeypatch):
    """One work a second, whose runs are noted; raise what is put into `raising`."""

    class Registered:
        def __init__(self):
            self.ran = []
            self.raising = []
            self.after = lambda: None

        def __call__(self, *, now):
            self.ran.append(now)
            self.after()
            if self.raising:
                raise self.raising.pop()
            return {"members": 3, "skipped": 0}

    work = Registered()
    store = Store()
    store.register(PeriodicWork(code="work", label="work", run=work, order=1, every_seconds=1))
    monkeypatch.setattr(clock, "periodic_work", store)
    return work


@pytest.fixture
def _signals_restored():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class TestTickOnce:
    def test_runs_what_is_due_and_says_so(self, registered):
        assert output("tick", "--now", "2026-03-01T04:00:00Z") == "work: members 3\n"
        assert output("tick", "--now", "2026-03-01T04:00:00Z") == "Nothing is due.\n"

    def test_reads_an_instant_without_a_zone_in_the_shop_s(self, registered):
        output("tick", "--now", "2026-03-01T12:00")
        assert ClockEntry.objects.get().started_at == datetime(2026, 3, 1, 4, tzinfo=UTC)

    def test_says_the_same_in_json(self, registered):
        told = json.loads(output("tick", "--now", "2026-03-01T04:00:00+00:00", "--json"))
        assert told == {"now": "2026-03-01T04:00:00+00:00", "works": {"work": {"members": 3, "skipped": 0}}}

    def test_ends_in_an_error_when_a_work_failed(self, registered):
        registered.raising = [ValueError("x")]
        with pytest.raises(CommandError, match="failed: work"):
            output("tick")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--now", "soon"),
            ("--now", "2026-13-01T00:00:00Z"),
            ("--now", "0001-01-01T00:00:00+14:00"),
            ("--now", "9999-12-31T23:59:59Z"),
            ("--loop", "--now", "2026-03-01"),
        ],
    )
    def test_refuses_what_it_cannot_follow(self, registered, arguments):
        with pytest.raises(CommandError):
            output("tick", *arguments)
        assert registered.ran == []


@pytest.mark.usefixtures("_signals_restored")
@pytest.mark.django_db(transaction=True)
class TestTickInALoop:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ends_cleanly_at_a_signal_after_the_work_in_hand(self, registered, number):
        registered.after = lambda: os.kill(os.getpid(), number)
        output("tick", "--loop")
        assert len(registered.ran) == 1
        assert ClockEntry.objects.get().counts == {"members": 3, "skipped": 0}

    def test_looks_again_every_second_by_the_real_clock(self, registered, monkeypatch):
        registered.after = lambda: len(registered.ran) == 3 and os.kill(os.getpid(), signal.SIGTERM)
        began = timezone.now()
        output("tick", "--loop")
        assert [began <= now for now in registered.ran] == [True] * 3
        assert registered.ran == sorted(registered.ran)

    def test_survives_a_database_that_does_not_answer(self, registered, monkeypatch, caplog):
        real, gone = tick.run_due, [OperationalError("secret"), OperationalError("secret")]

        def run_due(*, beside, **named):
            if gone and not beside:
                raise gone.pop()
            return real(beside=beside, **named)

        waited = []
        wait = tick._wait

        def noted(stop, seconds):
            if threading.current_thread() is threading.main_thread():
                waited.append(seconds)
            else:
                wait(stop, seconds)

        monkeypatch.setattr(tick, "run_due", run_due)
        monkeypatch.setattr(tick, "_wait", noted)
        registered.after = lambda: os.kill(os.getpid(), signal.SIGTERM)
        output("tick", "--loop")
        assert len(registered.ran) == 1
        assert waited == [2, 4, 1]
        assert "clock.database_gone tries=2 error=OperationalError" in caplog.text
        assert "secret" not in caplog.text

    def test_never_sleeps_past_a_signal(self):
        stop = threading.Event()
        stop.set()
        tick._wait(stop, 30)
        assert stop.is_set()


class TestVerify:
    @pytest.fixture
    def rows(self, monkeypatch):
        rows = {"first": [], "second": []}
        store = Store()
        for code in rows:
            store.register(Check(code=code, label=f"the {code} holds", rows=lambda code=code: iter(rows[code])))
        monkeypatch.setattr(verify, "checks", store)
        return rows

    def test_says_that_everything_adds_up(self, rows):
        assert output("verify") == "ok     the first holds\nok     the second holds\nEverything adds up: 2 checks.\n"

    def test_shows_what_does_not_and_ends_in_an_error(self, rows):
        rows["second"] = ["a is 1, not 2"]
        out = StringIO()
        with pytest.raises(CommandError, match="1 of 2 checks found what does not add up: second"):
            call_command("verify", stdout=out)
        assert out.getvalue() == "ok     the first holds\nWRONG  the second holds\n       a is 1, not 2\n"

    def test_shows_no_more_than_a_hundred_rows_of_a_check(self, rows):
        rows["first"] = [f"row {number}" for number in range(1000)]
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("verify", stdout=out)
        assert out.getvalue().count("row ") == 100
        assert "… and more" in out.getvalue()

    def test_says_the_same_in_json(self, rows):
        rows["first"] = ["a is 1, not 2"]
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("verify", "--json", stdout=out)
        assert json.loads(out.getvalue()) == {
            "ok": False,
            "checks": [
                {"check": "first", "label": "the first holds", "rows": ["a is 1, not 2"]},
                {"check": "second", "label": "the second holds", "rows": []},
            ],
        }
