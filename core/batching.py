"""Batches of an iterable, so that memory stays flat however long the input is, and what makes a batch cheap."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """This function will yield lists of at most `size` items, in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


@contextmanager
def without_looking_for_cycles() -> Iterator[None]:
    """This function will keep Python from looking for cycles during the block.

    A batch keeps thousands of rows alive, none in a cycle; looking for cycles among them, again and again, took 40% of the
    processor's time when campaigns fired (40,000 decisions: 2.2 s, and 1.3 s without) and 8% when orders came in.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
