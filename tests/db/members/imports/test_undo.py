from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.services.running import run_campaigns
from core.models import Job
from core.services.jobs import cancel_job, run_jobs
from members.ingest import ingest_events, ingest_members, ingest_orders
from members.models import DirtyMark, ImportJournal, ImportState, Member, Order
from members.services.identity import merge_members
from members.services.imports import (
    ImportRefused,
    start_import,
    start_undo,
)
from retention.models import Membership, Segment, StaticMember
from retention.services.checks import facts_are_exact, segments_are_exact
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.campaign_factories import COUPON, know_everybody, make_running, make_template
from tests.db.members.imports.given import ORDERS, everything, imported, orders_file, tmall, undone, uploaded, work
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db


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
