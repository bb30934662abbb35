from __future__ import annotations

from collections.abc import Iterator

from core.batching import batches


class TestBatches:
    def test_hold_at_most_so_many_in_order(self) -> None:
        assert list(batches(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]

    def test_of_nothing_are_none(self) -> None:
        assert list(batches([], 3)) == []

    def test_read_no_further_than_asked(self) -> None:
        read: list[int] = []

        def source() -> Iterator[int]:
            for number in range(100):
                read.append(number)
                yield number

        assert next(batches(source(), 3)) == [0, 1, 2]
        assert read == [0, 1, 2]
