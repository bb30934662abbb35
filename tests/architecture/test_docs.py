"""Pages that are found, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs" / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


def targets(page: Path) -> list[Path]:
    """This function will return the files and folders of ours that a page links to."""
    found = (match["target"].partition("#")[0] for match in LINK.finditer(page.read_text(encoding="utf-8")))
    return [(page.parent / target).resolve() for target in found if target and "://" not in target]


class TestThePages:
    def test_stand_in_the_index(self) -> None:
        kinds = ("how-to", "reference", "explanation")
        pages = {page.resolve() for kind in kinds for page in (ROOT / "docs" / kind).glob("*.md")}
        assert pages - set(targets(INDEX)) == set()

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
    def test_link_to_what_is_there(self, page: Path) -> None:
        assert [target for target in targets(page) if not target.exists()] == []
