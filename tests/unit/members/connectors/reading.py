"""Files of a marketplace as rows, one item, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from members.ingest.connectors.base import SourceRow
from members.ingest.connectors.detect import detect
from tests.unit.members.connectors.samples import (
    order,
    order_report,
)

SHOP = "某某旗舰店"


def read(*paths: Path, shop: str = "") -> list[SourceRow]:
    (found,) = detect(paths)
    return list(found.rows(shop=shop, currency="CNY"))


def item_of(tmp_path: Path, **changes: str) -> dict[str, Any]:
    (row,) = read(order_report(tmp_path, order(**changes)))
    assert row.problems == ()
    return dict(row.item)


def problems_of(rows: Sequence[SourceRow]) -> list[tuple[int, str, str]]:
    return [(row.number, problem.path, problem.code) for row in rows for problem in row.problems]
