"""Whom a refresh is about, and how it reads: single members looked up as such."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from core.scratch import execute, scratch_table
from retention.models import DueMember

SETTINGS = {"random_page_cost": "1.1", "join_collapse_limit": "16", "from_collapse_limit": "16"}


@contextmanager
def due_members() -> Iterator[None]:
    """This function will keep the table of DueMember for the block."""
    with scratch_table(DueMember._meta.db_table, "member_id bigint PRIMARY KEY, changed boolean NOT NULL DEFAULT true"):
        yield


@contextmanager
def single_reads() -> Iterator[None]:
    """This function will have PostgreSQL look up single members for the block, as long as they are few.

    Its default takes a page read by itself for four times as dear as one read in a row, from the days of turning discs: it
    would rather read all events than find those of one member in a hundred. 1.1 is what its manual names for other discs.

    It also joins tables in the order in which they are written where there are more than eight, and so everybody before the
    few that are asked about: facts read more.
    """
    if connection.vendor != "postgresql":
        yield
        return
    for setting, value in SETTINGS.items():
        execute(f"SET LOCAL {setting} = {value}")
    yield  # after an error the rollback takes it back
    for setting in SETTINGS:
        execute(f"SET LOCAL {setting} TO DEFAULT")
