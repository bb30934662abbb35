from __future__ import annotations

from core.admin.counts import counts_in_words


class TestCounts:
    def test_are_said_in_words_without_zeros(self) -> None:
        assert counts_in_words({"held_out": 149, "fired": 1385, "failed": 0}) == ["held out 149", "fired 1,385"]

    def test_of_works_without_words_keep_their_names(self) -> None:
        assert counts_in_words({"rows_moved": 2}) == ["rows moved 2"]
