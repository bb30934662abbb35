from __future__ import annotations

import io

import pytest

from core.safe_csv import SafeCsv, safe_cell


class TestSafeCell:
    @pytest.mark.parametrize("text", ["=1+1", "+8613800138000", "-1", "@SUM(A1)", "\tx", "\rx", '=cmd|"/c calc"!A0'])
    def test_is_never_calculated(self, text: str) -> None:
        assert safe_cell(text) == f"'{text}"

    def test_keeps_the_digits_of_long_numbers(self) -> None:
        assert safe_cell("1930679858170647") == "'1930679858170647"

    @pytest.mark.parametrize("text", ["", "t**8", "598.00", "王五", "a=b", "'=1"])
    def test_leaves_the_rest_as_it_is(self, text: str) -> None:
        assert safe_cell(text) == text


class TestSafeCsv:
    def test_writes_numbers_of_ours_as_numbers_and_what_people_wrote_as_text(self) -> None:
        file = io.StringIO()
        SafeCsv(file, ["n"]).write([-0.25, -3, None, "-0.25", 1930679858170647])
        assert file.getvalue().splitlines()[1] == "-0.25,-3,,'-0.25,'1930679858170647"
