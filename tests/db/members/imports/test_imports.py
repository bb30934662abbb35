from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from campaigns.services.running import run_campaigns
from core.models import Job
from core.services.jobs import cancel_job, run_jobs
from members.ingest import importing, ingest_events, ingest_members, ingest_orders, sources
from members.models import DirtyMark, Import, ImportJournal, ImportState, Member, Order
from members.services.identity import merge_members
from members.services.import_files import (
    FilesGone,
    Folder,
    NoRoom,
    Receiver,
    Upload,
    UploadRefused,
    plain_name,
    receive,
)
from members.services.imports import (
    ImportRefused,
    clean_imports,
    discard_import,
    leave_out,
    start_import,
    start_trial,
    start_undo,
)
from retention.models import Membership, Segment, StaticMember
from retention.services.checks import facts_are_exact, segments_are_exact
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.campaign_factories import COUPON, know_everybody, make_running, make_template
from tests.db.members.imports.given import everything, imported, undone, uploaded, work
from tests.factories import NOW, make_member
from tests.unit.members.connectors.samples import line, line_report, order, order_report

pytestmark = pytest.mark.django_db

MEMBERS = "external_id,name,phone,email,tags,consent_sms\n"
ORDERS = "external_id,member,placed_at,status,total_minor,product,quantity,unit_price_minor,category\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Any) -> None:
    settings.IMPORTS_DIR = tmp_path / "imports"


@pytest.fixture
def file(tmp_path: Path):
    def write(content: str | bytes, name: str = "rows.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BATCH", 2)
    monkeypatch.setattr(importing, "BATCH", 2)


def orders_file(file: Any, count: int = 5, name: str = "orders.csv", status: str = "paid") -> Path:
    rows = "".join(f"o{n},m{n % 3},2026-05-0{n % 9 + 1},{status},{1000 + n},tea,1,{1000 + n},drinks\n" for n in range(count))
    return file(ORDERS + rows, name)


def tmall(file: Any, tmp_path: Path) -> tuple[Path, Path]:
    orders = [
        order(订单编号="A1", 买家会员名="ann", 联系手机="13800138000", 收货人姓名="王五"),
        order(订单编号="A2", 买家会员名="bob", 订单状态="莫名其妙"),
        order(订单编号="A3", 买家会员名="ann"),
    ]
    lines = [line(订单编号="A1"), line(订单编号="A2"), line(订单编号="A3", 价格="abc")]
    return order_report(tmp_path, *orders), line_report(tmp_path, *lines)


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


class TestStartUndo:
    def test_removes_what_the_import_made(self, file: Any, tmp_path: Path, small_batches: None) -> None:
        before = everything()
        source = undone(imported(*tmall(file, tmp_path)))
        assert source.state == ImportState.UNDONE
        assert everything() == before
        assert source.undone["removed"]["orders"] == 1

    def test_gives_former_values_back(self, file: Any, small_batches: None) -> None:
        ingest_members(
            [
                {
                    "external_id": "m1",
                    "name": "Ann",
                    "phone": "13800138000",
                    "tags": ["old", "both"],
                    "attributes": {"shoe": 38, "vip": True},
                    "birth_date": "1990-02-28",
                    "registered_at": "2020-01-01",
                    "identifiers": [{"source": "wx", "kind": "openid", "value": "1"}],
                    "consents": {"sms": True},
                }
            ],
            now=NOW - timedelta(days=9),
            proof="form",
        )
        before = everything()
        item = {
            "external_id": "m1",
            "name": "Anna",
            "email": "a@b.cn",
            "tags": ["both", "new"],
            "attributes": {"shoe": 39, "vip": 1, "city": "x"},
            "birth_date": "--03-01",
            "registered_at": "2021-01-01",
            "identifiers": [{"source": "wx", "kind": "openid", "value": "2"}],
            "consents": {"sms": False, "email": True},
        }
        source = imported(file(json.dumps(item) + "\n", "members.jsonl"))
        assert everything() != before
        DirtyMark.objects.all().delete()
        undone(source)
        assert everything() == before
        assert DirtyMark.objects.count() >= 1

    def test_gives_orders_their_former_values_lines_and_refunds_back(self, file: Any) -> None:
        base = {"external_id": "o1", "member": "m1", "placed_at": "2026-05-01T10:00:00", "total_minor": 900}
        first = {
            **base,
            "status": "paid",
            "lines": [{"product": "tea", "quantity": 1, "unit_price_minor": 900}],
            "refunds": [{"amount_minor": 100, "reason": "price", "at": "2026-05-02"}],
        }
        ingest_orders([first], now=NOW)
        before = everything()
        second = {
            **base,
            "member": "m2",
            "status": "completed",
            "total_minor": 700,
            "lines": [{"product": "cup", "category": "things", "quantity": 2, "unit_price_minor": 350}],
            "refunds": [],
        }
        source = imported(file(json.dumps(second) + "\n", "orders.jsonl"))
        assert Order.objects.get().total_minor == 700
        undone(source)
        assert everything() == before

    def test_counts_whom_only_the_category_concerned_that_was_taken_back(self, file: Any) -> None:
        ingest_events([{"id": "e", "member": "m1", "kind": "view", "at": "2026-06-10T10:00:00", "product": "tea"}], now=NOW)
        viewed = {"did": "view", "operator": ">=", "times": 1, "where": {"category": "Teas"}}
        segment = create_segment(slug="tea", name="Tea", rule=viewed, now=NOW)
        row = "o1,m2,2026-06-01,paid,900,tea,1,900,Teas\n"
        source = imported(file(ORDERS + row, "orders.csv"))
        refresh(as_of=NOW)
        assert Membership.objects.filter(segment=segment).count() == 1
        undone(source)
        refresh(as_of=NOW)
        assert Membership.objects.filter(segment=segment).count() == 0

    def test_keeps_what_somebody_changed_since_and_says_how_much(self, file: Any) -> None:
        source = imported(orders_file(file, count=3))
        later = {"external_id": "o1", "member": "m1", "placed_at": "2026-05-02", "total_minor": 1001}
        ingest_orders([{**later, "status": "completed"}], now=NOW)
        ingest_members([{"external_id": "m2", "name": "Known by now"}], now=NOW, proof="form")
        source = undone(source)
        assert list(Order.objects.values_list("external_id", flat=True)) == ["o1"]
        assert sorted(Member.objects.values_list("external_id", flat=True)) == ["m1", "m2"]
        assert {name: {k: v for k, v in each.items() if v} for name, each in source.undone.items()} == {
            "removed": {"orders": 2, "members": 1},
            "restored": {},
            "kept": {"changed_orders": 1, "changed_members": 1, "held_members": 1},
        }

    def test_keeps_an_order_that_was_given_to_somebody_else_since(self, file: Any) -> None:
        source = imported(orders_file(file, count=2))
        known = Order.objects.values().get(external_id="o0")
        moved = {"external_id": "o0", "member": "other", "placed_at": known["placed_at"].isoformat(), "status": "paid"}
        ingest_orders([{**moved, "total_minor": known["total_minor"]}], now=NOW)
        assert undone(source).undone["kept"]["changed_orders"] == 1
        assert Order.objects.get().member.external_id == "other"

    def test_takes_orders_back_from_whom_their_member_was_merged_into(self, file: Any) -> None:
        source = imported(orders_file(file))
        keep = make_member("keep")
        merge_members(keep=keep.pk, drop=Member.objects.get(external_id="m0").pk, now=NOW)
        assert undone(source).undone["kept"] == {}
        assert (Order.objects.count(), Member.objects.get().external_id) == (0, "keep")

    def test_is_refused_once_a_campaign_fired_at_whom_a_member_was_merged_into(self, file: Any) -> None:
        source = imported(orders_file(file))
        keep = make_member("keep")
        merge_members(keep=keep.pk, drop=Member.objects.get(external_id="m0").pk, now=NOW)
        make_template("back")
        know_everybody()
        audience = {"field": "external_id", "operator": "=", "value": "keep"}
        make_running(steps=[COUPON], audience=audience)
        run_campaigns(now=NOW)
        with pytest.raises(ImportRefused) as refused:
            start_undo(import_id=source.pk, now=NOW)
        assert refused.value.code == "fired"

    def test_leaves_the_second_import_of_a_file_nothing_to_undo(self, file: Any) -> None:
        path = orders_file(file)
        imported(path)
        once = everything()
        second = imported(path)
        assert (second.accepted, second.created, second.changed) == (5, 0, 0)
        undone(second)
        assert everything() == once

    def test_undone_and_imported_again_is_as_imported_once(self, file: Any, tmp_path: Path) -> None:
        files = tmall(file, tmp_path)
        first = imported(*files)
        once = everything()
        undone(first)
        imported(*files)
        assert everything() == once

    def test_is_done_in_any_order_of_two_imports(self, file: Any) -> None:
        first = imported(orders_file(file, count=3))
        after_first = everything()
        second = imported(orders_file(file, count=5, status="completed", name="later.csv"))
        undone(second)
        assert everything() == after_first
        undone(first)
        assert not Member.objects.exists()

    def test_takes_names_back_that_a_later_undo_gave_back(self, file: Any) -> None:
        before = everything()
        names = [["a"], ["b"], ["a"]]
        sources = []
        for number, values in enumerate(names):
            told = {"external_id": "m1", "identifiers": [{"source": "x", "kind": "id", "value": value} for value in values]}
            sources.append(imported(file(json.dumps(told), f"{number}.jsonl"), target="members"))
        for source in reversed(sources):
            undone(source)
        assert everything() == before

    def test_is_refused_while_something_else_is_done(self, file: Any) -> None:
        source = uploaded(orders_file(file))
        with pytest.raises(ImportRefused) as refused:
            start_undo(import_id=source.pk, now=NOW)
        assert refused.value.code == "other_state"
        start_import(import_id=source.pk, now=NOW)
        with pytest.raises(ImportRefused) as refused:
            start_undo(import_id=source.pk, now=NOW)
        assert refused.value.code == "busy"

    def test_goes_on_after_a_death(self, file: Any, small_batches: None, monkeypatch: pytest.MonkeyPatch) -> None:
        from members.services import undoing

        source = imported(orders_file(file))
        real, batch = undoing.undo_batch, iter(range(1, 100))

        def dying(journal: Any, **given: Any) -> Any:
            found = real(journal, **given)
            if next(batch) == 2:
                raise SystemExit
            return found

        monkeypatch.setattr(undoing, "undo_batch", dying)
        start_undo(import_id=source.pk, now=NOW)
        with pytest.raises(SystemExit):
            work()
        assert Order.objects.count() == 4
        Job.objects.filter(state="running").update(claimable_at=NOW)
        work(NOW + timedelta(minutes=10))
        source.refresh_from_db()
        assert (source.state, source.undone["removed"]["orders"]) == (ImportState.UNDONE, 5)
        assert not Member.objects.exists()

    def test_undoes_what_is_in_of_a_stopped_import(self, file: Any, small_batches: None) -> None:
        source = uploaded(orders_file(file))
        job = start_import(import_id=source.pk, now=NOW).job
        run_jobs(now=NOW, stopped=iter([False, False, True, True, True, True]).__next__)
        cancel_job(job_id=job.pk, now=NOW)
        assert 0 < Order.objects.count() < 5
        undone(source)
        assert not Member.objects.exists()


class TestFiles:
    def test_have_names_that_are_nothing_but_names(self) -> None:
        assert plain_name("../../etc/pass\x00wd") == "passwd"
        assert plain_name("C:\\Users\\ann\\订单 1.csv") == "订单 1.csv"
        assert plain_name("..hidden") == "hidden"
        assert len(plain_name("单" * 200 + ".xlsx").encode()) <= 100

    def test_are_refused_past_the_limit_and_leave_nothing(self) -> None:
        with pytest.raises(UploadRefused) as refused:
            receive([Upload("a.csv", [b"x" * 600, b"x" * 600])], most_bytes=1000)
        assert refused.value.code == "too_large"
        assert "1000 B" in str(refused.value)
        assert not any(settings.IMPORTS_DIR.iterdir())

    @pytest.mark.parametrize(("parts", "code"), [([], "no_file"), ([Upload("a.csv", [])], "empty_file")])
    def test_are_refused_when_there_is_nothing(self, parts: list[Upload], code: str) -> None:
        with pytest.raises(UploadRefused) as refused:
            receive(parts)
        assert refused.value.code == code
        assert not any(settings.IMPORTS_DIR.iterdir())

    def test_say_that_the_disk_is_full(self) -> None:
        receiver = Receiver()
        receiver.begin("a.csv")
        receiver.finish()
        with open("/dev/full", "wb", buffering=0) as full:
            receiver._file = full
            with pytest.raises(NoRoom):
                receiver.take(b"x")
            receiver.discard()
        assert not receiver.folder.path.exists()

    def test_lie_under_names_that_nobody_guesses_and_for_our_eyes_alone(self, file: Any) -> None:
        source = uploaded(orders_file(file))
        folder = Folder(source.token).path
        assert len(folder.name) == 32
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "0" / "orders.csv").stat().st_mode & 0o777 == 0o600

    def test_can_be_left_out(self, file: Any) -> None:
        source = uploaded(*(orders_file(file, name=f"{name}.csv") for name in "abc"))
        leave_out(import_id=source.pk, name="a.csv")
        source.refresh_from_db()
        assert [path.name for path in Folder(source.token).files(source.files)] == ["b.csv", "c.csv"]

    def test_stay_where_they_are_while_somebody_tries_them(self, file: Any) -> None:
        source = uploaded(*(orders_file(file, name=f"{name}.csv") for name in "ab"))
        start_trial(import_id=source.pk, now=NOW)
        with pytest.raises(ImportRefused) as refused:
            leave_out(import_id=source.pk, name="a.csv")
        assert refused.value.code == "busy"
        assert [path.name for path in Folder(source.token).files(source.files)] == ["a.csv", "b.csv"]

    def test_go_with_a_draft_that_is_thrown_away(self, file: Any) -> None:
        source = uploaded(orders_file(file))
        discard_import(import_id=source.pk)
        assert not Import.objects.exists()
        with pytest.raises(FilesGone):
            Folder(source.token).files(source.files)


class TestCleanImports:
    def test_throws_away_what_is_old_enough(self, file: Any) -> None:
        draft = uploaded(orders_file(file))
        source = imported(orders_file(file))
        assert clean_imports(now=NOW + timedelta(days=2)) == {}
        assert clean_imports(now=NOW + timedelta(days=4)) == {"cleaned": 1, "strays": 0}
        assert not Import.objects.filter(pk=draft.pk).exists()
        assert clean_imports(now=NOW + timedelta(days=31)) == {"cleaned": 1, "strays": 0}
        source.refresh_from_db()
        assert source.cleaned_at is not None
        assert not ImportJournal.objects.exists()
        assert not Folder(source.token).path.exists()
        with pytest.raises(ImportRefused) as refused:
            start_undo(import_id=source.pk, now=NOW)
        assert refused.value.code == "too_old"


class TestAmongOthers:
    def test_a_worker_thought_dead_that_is_not_spoils_nothing(
        self, file: Any, small_batches: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before its third batch the first worker is slow; a second one takes the job over and ends it."""
        from members.ingest import background

        source = uploaded(orders_file(file))
        start_import(import_id=source.pk, now=NOW)
        real, calls = background._Progress.tell, iter(range(1, 100))

        def slow(progress: Any, state: Any = None) -> None:
            if next(calls) == 3:
                Job.objects.filter(state="running").update(claimable_at=NOW)
                assert run_jobs(now=NOW + timedelta(minutes=10)) == {"done": 1}
            real(progress, state)

        monkeypatch.setattr(background._Progress, "tell", slow)
        assert work() == {"taken": 1}
        source.refresh_from_db()
        assert (source.state, source.accepted, source.created, source.step) == ("imported", 5, 5, 3)
        assert Job.objects.get().state == "done"
        assert ImportJournal.objects.count() == 3

    def test_facts_and_segments_are_exact_after_an_undo(self, file: Any) -> None:
        create_segment(slug="buyers", name="Buyers", rule={"field": "order_count", "operator": ">=", "value": 1}, now=NOW)
        ingest_orders(
            [{"external_id": "x", "member": "m1", "placed_at": "2026-05-01", "status": "paid", "total_minor": 5}], now=NOW
        )
        refresh(as_of=NOW)
        source = imported(orders_file(file))
        refresh(as_of=NOW + timedelta(minutes=1))
        assert Membership.objects.count() == 3
        undone(source, now=NOW + timedelta(minutes=2))
        refresh(as_of=NOW + timedelta(minutes=3))
        assert [*facts_are_exact(), *segments_are_exact()] == []
        assert (Member.objects.get().external_id, Membership.objects.count()) == ("m1", 1)
        assert Segment.objects.get().member_count == 1

    def test_who_stands_on_a_fixed_list_stays(self, file: Any) -> None:
        source = imported(orders_file(file))
        segment = create_segment(slug="list", name="List", rule={"everyone": True}, now=NOW)
        StaticMember.objects.create(segment=segment, member_id=Member.objects.get(external_id="m1").pk)
        assert undone(source).undone["kept"]["held_members"] == 1
        assert Member.objects.get().external_id == "m1"
