"""Several at once on PostgreSQL: refreshes stand in line, and no mark that an ingest leaves beside them is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest
from django.db import connection, transaction

from core.errors import InvalidInput
from members.models import DirtyMark, Member
from retention.models import MemberFacts, Membership, RefreshRun, RefreshState, Segment, Transition
from retention.services import refresh as service
from retention.services.refresh import refresh
from retention.services.segments import change_rule, create_segment
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW, make_member, make_order

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

RULE = {"field": "order_count", "operator": ">=", "value": 1}


def at_once(*works: Callable[[], object]) -> list[object]:
    """This function will run the works on threads of their own that start together, and return what they gave or raised."""
    start = Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        try:
            start.wait(10)
            return work()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(60) for future in [pool.submit(run, work) for work in works]]


class TestRefreshesAtOnce:
    def test_write_each_transition_once(self) -> None:
        create_segment(slug="buyers", name="Buyers", rule=RULE, now=NOW)
        members = [make_member() for _ in range(30)]
        refresh(as_of=NOW)
        for member in members:
            make_order(member)
        reports = at_once(*[lambda: refresh(as_of=NOW)] * 4)
        assert sorted(report.kind for report in reports) == ["changes", "nothing", "nothing", "nothing"]
        assert Transition.objects.filter(entered=True).count() == Membership.objects.count() == 30
        assert DirtyMark.objects.count() == 0

    def test_of_a_new_day_happen_once(self) -> None:
        make_order(make_member())
        refresh(as_of=NOW)
        at_once(*[lambda: refresh(as_of=NOW + timedelta(days=1))] * 4)
        assert [run.kind for run in RefreshRun.objects.order_by("id")] == ["full", "day"]

    def test_at_the_very_first_leave_one_state(self) -> None:
        make_order(make_member())
        at_once(*[lambda: refresh(as_of=NOW)] * 4)
        assert RefreshState.objects.get().as_of == NOW
        assert [run.kind for run in RefreshRun.objects.all()] == ["full"]


class TestAnIngestBesideARefresh:
    def test_that_commits_late_leaves_a_mark_for_the_next(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The order is written before the refresh takes the marks, and committed after it has read orders."""
        member = make_member()
        refresh(as_of=NOW)
        written, counted = Event(), Event()

        def ingest() -> None:
            with transaction.atomic():
                make_order(member)
                written.set()
                counted.wait(10)

        def count() -> None:
            written.wait(10)
            make_member()  # something to do
            refresh(as_of=NOW)
            counted.set()

        assert at_once(ingest, count) == [None, None]
        assert MemberFacts.objects.get(member=member).order_count == 0
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [member.pk]
        refresh(as_of=NOW)
        assert_facts_are_exact(NOW)

    def test_that_commits_while_facts_are_counted_is_counted_in_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        member = make_member()
        refresh(as_of=NOW)
        make_order(member)
        real = service.facts.count_due

        def count_with_an_order_in_between(**given: object) -> int:
            done = at_once(lambda: make_order(member))
            assert not isinstance(done[0], Exception)
            return real(**given)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(service.facts, "count_due", count_with_an_order_in_between)
            refresh(as_of=NOW)
        assert DirtyMark.objects.count() == 1
        refresh(as_of=NOW)
        assert_facts_are_exact(NOW)

    def test_of_many_threads_loses_nothing(self) -> None:
        members = [make_member() for _ in range(10)]
        refresh(as_of=NOW)

        def ingest() -> None:
            for member in members:
                with transaction.atomic():
                    make_order(Member.objects.get(pk=member.pk))

        def keep_refreshing() -> None:
            for _time in range(15):
                refresh(as_of=NOW)

        assert at_once(ingest, ingest, ingest, keep_refreshing, keep_refreshing) == [None] * 5
        refresh(as_of=NOW)
        assert_facts_are_exact(NOW)
        assert MemberFacts.objects.filter(order_count=3).count() == 10


class TestSegmentsAtOnce:
    def test_get_places_of_their_own(self) -> None:
        def make(number: int) -> Callable[[], object]:
            return lambda: create_segment(slug=f"s{number}", name="S", rule={"everyone": True}, now=NOW)

        at_once(*[make(number) for number in range(6)])
        assert sorted(Segment.objects.values_list("word", "bit")) == [(0, bit) for bit in range(6)]

    def test_with_one_name_are_one(self) -> None:
        done = at_once(*[lambda: create_segment(slug="same", name="S", rule={"everyone": True}, now=NOW)] * 4)
        assert sum(isinstance(each, InvalidInput) for each in done) == 3
        assert Segment.objects.count() == 1

    def test_do_not_close_a_circle(self) -> None:
        first = create_segment(slug="first", name="First", rule={"everyone": True}, now=NOW)
        second = create_segment(slug="second", name="Second", rule={"everyone": True}, now=NOW)
        done = at_once(
            lambda: change_rule(segment=first, rule={"in_segment": "second"}, now=NOW),
            lambda: change_rule(segment=second, rule={"in_segment": "first"}, now=NOW),
        )
        assert sum(isinstance(each, InvalidInput) for each in done) == 1

    def test_changed_while_they_are_evaluated_are_evaluated_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_member()
        segment = create_segment(slug="group", name="Group", rule={"everyone": True}, now=NOW)
        real = service.ask_everybody

        def evaluate_with_a_change_in_between(*given: object) -> None:
            done = at_once(lambda: change_rule(segment=segment, rule=RULE, now=NOW))
            assert not isinstance(done[0], Exception)
            real(*given)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(service, "ask_everybody", evaluate_with_a_change_in_between)
            refresh(as_of=NOW)
        segment = Segment.objects.select_related("version", "evaluated_version").get()
        assert (segment.version.number, segment.evaluated_version.number, segment.member_count) == (2, 1, 1)
        refresh(as_of=NOW)
        segment = Segment.objects.select_related("evaluated_version").get()
        assert (segment.evaluated_version.number, segment.member_count) == (2, 0)
