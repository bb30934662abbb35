from datetime import UTC, datetime, time, timedelta

import pytest

from core import registry
from core.errors import DomainError
from core.models import ClockEntry
from core.registry import PeriodicWork, Store
from core.services import clock
from core.services.clock import (
    FAILED,
    claim_due,
    clock_is_ticking,
    ensure_entries,
    last_tick_at,
    ring_due,
    run_due,
    run_work,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)  # Sunday noon in Shanghai
TONIGHT = datetime(2026, 3, 1, 19, 0, tzinfo=UTC)  # Monday 03:00
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HALF_AN_HOUR = timedelta(minutes=30)


class Works:
    """Registered works that note when they ran; `failing` raise what is given."""

    def __init__(self) -> None:
        self.store: Store[PeriodicWork] = Store()
        self.ran: list[tuple[str, datetime]] = []
        self.failing: dict[str, BaseException] = {}

    def add(self, code: str, *, order: int = 1, **cadence: object) -> None:
        def run(*, now: datetime) -> dict[str, int]:
            self.ran.append((code, now))
            if code in self.failing:
                raise self.failing[code]
            return {"done": 1}

        self.store.register(PeriodicWork(code=code, label=code, run=run, order=order, **cadence))

    @property
    def codes(self) -> list[str]:
        return [code for code, _now in self.ran]


@pytest.fixture
def works(monkeypatch):
    """A minutely, a nightly and a weekly work in place of the product's own."""
    works = Works()
    works.add("minutely", order=20, every_seconds=60)
    works.add("nightly", order=5, daily_at="03:00")
    works.add("weekly", order=15, daily_at="04:00", weekday=0)
    for module in (registry, clock):
        monkeypatch.setattr(module, "periodic_work", works.store)
    return works


def entry(code: str) -> ClockEntry:
    return ClockEntry.objects.get(code=code)


def next_at(code: str) -> datetime:
    return entry(code).next_at


class TestEnsuringEntries:
    def test_makes_one_for_each_work_due_at_once(self, works):
        assert ensure_entries(now=NOW) == 3
        assert (entry("minutely").every_seconds, next_at("minutely")) == (60, NOW)
        assert (entry("nightly").daily_at, next_at("nightly")) == (time(3), NOW)
        assert (entry("weekly").weekday, next_at("weekly")) == (0, NOW)

    def test_does_not_let_what_is_new_wait_for_the_night(self, works):
        run_due(now=NOW)
        assert works.codes == ["nightly", "weekly", "minutely"]
        assert (next_at("nightly"), next_at("weekly")) == (TONIGHT, TONIGHT + timedelta(hours=1))

    def test_again_keeps_what_people_changed(self, works):
        ensure_entries(now=NOW)
        ClockEntry.objects.filter(code="minutely").update(every_seconds=10, enabled=False)
        assert ensure_entries(now=NOW) == 0
        assert (entry("minutely").every_seconds, entry("minutely").enabled) == (10, False)

    def test_leaves_and_ignores_the_entry_of_a_work_that_is_gone(self, works):
        ClockEntry.objects.create(code="gone", every_seconds=1, next_at=NOW)
        run_due(now=NOW)
        assert works.codes == ["nightly", "weekly", "minutely"]
        assert next_at("gone") == NOW


class TestRunningWhatIsDue:
    def test_runs_in_the_works_order_with_the_instant(self, works):
        run_due(now=NOW)
        works.ran.clear()
        later = TONIGHT + timedelta(hours=2)
        assert run_due(now=later) == {"nightly": {"done": 1}, "weekly": {"done": 1}, "minutely": {"done": 1}}
        assert works.codes == ["nightly", "weekly", "minutely"]
        assert all(later <= moment < later + SECOND for _code, moment in works.ran)

    def test_keeps_the_counts_and_the_times(self, works):
        run_due(now=NOW)
        kept = entry("minutely")
        assert (kept.counts, kept.error, kept.started_at) == ({"done": 1}, "", NOW)
        assert NOW <= kept.finished_at < NOW + SECOND

    def test_runs_nothing_twice_at_the_same_instant(self, works):
        run_due(now=NOW)
        assert run_due(now=NOW) == {}
        assert run_due(now=NOW + 59 * SECOND) == {}
        assert run_due(now=NOW + MINUTE) == {"minutely": {"done": 1}}

    def test_collapses_missed_runs_into_one(self, works):
        run_due(now=NOW)
        works.ran.clear()
        run_due(now=NOW + timedelta(days=30))
        run_due(now=NOW + timedelta(days=30))
        assert sorted(works.codes) == ["minutely", "nightly", "weekly"]
        assert next_at("nightly") == TONIGHT + timedelta(days=30)

    def test_skips_what_is_switched_off(self, works):
        ensure_entries(now=NOW)
        ClockEntry.objects.update(enabled=False)
        assert run_due(now=TONIGHT + timedelta(days=9)) == {}

    def test_stops_between_two_works_when_asked_and_leaves_the_rest_due(self, works):
        ensure_entries(now=NOW)
        later = TONIGHT + timedelta(hours=2)
        assert list(run_due(now=later, stopped=lambda: True)) == ["nightly"]
        assert list(run_due(now=later)) == ["weekly", "minutely"]

    def test_follows_a_cadence_that_people_shortened(self, works):
        run_due(now=NOW)
        ClockEntry.objects.filter(code="minutely").update(every_seconds=3600, next_at=NOW + timedelta(hours=1))
        ClockEntry.objects.filter(code="minutely").update(every_seconds=10)
        assert run_due(now=NOW + SECOND) == {}
        assert next_at("minutely") == NOW + 11 * SECOND

    def test_follows_an_hour_that_people_moved_forward(self, works):
        run_due(now=NOW)
        ClockEntry.objects.filter(code="nightly").update(daily_at=time(1))
        run_due(now=NOW + SECOND)
        assert next_at("nightly") == TONIGHT - timedelta(hours=2)

    def test_recovers_from_somebody_s_look_at_another_time(self, works):
        run_due(now=NOW + timedelta(days=3650))
        works.ran.clear()
        run_due(now=NOW)
        assert next_at("minutely") == NOW + MINUTE
        run_due(now=NOW + MINUTE)
        assert works.codes == ["minutely"]


class TestTrap27ADoubledBeatRunsNothingTwice:
    """django-celery-beat#319 (twice a day), #376, #109 (endless loop), celery#1604 (twice at a change of clocks)."""

    def test_two_clocks_that_saw_the_same_due_instant_have_one_winner(self, works):
        ensure_entries(now=NOW)
        seen = entry("minutely")
        assert clock._claim(seen, NOW, NOW + MINUTE) == NOW + MINUTE
        assert clock._claim(seen, NOW, NOW + MINUTE) is None

    def test_a_second_clock_at_the_same_moment_claims_nothing(self, works):
        assert [work.code for work in claim_due(now=NOW)] == ["nightly", "weekly", "minutely"]
        assert claim_due(now=NOW) == []

    def test_the_guard_is_what_keeps_the_second_out(self, works, monkeypatch):
        """The twin: without the comparison of the due instant both clocks claim."""
        ensure_entries(now=NOW)
        seen = entry("minutely")
        clock._claim(seen, NOW, NOW + MINUTE)
        seen.next_at = next_at("minutely")
        assert clock._claim(seen, NOW, NOW + MINUTE) == NOW + MINUTE


class TestAWorkThatFails:
    def test_stops_no_other_and_keeps_its_error(self, works):
        ensure_entries(now=NOW)
        works.failing["nightly"] = ValueError("member 13800138000 of postgres://u:secret@host")
        done = run_due(now=TONIGHT + timedelta(hours=2))
        assert done["nightly"] is FAILED
        assert works.codes == ["nightly", "weekly", "minutely"]
        kept = entry("nightly")
        assert kept.error.startswith("ValueError in run, line ")
        assert kept.counts == {"failed": 1}

    def test_tells_nobody_s_data_and_no_secret(self, works, caplog):
        ensure_entries(now=NOW)
        works.failing["minutely"] = ValueError("member 13800138000 of postgres://u:secret@host")
        run_due(now=NOW)
        told = entry("minutely").error + caplog.text
        assert "ValueError" in told
        assert "138" not in told
        assert "secret" not in told

    def test_tells_our_own_refusals_in_words(self, works):
        ensure_entries(now=NOW)
        works.failing["minutely"] = DomainError("The segment is stale.")
        run_due(now=NOW)
        assert entry("minutely").error == "DomainError: The segment is stale."

    def test_at_night_is_tried_again_after_half_an_hour_and_then_goes_on_as_usual(self, works):
        ensure_entries(now=NOW)
        works.failing["nightly"] = ValueError()
        run_due(now=TONIGHT)
        assert next_at("nightly") == TONIGHT + HALF_AN_HOUR
        del works.failing["nightly"]
        run_due(now=TONIGHT + HALF_AN_HOUR)
        assert next_at("nightly") == TONIGHT + timedelta(days=1)
        assert entry("nightly").error == ""

    def test_by_killing_its_process_does_so_no_oftener_than_every_half_an_hour(self, works):
        ensure_entries(now=NOW)
        works.failing["nightly"] = SystemExit()
        for minutes in (0, 1, 2, 29):
            try:
                run_due(now=TONIGHT + minutes * MINUTE)
            except SystemExit:
                works.ran.append(("killed", TONIGHT + minutes * MINUTE))
        assert works.codes.count("killed") == 1
        assert works.codes.count("minutely") > 1
        with pytest.raises(SystemExit):
            run_due(now=TONIGHT + HALF_AN_HOUR)


class TestRunningAWorkThatWasRungFor:
    def test_keeps_what_became_of_it(self, works):
        ensure_entries(now=NOW)
        assert run_work(code="nightly", now=NOW) == {"done": 1}
        assert entry("nightly").counts == {"done": 1}
        assert next_at("nightly") == TONIGHT

    def test_never_moves_a_later_claim_back(self, works):
        ensure_entries(now=NOW)
        ClockEntry.objects.filter(code="minutely").update(next_at=NOW + 2 * MINUTE)
        run_work(code="minutely", now=NOW)
        assert next_at("minutely") == NOW + 2 * MINUTE

    def test_of_another_release_is_let_pass(self, works):
        assert run_work(code="tomorrow.work", now=NOW) == {}

    def test_without_an_entry_runs_all_the_same(self, works):
        assert run_work(code="minutely", now=NOW) == {"done": 1}


class TestRingingWhatIsDue:
    def test_rings_for_each_claimed_work_until_it_is_due_again(self, works, monkeypatch):
        rung = []
        monkeypatch.setattr(clock, "ring", lambda name, *, expires_seconds: rung.append((name, expires_seconds)))
        run_due(now=NOW)
        works.ran.clear()
        assert ring_due(now=TONIGHT) == ["nightly", "minutely"]
        assert rung == [("nightly", 1800), ("minutely", 60)]
        assert works.ran == []
        assert ring_due(now=TONIGHT) == []

    def test_leaves_a_night_s_work_to_be_rung_again_if_nobody_heard(self, works, monkeypatch):
        monkeypatch.setattr(clock, "ring", lambda name, *, expires_seconds: None)
        ensure_entries(now=NOW)
        ring_due(now=TONIGHT)
        assert "nightly" in ring_due(now=TONIGHT + HALF_AN_HOUR)


class TestTheHeartbeat:
    def test_is_missing_where_no_clock_ever_ticked(self, works):
        ensure_entries(now=NOW)
        assert last_tick_at(now=NOW) is None
        assert not clock_is_ticking(now=NOW)

    def test_is_the_last_time_a_work_began_or_ended(self, works):
        run_due(now=NOW)
        assert last_tick_at(now=NOW + MINUTE) == entry("minutely").finished_at
        assert clock_is_ticking(now=NOW + MINUTE)
        assert not clock_is_ticking(now=NOW + 3 * MINUTE)

    def test_is_not_fooled_by_somebody_s_look_at_another_time(self, works):
        run_due(now=NOW + timedelta(days=3650))
        assert not clock_is_ticking(now=NOW)


class TestTheProductsOwnWorks:
    def test_include_the_heartbeat_and_no_order_twice(self):
        codes = [work.code for work in registry.periodic_work]
        assert "core.heartbeat" in codes
        orders = [work.order for work in registry.periodic_work]
        assert len(set(orders)) == len(orders)

    def test_are_each_a_celery_task_under_their_code(self):
        from celery import current_app

        import core.tasks  # noqa: F401 - makes the tasks

        assert {work.code for work in registry.periodic_work} | {"core.tick"} <= set(current_app.tasks)
