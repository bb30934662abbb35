from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.models import Job
from core.services.jobs import cancel_job
from members.ingest import ingest_orders, sources
from members.models import DirtyMark, Import, ImportState, Member, Order
from members.services.import_files import (
    Folder,
)
from members.services.imports import (
    ImportRefused,
    start_import,
    start_trial,
)
from tests.db.members.imports.given import everything, imported, orders_file, tmall, undone, uploaded, work
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def rejects(source: Import, place: int = 0) -> list[list[str]]:
    text = Folder(source.token).rejects(place).read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


class TestStartImport:
    def test_takes_a_file_in_and_says_what_became_of_it(self, file: Any, small_batches: None) -> None:
        source = imported(orders_file(file))
        assert (source.state, source.accepted, source.rejected, source.created, source.step) == ("imported", 5, 0, 5, 3)
        job = Job.objects.get()
        assert (job.kind, job.state, job.done, job.total, job.by) == ("members.import", "done", 5, 5, "ann")
        assert job.result["accepted"] == 5
        assert Order.objects.count() == 5

    def test_takes_both_reports_of_a_marketplace_and_keeps_refused_orders_of_both(self, file: Any, tmp_path: Path) -> None:
        source = imported(*tmall(file, tmp_path))
        assert (source.accepted, source.rejected) == (1, 2)
        assert source.reasons == {
            "订单状态: This order status is not known: 莫名其妙.": 1,
            "价格: Row 4 of ExportOrderDetailList.csv: This must be an amount such as 598.00 or ¥1,234.50.": 1,
        }
        header, *rows = rejects(source)
        assert header[-2:] == ["rekindle:row", "rekindle:why"]
        assert [row[0].strip("'=\"") for row in rows] == ["A2", "A3"]
        assert [row[0] for row in rejects(source, 1)[1:]] == ["A2", "A3"]
        assert source.rejects["0"][1] == 2

    def test_takes_corrected_rejects_back_and_then_knows_every_order(self, file: Any, tmp_path: Path) -> None:
        source = imported(*tmall(file, tmp_path))
        again = []
        for place, name in enumerate(source.files):
            text = Folder(source.token).rejects(place).read_text(encoding="utf-8-sig")
            text = text.replace("莫名其妙", "交易成功").replace("abc", "295.00")
            again.append(file(text, name))
        corrected = imported(*again)
        assert (corrected.accepted, corrected.rejected) == (2, 0)
        assert sorted(Order.objects.values_list("external_id", "lines__quantity")) == [("A1", 2), ("A2", 2), ("A3", 2)]

    def test_keeps_lines_of_json_that_were_refused_so_that_they_can_be_given_again(self, file: Any) -> None:
        path = file('{"external_id": "m1"}\n{"external_id": "m2", "phone": "12"}\nnot json\n', "members.jsonl")
        source = imported(path)
        assert (source.target, source.accepted, source.rejected) == ("members", 1, 2)
        lines = Folder(source.token).rejects(0).read_text().splitlines()
        assert [json.loads(each)["rekindle:row"] for each in lines] == [2, 3]
        corrected = imported(file(lines[0].replace('"12"', '"13800138000"'), "again.jsonl"))
        assert (corrected.accepted, corrected.rejected) == (1, 0)
        assert Member.objects.get(external_id="m2").phone == "+8613800138000"

    def test_takes_events(self, file: Any) -> None:
        source = imported(file("id,member,kind,at\ne1,m1,view,2026-05-01T10:00:00\ne2,m1,jump,2026-05-01\n"))
        assert (source.target, source.accepted, source.rejected) == ("events", 1, 1)

    def test_reads_columns_mapped_by_hand(self, file: Any) -> None:
        reading = {
            "columns": {"Order": "external_id", "Card": "member", "Day": "placed_at", "Sum": "total"},
            "constants": {"status": "completed"},
            "dates": "dmy",
            "shop": "till",
        }
        source = imported(file("Order,Card,Day,Sum\n1,c1,23/05/2026,12.50\n"), target="orders", reading=reading)
        assert (source.accepted, source.rejected, source.reasons) == (1, 0, {})
        assert Order.objects.values_list("shop__slug", "total_minor", "status").get() == ("till", 1250, "completed")

    def test_is_begun_once(self, file: Any) -> None:
        source = uploaded(orders_file(file))
        start_import(import_id=source.pk, now=NOW)
        with pytest.raises(ImportRefused) as refused:
            start_import(import_id=source.pk, now=NOW)
        assert refused.value.code == "busy"
        assert Job.objects.count() == 1

    def test_says_when_every_row_is_refused(self, file: Any) -> None:
        source = imported(orders_file(file, status="lost"))
        assert (source.state, source.accepted, source.rejected) == ("imported", 0, 5)
        assert not Member.objects.exists()

    def test_fails_with_a_sentence_when_a_file_is_gone(self, file: Any) -> None:
        source = uploaded(orders_file(file))
        start_import(import_id=source.pk, now=NOW)
        Folder(source.token).remove()
        work()
        assert Job.objects.get().error == "The file “orders.csv” is no longer on the server. Upload it again."
        source.refresh_from_db()
        assert (source.state, source.step) == (ImportState.IMPORTING, 0)

    def test_goes_on_where_it_was_stopped_and_counts_nothing_twice(
        self, file: Any, small_batches: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = uploaded(orders_file(file))
        job = start_import(import_id=source.pk, now=NOW).job
        real = sources.ingest_orders

        def stopping(items: Any, **options: Any) -> Any:
            result = real(items, **options)
            cancel_job(job_id=job.pk, now=NOW)
            return result

        monkeypatch.setattr(sources, "ingest_orders", stopping)
        work()
        source.refresh_from_db()
        job.refresh_from_db()
        assert (job.state, source.state, source.step, source.accepted) == ("cancelled", "importing", 1, 2)
        assert Order.objects.count() == 2
        monkeypatch.setattr(sources, "ingest_orders", real)
        start_import(import_id=source.pk, now=NOW)
        work()
        source.refresh_from_db()
        assert (source.state, source.accepted, source.created, source.step) == ("imported", 5, 5, 3)

    @pytest.mark.parametrize("dies_in", [1, 2, 3, 4])
    def test_goes_on_after_a_death_in_any_batch(
        self, file: Any, tmp_path: Path, small_batches: None, monkeypatch: pytest.MonkeyPatch, dies_in: int
    ) -> None:
        """The batch is in but for its commit: whatever it wrote, files too, counts as not written."""
        files = tmall(file, tmp_path)
        whole = imported(*files)
        expected, counts = everything(), (whole.accepted, whole.rejected, whole.created)
        refused = [Folder(whole.token).rejects(place).read_bytes() for place in (0, 1)]
        undone(whole)
        from members.ingest import background

        real, batch = background.write_journal, iter(range(1, 100))

        def dying(**given: Any) -> None:
            real(**given)
            if next(batch) == dies_in:
                raise SystemExit

        monkeypatch.setattr(background, "write_journal", dying)
        source = uploaded(*files)
        start_import(import_id=source.pk, now=NOW)
        try:
            work()
        except SystemExit:
            Job.objects.filter(state="running").update(claimable_at=NOW)
        work(NOW + timedelta(minutes=10))
        source.refresh_from_db()
        assert (source.state, source.accepted, source.rejected, source.created) == ("imported", *counts)
        assert [Folder(source.token).rejects(place).read_bytes() for place in (0, 1)] == refused
        assert everything() == expected


class TestStartTrial:
    def test_counts_and_keeps_nothing(self, file: Any, tmp_path: Path, small_batches: None) -> None:
        known = {"external_id": "A1", "member": "x", "placed_at": "2026-01-01", "status": "paid", "total_minor": 1}
        ingest_orders([known], now=NOW, shop="某某旗舰店")
        DirtyMark.objects.all().delete()
        before = everything()
        source = uploaded(*tmall(file, tmp_path))
        start_trial(import_id=source.pk, now=NOW)
        assert work() == {"done": 1}
        source.refresh_from_db()
        assert source.state == ImportState.DRAFT
        assert {name: source.trial[name] for name in ("accepted", "rejected", "rows")} == {
            "accepted": 1, "rejected": 2, "rows": 3,
        }  # fmt: skip
        assert everything() == before
        assert not DirtyMark.objects.exists()
        assert not Folder(source.token).rejects(0).exists()
