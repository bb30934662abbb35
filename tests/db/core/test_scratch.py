"""When PostgreSQL is told how large a table is: where it grew, or where it believes that pages hold nothing."""

from __future__ import annotations

import pytest
from django.db import connection

from core.scratch import execute, know_size, know_size_if_grown

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

TABLE = "scratch_tests"


def known_rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::integer FROM pg_class WHERE oid = %s::regclass", [TABLE])
        (rows,) = cursor.fetchone()
    return int(rows)


def add(count: int) -> None:
    execute(f"INSERT INTO {TABLE} SELECT generate_series(1, {count})")


@pytest.fixture
def filled(db: None) -> None:
    """A table that ends with the test's transaction."""
    execute(f"CREATE TABLE {TABLE} (number integer)")
    add(20_000)
    know_size(TABLE)


@pytest.mark.usefixtures("filled")
class TestATable:
    def test_that_grew_is_looked_at(self) -> None:
        add(20_000)
        know_size_if_grown(TABLE)
        assert known_rows() == 40_000

    def test_that_hardly_grew_is_not(self) -> None:
        add(1_000)
        know_size_if_grown(TABLE)
        assert known_rows() == 20_000

    def test_whose_pages_were_taken_for_empty_is_looked_at(self) -> None:
        """As the server's own look finds it while a large load is not committed yet."""
        execute("UPDATE pg_class SET reltuples = 0 WHERE oid = %s::regclass", [TABLE])
        know_size_if_grown(TABLE)
        assert known_rows() == 20_000
