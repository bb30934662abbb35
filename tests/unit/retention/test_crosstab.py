"""Tables of counts against SciPy and a published example."""

from __future__ import annotations

import pytest
from scipy.stats import chi2_contingency

from retention.scoring.crosstab import association, holm


class TestAssociation:
    def test_equals_scipys(self) -> None:
        table = [[30, 14, 34, 45, 57, 20], [20, 10, 20, 48, 30, 35], [8, 22, 9, 41, 12, 17]]
        found, expected = association(table), chi2_contingency(table, correction=False)
        assert found is not None
        assert (found.statistic, found.p_value, found.degrees) == (
            pytest.approx(expected.statistic),
            pytest.approx(expected.pvalue),
            expected.dof,
        )
        assert not found.approximate

    def test_is_as_strong_as_can_be_where_one_says_the_other(self) -> None:
        found = association([[40, 0], [0, 60]])
        assert found is not None
        assert found.effect == pytest.approx(1)

    def test_says_that_counts_are_small(self) -> None:
        found = association([[1, 2], [3, 1]])
        assert found is not None
        assert found.approximate

    def test_leaves_out_empty_rows_and_columns(self) -> None:
        assert association([[5, 0, 9], [8, 0, 2], [0, 0, 0]]) == association([[5, 9], [8, 2]])

    @pytest.mark.parametrize("table", [[], [[], []], [[0, 0], [0, 0]], [[3, 4]], [[3], [4]], [[3, 0], [4, 0]]])
    def test_of_nothing_to_compare_is_none(self, table: list[list[int]]) -> None:
        assert association(table) is None


class TestHolm:
    def test_is_the_step_down_of_the_paper(self) -> None:
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_never_passes_one_and_keeps_the_order(self) -> None:
        assert holm([0.9, 0.5, 0.9]) == pytest.approx([1, 1, 1])
        assert holm([]) == []
