"""Counts that a page may stop: the statement ends in the database, one of a page runs, and nothing else is hit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from django.db import connection, transaction

from retention.selectors.stopping import Question, Stopped, TooSlow, answering, stop, within

pytestmark = [pytest.mark.django_db(transaction=True)]

FOR_EVER = """WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT (n + 1) % 1000 FROM numbers)
    SELECT count(*) FROM numbers WHERE n < 0"""


def run(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


@contextmanager
def another_thread() -> Iterator[Callable[[Callable[[], object]], Future[object]]]:
    with ThreadPoolExecutor(2) as pool:

        def submit(work: Callable[[], object]) -> Future[object]:
            def closed() -> object:
                try:
                    return work()
                finally:
                    connection.close()

            return pool.submit(closed)

        yield submit


def counting(page: str, number: int, begun: Event) -> Callable[[], object]:
    def count() -> object:
        with answering(Question(page, number)):
            begun.set()
            return run(FOR_EVER)

    return count


class TestStopping:
    def test_ends_the_statement_in_the_database(self) -> None:
        begun = Event()
        with another_thread() as submit:
            asked = submit(counting("page", 1, begun))
            assert begun.wait(10)
            # The statement may not have reached the database yet: a page that has gone asks once, a test until it is heard.
            while not asked.done():
                stop("page", before=2)
            assert isinstance(asked.exception(10), Stopped)

    def test_leaves_other_pages_and_later_questions_alone(self) -> None:
        with answering(Question("page", 5)):
            with another_thread() as submit:
                submit(lambda: stop("another", before=9)).result(10)
                submit(lambda: stop("page", before=5)).result(10)
            assert run("SELECT 1") == (1,)

    def test_a_later_question_stops_the_earlier_and_is_answered(self) -> None:
        begun = Event()
        with another_thread() as submit:
            earlier = submit(counting("page", 1, begun))
            assert begun.wait(10)

            def later() -> object:
                with answering(Question("page", 2)):
                    return run("SELECT 2")

            while not earlier.done():
                assert submit(later).result(30) == (2,)
            assert isinstance(earlier.exception(10), Stopped)

    def test_two_of_a_page_never_run_at_once(self) -> None:
        begun, go, both = Event(), Event(), Event()

        def newer() -> object:
            with answering(Question("page", 2)):
                begun.set()
                go.wait(10)
                return both.is_set()

        def older() -> object:
            with answering(Question("page", 1)):
                both.set()

        with another_thread() as submit:
            under_way = submit(newer)
            assert begun.wait(10)
            late = submit(older)
            go.set()
            assert under_way.result(10) is False
            assert isinstance(late.exception(10), Stopped | None)

    def test_the_connection_serves_on_under_its_own_name(self) -> None:
        begun = Event()

        def stopped_then_asked() -> object:
            with pytest.raises(Stopped):
                counting("page", 1, begun)()
            return run("SELECT 3")

        with another_thread() as submit:
            asked = submit(stopped_then_asked)
            assert begun.wait(10)
            while not asked.done():
                stop("page", before=2)
            assert asked.result(10) == (3,)

    def test_nothing_runs_past_its_time(self) -> None:
        with pytest.raises(TooSlow), within(0.05):
            run(FOR_EVER)
        assert run("SELECT 4") == (4,)

    def test_an_inner_time_ends_before_an_outer_one(self) -> None:
        with within(30):
            with pytest.raises(TooSlow), within(0.05):
                run(FOR_EVER)
            assert run("SELECT 5") == (5,)

    @pytest.mark.postgresql
    def test_nothing_of_it_is_left_on_the_connection(self) -> None:
        with transaction.atomic():
            before = run("SELECT current_setting('application_name'), current_setting('statement_timeout')")
            with answering(Question("page", 1)), within(5):
                run("SELECT 1")
            assert run("SELECT current_setting('application_name'), current_setting('statement_timeout')") == before
