"""How a refresh reads: single members looked up as such."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from core.scratch import execute


@contextmanager
def single_reads() -> Iterator[None]:
    """This function will have PostgreSQL look up single members for the block, as long as they are few.

    Its default takes a page read by itself for four times as dear as one read in a row, from the days of turning discs: it
    would rather read all events than find those of one member in a hundred. 1.1 is what its manual names for other discs.
    """
    if connection.vendor != "postgresql":
        yield
        return
    execute("SET LOCAL random_page_cost = 1.1")
    yield  # after an error the rollback takes it back
    execute("SET LOCAL random_page_cost TO DEFAULT")
