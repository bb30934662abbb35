from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client

from config import metrics
from core.models import ClockEntry, Job
from members.models import DirtyMark
from retention.services.refresh import refresh
from tests.factories import NOW, make_member, make_order

pytestmark = pytest.mark.django_db


def read() -> dict[str, float]:
    response = Client().get("/metrics")
    assert (response.status_code, response["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _space, value in (line.rpartition(" ") for line in lines)}


class TestMetrics:
    def test_of_an_empty_shop_know_nothing_and_count_nothing(self) -> None:
        ClockEntry.objects.all().delete()
        told = read()
        assert "rekindle_facts_as_of_timestamp_seconds" not in told
        assert set(told.values()) == {0.0}
        assert {'rekindle_jobs{state="waiting"}', 'rekindle_messages{state="queued"}', "rekindle_dirty_marks"} <= set(told)

    def test_tell_how_old_facts_are_and_what_waits(self) -> None:
        make_order(make_member())
        refresh(as_of=NOW)
        DirtyMark.objects.bulk_create(DirtyMark(member_id=1) for _ in range(3))
        Job.objects.create(kind="x", created_at=NOW + timedelta(minutes=1))
        Job.objects.create(kind="x", created_at=NOW, state=Job.State.DONE)
        told = read()
        assert told["rekindle_facts_as_of_timestamp_seconds"] == NOW.timestamp()
        assert (told["rekindle_dirty_marks"], told["rekindle_refresh_failing"]) == (3, 0)
        assert (told['rekindle_jobs{state="waiting"}'], told['rekindle_jobs{state="running"}']) == (1, 0)
        assert told["rekindle_jobs_waiting_since_timestamp_seconds"] == (NOW + timedelta(minutes=1)).timestamp()

    def test_tell_of_each_work_when_it_started_and_whether_it_fails(self) -> None:
        ClockEntry.objects.all().delete()
        due = NOW + timedelta(minutes=1)
        ClockEntry.objects.create(code='a"b', every_seconds=60, next_at=due, started_at=NOW, error="broken")
        told = read()
        assert told['rekindle_clock_started_timestamp_seconds{work="a\\"b"}'] == NOW.timestamp()
        assert told['rekindle_clock_due_timestamp_seconds{work="a\\"b"}'] == due.timestamp()
        assert told['rekindle_clock_failing{work="a\\"b"}'] == 1

    def test_are_for_machines_on_the_inside(self, settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.SECURE_SSL_REDIRECT = True
        assert Client().get("/metrics").status_code == 200
        assert Client().post("/metrics").status_code == 405

        def no_database() -> None:
            raise OperationalError("secret address")

        monkeypatch.setattr(metrics, "GAUGES", (metrics.Gauge("x", "y", no_database),))
        refused = Client().get("/metrics")
        assert (refused.status_code, refused.content) == (503, b"The database does not answer.\n")

    def test_ask_a_question_each(self, django_assert_num_queries) -> None:
        two_states = 1
        with django_assert_num_queries(len(metrics.GAUGES) + two_states):
            read()
