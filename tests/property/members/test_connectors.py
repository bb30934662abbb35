"""Whatever stands in a file: each row is read or refused, nothing raises but the refusal of the whole file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from members.ingest.connectors.base import Reading
from members.ingest.connectors.detect import open_table, sort_files
from members.ingest.connectors.guess import guess_columns
from members.ingest.connectors.shopify import ShopifyOrders
from members.ingest.connectors.taobao import TaobaoOrders
from members.ingest.files import UnreadableFile
from tests.unit.members.connectors.samples import (
    LINE,
    LINE_HEADER,
    ORDER,
    ORDER_HEADER,
    SHOPIFY_HEADER,
    SHOPIFY_ORDER,
    write_csv,
)

WRITTEN = (
    "",
    "0",
    "-1",
    "598.00元",
    "1.93E+15",
    "2016-05-23 22:02:31",
    "42513.9",
    "交易关闭",
    "退款成功",
    "null",
    "=1+1",
    "0001-01-01 +0800",
)
"""What shops write, the strange among it; beside it any text."""

CELLS = st.one_of(st.sampled_from(WRITTEN), st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12))
PLACE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def changed(row: dict[str, str], header: Sequence[str]) -> st.SearchStrategy[list[dict[str, str]]]:
    """This function will make rows that differ from a good one in some cells."""
    changes = st.dictionaries(st.sampled_from([*header]), CELLS, max_size=4)
    return st.lists(changes.map(lambda cells: {**row, **cells}), min_size=1, max_size=4)


def every_row_is_decided(rows: Sequence[object], take: Callable[[object], tuple[object, object]]) -> None:
    for row in rows:
        item, problems = take(row)
        assert problems or item


@PLACE
@given(orders=changed(ORDER, ORDER_HEADER), lines=changed(LINE, LINE_HEADER))
def test_taobao_reports_are_read_or_refused_row_by_row(
    orders: list[dict[str, str]], lines: list[dict[str, str]], tmp_path: Path
) -> None:
    main = open_table(write_csv(tmp_path / "a.csv", ORDER_HEADER, orders, encoding="utf-8"))
    other = open_table(write_csv(tmp_path / "b.csv", LINE_HEADER, lines, encoding="utf-8"))
    rows = list(TaobaoOrders().rows(Reading([main], [other])))
    every_row_is_decided(rows, lambda row: (row.item, row.problems))  # type: ignore[attr-defined]


@PLACE
@given(orders=changed(SHOPIFY_ORDER, SHOPIFY_HEADER))
def test_shopify_orders_are_read_or_refused_row_by_row(orders: list[dict[str, str]], tmp_path: Path) -> None:
    table = open_table(write_csv(tmp_path / "a.csv", SHOPIFY_HEADER, orders, encoding="utf-8"))
    every_row_is_decided(list(ShopifyOrders().rows(Reading([table]))), lambda row: (row.item, row.problems))  # type: ignore[attr-defined]


@PLACE
@example(content=b"\xff\xfe0")
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_are_a_table_or_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    sorted_files = sort_files([path])
    assert all(str(error) for _path, error in sorted_files.unread)
    try:
        table = open_table(path)
    except UnreadableFile:
        return
    assert all(row.problem or len(row.cells) == len(table.header) for row in table.rows())
    assert len(guess_columns(table, "orders")) == len(table.header)


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"])
def test_what_only_begins_like_a_file_is_refused(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(start + b"\x00" * 100)
    assert [len(error.problems) for _path, error in sort_files([path]).unread] == [1]
