"""Formulas against published numbers and numbers worked out by hand."""

from __future__ import annotations

from math import comb

import pytest

from retention.scoring.shares import (
    Share,
    compare,
    fisher_exact,
    newcombe,
    pooled_z,
    sample_ratio_p,
    wilson,
)


class TestWilson:
    def test_gives_the_published_limits(self):
        """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3: 81/263, 15/148, 0/20, 1/29."""
        assert wilson(Share(81, 263)) == pytest.approx((0.2553, 0.3662), abs=5e-5)
        assert wilson(Share(15, 148)) == pytest.approx((0.0624, 0.1605), abs=5e-5)
        assert wilson(Share(0, 20)) == pytest.approx((0.0000, 0.1611), abs=5e-5)
        assert wilson(Share(1, 29)) == pytest.approx((0.0061, 0.1718), abs=5e-5)


class TestNewcombe:
    @pytest.mark.parametrize(
        ("first", "second", "low", "high"),
        [
            (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
            (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
            (Share(6, 7), Share(2, 7), 0.0582, 0.8062),
            (Share(5, 56), Share(0, 29), -0.0381, 0.1926),
            (Share(0, 10), Share(0, 20), -0.1611, 0.2775),
            (Share(0, 10), Share(0, 10), -0.2775, 0.2775),
            (Share(10, 10), Share(0, 20), 0.6791, 1.0000),
            (Share(10, 10), Share(0, 10), 0.6075, 1.0000),
        ],
    )
    def test_gives_the_published_limits(self, first, second, low, high):
        """Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10."""
        assert newcombe(first, second) == pytest.approx((low, high), abs=5e-5)

    def test_turns_round_with_the_order(self):
        low, high = newcombe(Share(20, 100), Share(10, 100))

        assert newcombe(Share(10, 100), Share(20, 100)) == pytest.approx((-high, -low))


class TestFisherExact:
    def test_of_the_lady_tasting_tea(self):
        """Fisher 1935: eight cups, three of four named right; both tails, 34 of 70 tables."""
        assert fisher_exact(Share(3, 4), Share(1, 4)) == pytest.approx(34 / 70)

    def test_adds_up_the_tables_that_are_no_likelier(self):
        ways = {k: comb(10, k) * comb(10, 12 - k) for k in range(2, 11)}
        expected = sum(way for way in ways.values() if way <= ways[9]) / comb(20, 12)

        assert fisher_exact(Share(9, 10), Share(3, 10)) == pytest.approx(expected)

    def test_is_one_when_nothing_happened(self):
        assert fisher_exact(Share(0, 10), Share(0, 20)) == pytest.approx(1)


class TestPooledZ:
    def test_gives_what_a_hand_calculation_gives(self):
        """60 of 400 against 30 of 400: pooled 0.1125, standard error 0.022344, z = 3.3566, p = 0.00079."""
        assert pooled_z(Share(60, 400), Share(30, 400)) == pytest.approx(0.000789, abs=2e-6)

    def test_is_one_when_all_or_none_did(self):
        assert pooled_z(Share(5, 5), Share(7, 7)) == 1


class TestCompare:
    def test_says_which_test_it_took(self):
        assert compare(Share(60, 400), Share(30, 400)).test == "z"
        assert compare(Share(6, 40), Share(1, 40)).test == "fisher_exact"

    def test_has_no_relative_lift_over_nothing(self):
        difference = compare(Share(3, 10), Share(0, 10))

        assert difference.absolute == pytest.approx(0.3)
        assert difference.relative is None

    def test_relates_the_difference_to_the_second_share(self):
        assert compare(Share(60, 400), Share(30, 400)).relative == pytest.approx(1)


class TestSampleRatioP:
    def test_is_large_for_a_fair_split_and_tiny_for_a_broken_one(self):
        assert sample_ratio_p(control=20, treated=80, share=0.2) == pytest.approx(1)
        assert sample_ratio_p(control=40, treated=60, share=0.2) < 1e-5
        assert sample_ratio_p(control=21_000, treated=79_000, share=0.2) < 1e-10

    def test_is_exact_for_small_numbers(self):
        """Nobody of 10 with a share of a half: both empty ends of the binomial, 2 / 1024."""
        assert sample_ratio_p(control=0, treated=10, share=0.5) == pytest.approx(2 / 1024)

    def test_is_not_defined_without_a_draw(self):
        assert sample_ratio_p(control=0, treated=0, share=0.1) is None
        assert sample_ratio_p(control=0, treated=10, share=0) is None
