"""Ids out of files that were made to be a trap."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

from core.errors import InvalidInput
from retention.services import list_files
from retention.services.list_files import ids_in


class TestARowThatSaysItIsFarDown:
    """Readers give every row before it too: a file of a few bytes would keep a worker busy for hours."""

    def test_is_refused_past_what_a_sheet_can_have(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(list_files, "MOST_ROWS", 5)
        book = Workbook()
        book.active["A1"], book.active["A5"] = "external_id", "m1"
        book.save(tmp_path / "list.xlsx")
        assert list(ids_in(tmp_path / "list.xlsx")) == ["m1"]
        book.active["A6"] = "m2"
        book.save(tmp_path / "list.xlsx")
        with pytest.raises(InvalidInput, match="too large"):
            list(ids_in(tmp_path / "list.xlsx"))
