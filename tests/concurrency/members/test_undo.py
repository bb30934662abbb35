"""An import is undone while orders come in that name what it made: nobody writes of what is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from members.ingest import ingest_orders
from members.models import Category, Order, Product, Shop
from tests.concurrency.members.test_ingest import order, under_way, while_waiting
from tests.db.members.imports.given import imported, undone
from tests.factories import NOW

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

COLUMNS = "external_id,member,placed_at,status,total_minor,shop,product,quantity,unit_price_minor,category"
OTHER: dict[str, Any] = {"member": "m2", "shop": "tmall"}
LINE = {"product": "oolong", "category": "tea", "quantity": 1, "unit_price_minor": 100}


class TestAnUndo:
    def test_waits_for_orders_that_are_not_committed_and_leaves_what_they_name(self, tmp_path: Path, settings: Any) -> None:
        settings.IMPORTS_DIR = tmp_path / "imports"
        file = tmp_path / "orders.csv"
        file.write_text(f"{COLUMNS}\no1,m1,2026-05-01,paid,1000,tmall,black,1,1000,tea\n")
        source = imported(file)
        late = order("late", **OTHER, lines=[LINE])
        with under_way(lambda: ingest_orders([late], now=NOW)) as release:
            ended = while_waiting(lambda: undone(source), release)
        assert ended.undone["removed"] == {"orders": 1, "members": 1, "products": 1}
        assert Order.objects.get().external_id == "late"
        left = (Shop.objects.get().slug, Product.objects.get().code, Category.objects.get().name)
        assert left == ("tmall", "oolong", "tea")
