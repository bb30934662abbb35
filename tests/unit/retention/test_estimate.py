from __future__ import annotations

import pytest

from retention.admin.counting import rounded
from retention.selectors.estimate import Estimate, wilson

VERY_MANY = 10**12


class TestWilson:
    def test_gives_newcombes_published_ranges_where_next_to_nobody_was_seen(self) -> None:
        """Newcombe 1998, table I, method 3."""
        assert wilson(81, 263, VERY_MANY) == pytest.approx((0.2553, 0.3662), abs=5e-5)
        assert wilson(15, 148, VERY_MANY) == pytest.approx((0.0624, 0.1605), abs=5e-5)
        assert wilson(0, 20, VERY_MANY) == pytest.approx((0.0000, 0.1611), abs=5e-5)
        assert wilson(1, 29, VERY_MANY) == pytest.approx((0.0061, 0.1718), abs=5e-5)

    def test_is_the_share_itself_once_everybody_was_seen(self) -> None:
        assert wilson(3, 10, 10) == (0.3, 0.3)

    def test_is_as_sure_after_half_of_everybody_as_after_twice_as_many_of_very_many(self) -> None:
        assert wilson(50, 101, 201) == pytest.approx(wilson(100, 202, VERY_MANY), abs=1e-9)

    @pytest.mark.parametrize("hits", [0, 1, 50, 99, 100])
    def test_holds_the_share_that_was_seen(self, hits: int) -> None:
        low, high = wilson(hits, 100, 1_000)
        assert 0 <= low <= hits / 100 <= high <= 1


class TestRounding:
    @pytest.mark.parametrize(
        ("count", "low", "high", "said"),
        [
            (12_294, 11_900, 12_700, 12_300),
            (12_294, 12_294, 12_294, 12_294),
            (57, 50, 65, 60),
            (3, 1, 9, 3),
            (512_345, 480_000, 540_000, 510_000),
        ],
    )
    def test_says_no_more_than_the_range_lets_one_know(self, count: int, low: int, high: int, said: int) -> None:
        assert rounded(Estimate(count, low, high, 0.5)) == said
