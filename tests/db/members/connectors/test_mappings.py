from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from core.errors import DomainError, InvalidInput, NotFound
from members.ingest.connectors import CONNECTORS
from members.ingest.sources import connector_named
from members.models import ColumnMapping, Member, Order
from members.services.mappings import RESERVED, delete_mapping, rename_mapping, save_mapping
from tests.factories import NOW

pytestmark = pytest.mark.django_db

COLUMNS = {"单号": "external_id", "会员": "member", "日期": "placed_at", "状态": "status", "金额": "total"}


def save(name: str = "till", columns: dict[str, str] = COLUMNS, **how: Any) -> ColumnMapping:
    return save_mapping(name=name, target=how.pop("target", "orders"), columns=columns, now=NOW, **how)


def problems(**how: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        save(**how)
    return [(problem.path, problem.code) for problem in caught.value.problems]


class TestSaveMapping:
    def test_keeps_what_it_is_given_under_its_name(self) -> None:
        save(" till ", constants={"shop": "till"}, dates="dmy")
        mapping = ColumnMapping.objects.get()
        assert (mapping.name, mapping.target, mapping.columns, mapping.constants, mapping.dates, mapping.changed_at) == (
            "till",
            "orders",
            COLUMNS,
            {"shop": "till"},
            "dmy",
            NOW,
        )

    def test_puts_a_new_one_over_an_old_one(self) -> None:
        save()
        save(columns={**COLUMNS, "渠道": "channel"})
        assert ColumnMapping.objects.get().columns["渠道"] == "channel"

    def test_names_everything_that_is_wrong(self) -> None:
        columns = {"单号": "external_id", "": "member", "a": "nonsense", "b": "external_id"}
        assert problems(columns=columns, constants={"status": "", "quantity": "1"}, dates="xyz") == [
            ("dates", "unknown_choice"),
            ("columns.", "invalid"),
            ("columns.a", "unknown_field"),
            ("columns.b", "repeated_column"),
            ("constants.status", "invalid"),
            ("constants.quantity", "invalid"),
            ("placed_at", "missing_column"),
            ("total", "missing_column"),
        ]

    def test_refuses_what_column_and_constant_both_say(self) -> None:
        assert problems(constants={"status": "paid"}) == [("constants.status", "repeated_column")]

    @pytest.mark.parametrize("name", ["", "  ", "x" * 61, "auto", "Taobao", "csv"])
    def test_refuses_names_that_are_none_or_taken_by_us(self, name: str) -> None:
        assert [path for path, _ in problems(name=name)] == ["name"]
        assert ColumnMapping.objects.count() == 0

    def test_reserves_every_format_that_is_built_in(self) -> None:
        assert {"auto", "csv", "jsonl", *(each.code for each in CONNECTORS)} == RESERVED

    def test_lets_members_have_attributes_and_orders_not(self) -> None:
        save(columns={"a": "external_id", "b": "attributes.shoe"}, target="members")
        assert ("columns.b", "unknown_field") in problems(columns={**COLUMNS, "b": "attributes.shoe"})

    def test_is_held_by_the_database_too(self) -> None:
        save()
        for wrong in ({"name": "till"}, {"name": ""}, {"target": "points"}, {"dates": "xyz"}):
            values = {"name": "other", "target": "orders", "dates": "ymd", "changed_at": NOW, **wrong}
            with pytest.raises(IntegrityError), transaction.atomic():
                ColumnMapping.objects.create(**values)


class TestRenameMapping:
    def test_gives_another_name(self) -> None:
        save()
        rename_mapping(name="till", new_name="kasse", now=NOW)
        assert ColumnMapping.objects.get().name == "kasse"

    def test_never_takes_another_s_name(self) -> None:
        save()
        save("kasse")
        with pytest.raises(DomainError) as caught:
            rename_mapping(name="till", new_name="kasse", now=NOW)
        assert caught.value.code == "name_taken"
        assert ColumnMapping.objects.count() == 2

    def test_needs_one_to_rename(self) -> None:
        with pytest.raises(NotFound):
            rename_mapping(name="none", new_name="kasse", now=NOW)


class TestDeleteMapping:
    def test_forgets_it_once(self) -> None:
        save()
        delete_mapping(name="till")
        with pytest.raises(NotFound):
            delete_mapping(name="till")


class TestFormat:
    def run(self, command: str, path: Path, name: str) -> str:
        try:
            call_command(command, str(path), "--format", name, stdout=StringIO(), stderr=StringIO(), no_color=True)
        except CommandError as error:
            return str(error)
        return ""

    def test_is_a_mapping_by_its_name(self, tmp_path: Path) -> None:
        save()
        path = tmp_path / "a.csv"
        path.write_bytes("单号,会员,日期,状态,金额,柜台\nA1,m1,2026/6/1,已完成,¥12.50,3\n".encode("gb18030"))
        assert self.run("import_orders", path, "till") == ""
        assert Order.objects.values_list("external_id", "status", "total_minor", "shop__slug").get() == (
            "A1",
            "completed",
            1250,
            "default",
        )

    def test_of_members_is_a_mapping_of_members(self, tmp_path: Path) -> None:
        save("cards", {"卡号": "external_id", "姓名": "name"}, target="members")
        path = tmp_path / "a.csv"
        path.write_text("卡号,姓名\n7,王五\n", encoding="utf-8")
        assert self.run("import_members", path, "cards") == ""
        assert Member.objects.get().name == "王五"
        assert "no mapping named cards" in self.run("import_orders", path, "cards")

    def test_that_nobody_saved_is_refused_with_those_that_are(self, tmp_path: Path) -> None:
        save()
        assert self.run("import_orders", tmp_path / "a.csv", "tull") == "There is no mapping named tull. Saved ones: till."

    def test_never_means_a_companion(self) -> None:
        with pytest.raises(NotFound):
            connector_named(name="taobao_lines", target="orders")
