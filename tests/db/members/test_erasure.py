from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import TestCase

from campaigns.models import Coupon, CouponState, Delivery, Enrolment, EnrolmentStatus
from campaigns.services.planning import plan_campaigns
from campaigns.services.running import run_campaigns
from core.errors import NotFound
from core.models import Job
from core.registry import checks, member_data
from core.services.audit import Actor, Seen, look_at, record_change
from members.ingest import ingest_events, ingest_members, ingest_orders
from members.models import (
    ERASED_PREFIX,
    BehaviourEvent,
    Erasure,
    Import,
    ImportJournal,
    Member,
    Order,
    PointsAccount,
    random_bucket,
)
from members.services.erasure import erase_member, export_member, preview_erasure, receipt_of, settle_erasures
from members.services.identity import merge_members
from members.services.import_files import Folder
from members.services.points.adjusting import adjust_points
from members.services.points.awarding import award_points
from retention.models import MemberFacts, Membership, Segment, Transition
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.campaign_factories import COUPON, SMS, make_running, make_template
from tests.db.members.imports.given import imported, undone, uploaded
from tests.factories import NOW
from tests.rest import caller

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
SECRETS = (
    "wang-0001", "wang-old-9", "Wang Xiaoming", "+8613800138000", "13800138000", "xiaoming@example.com", "wx-openid-77",
    "Hangzhou", "ring twice", "session-abc", "shop.example.com/private", "gift for mother", "birthday present",
    "a very long complaint", "sorry for the scratch", "kept-reference-5", "vip-whisper", "1990",
)  # fmt: skip
"""Everything personal that is told below, none of which may be found anywhere afterwards."""


def item(external_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "name": "Wang Xiaoming",
        "birth_date": "1990-05-06",
        "phone": "+8613800138000",
        "email": "xiaoming@example.com",
        "city": "Hangzhou",
        "tags": ["vip-whisper"],
        "attributes": {"wish": "birthday present"},
        "identifiers": [{"source": "wechat", "kind": "openid", "value": "wx-openid-77"}],
        "consents": {"sms": True, "email": True},
        **changes,
    }


def order(number: str, member: str, **changes: Any) -> dict[str, Any]:
    told = {"external_id": number, "member": member, "placed_at": "2026-06-01T10:00:00+08:00", "status": "completed"}
    lines = [{"product": "tea-1", "quantity": 2, "unit_price_minor": 5000}]
    more = {"total_minor": 10_000, "city": "Hangzhou", "remark": "ring twice", "lines": lines}
    return {**told, **more, **changes}


def event(number: str, member: str) -> dict[str, Any]:
    told = {"id": number, "member": member, "kind": "complaint", "at": "2026-06-02T10:00:00+08:00"}
    texts = {"session_id": "session-abc", "page": "shop.example.com/private", "topic": "gift for mother"}
    return {**told, **texts, "properties": {"said": "a very long complaint"}, "rating": 2}


def live(external_id: str = "wang-0001") -> Member:
    """This function will make a member of whom every app knows something."""
    ingest_members([item(external_id)], now=NOW, proof="form 3")
    ingest_orders([order("o-1", external_id)], now=NOW)
    ingest_events([event(f"{external_id}/e-1", external_id)], now=NOW)
    member = Member.objects.get(external_id=external_id)
    award_points(member_id=member.pk, points=100, reference="kept-reference-5", reason="sorry for the scratch", now=NOW)
    award_points(member_id=member.pk, points=50, reference="kept-reference-51", pending_days=9, now=NOW)
    make_template("back")
    create_segment(slug="everyone", name="Everyone", rule={"everyone": True}, now=NOW)
    refresh(as_of=NOW, full=True)
    make_running(steps=[COUPON, {**SMS, "body": "Dear {{ member.name }}, for you: {{ coupon.code }}"}])
    run_campaigns(now=NOW)
    waiting = make_running(steps=[SMS])
    plan_campaigns(now=NOW)
    assert Enrolment.objects.get(campaign=waiting, member_id=member.pk).status == EnrolmentStatus.WAITING
    Transition.objects.create(segment=Segment.objects.get(), member_id=member.pk, entered=True, at=NOW, run_id=1)
    return member


def found_anywhere() -> set[str]:
    """This function will look for each secret in every column of every table."""
    found = set()
    for model in apps.get_models():
        if not model._meta.managed:
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
            for row in cursor.fetchall():
                text = " ".join(str(value) for value in row)
                found |= {f"{secret} in {model.__name__}" for secret in SECRETS if secret in text}
    return found


def wrong() -> list[str]:
    return [sentence for check in checks for sentence in check.rows()]


class TestErasing:
    def test_leaves_no_text_of_the_person_in_any_table(self) -> None:
        member = live()
        member_api = caller("members:write", "points:write")
        address = "members/wang-0001/"
        assert member_api.patch(address, {"city": "Hangzhou"}, headers={"Idempotency-Key": "k1"}).status_code == 200
        Job.objects.create(kind="x", params={"file": "wang-0001.csv"}, state=Job.State.DONE, created_at=NOW)
        assert {each.partition(" in ")[0] for each in found_anywhere()} == set(SECRETS) - {"wang-old-9"}
        erase_member(member_id=member.pk, now=LATER, by="clerk")
        assert found_anywhere() == set()
        assert wrong() == []

    def test_keeps_what_adds_up_under_a_number_that_is_nobodys(self) -> None:
        member = live()
        adjust_points(member_id=member.pk, points=-30, reason="spent", token=Erasure().receipt, now=NOW, by="clerk")
        receipt = erase_member(member_id=member.pk, now=LATER)
        assert receipt.gone == {
            "profile": 1,
            "tags": 1,
            "identifiers": 1,
            "consents": 2,
            "facts": 1,
            "scores": 1,
            "segments": 1,
        }
        assert receipt.kept == {
            "orders": 1, "events": 2, "points_accounts": 1, "points_lots": 2, "points_entries": 3, "transitions": 1,
            "enrolments": 2, "messages": 1, "coupons": 1,
        }  # fmt: skip
        kept = Member.everybody.get()
        assert (kept.pk, kept.external_id.startswith(ERASED_PREFIX), kept.erased_at) == (member.pk, True, LATER)
        assert Order.objects.filter(member_id=member.pk).values_list("total_minor", "city", "remark").get() == (
            10_000,
            "",
            "",
        )
        events = BehaviourEvent.objects.order_by("kind").values_list("member_id", "kind", "rating")
        assert list(events) == [(member.pk, "complaint", 2), (member.pk, "message_sent", None)]
        assert PointsAccount.objects.values_list("available", "pending", "owed").get() == (0, 0, 0)
        assert Coupon.objects.get().state == CouponState.VOIDED
        ended = Enrolment.objects.order_by("pk").values_list("status", "reason")
        assert list(ended) == [(EnrolmentStatus.FIRED, ""), (EnrolmentStatus.SUPPRESSED, "member_gone")]
        assert not Membership.objects.exists()
        assert not MemberFacts.objects.exists()
        assert Transition.objects.filter(member_id=member.pk).exists()

    def test_is_what_the_preview_said(self) -> None:
        member = live()
        told = preview_erasure(member_id=member.pk)
        receipt = erase_member(member_id=member.pk, now=LATER)
        assert (receipt.gone, receipt.kept) == (told.gone, told.kept)

    def test_is_refused_for_whom_nobody_knows_and_changes_nothing(self) -> None:
        with pytest.raises(NotFound):
            erase_member(member_id=4711, now=NOW)
        assert not Erasure.objects.exists()

    def test_sends_nothing_that_was_still_to_be_sent(self) -> None:
        member = live()
        erase_member(member_id=member.pk, now=LATER)
        before = Delivery.objects.count()
        run_campaigns(now=LATER)
        assert Delivery.objects.count() == before
        assert wrong() == []

    def test_forgets_the_ids_that_were_merged_too(self) -> None:
        ingest_members([item("wang-old-9", identifiers=[], email=None)], now=NOW, proof="file")
        member = live()
        old = Member.objects.get(external_id="wang-old-9")
        merge_members(keep=member.pk, drop=old.pk, now=NOW, by="clerk")
        receipt = erase_member(member_id=member.pk, now=LATER)
        assert receipt.gone["merges"] == 1
        assert found_anywhere() == set()
        assert receipt_of("wang-old-9") == receipt_of("wang-0001") == receipt
        assert wrong() == []

    def test_takes_what_comes_late_under_the_number(self) -> None:
        member = live()
        erase_member(member_id=member.pk, now=LATER)
        award_points(member_id=member.pk, points=7, reference="kept-reference-52", reason="sorry for the scratch", now=LATER)
        settle_erasures(now=LATER)
        assert found_anywhere() == set()
        assert PointsAccount.objects.get().available == 0
        assert wrong() == []


class TestTheSameIdAgain:
    def test_starts_empty_in_the_same_groups(self) -> None:
        member = live()
        before = Enrolment.objects.order_by("pk").values_list("arm", flat=True)[0]
        erase_member(member_id=member.pk, now=LATER)
        ingest_orders([order("o-2", "wang-0001", city="", remark="")], now=LATER)
        again = Member.objects.get(external_id="wang-0001")
        assert again.pk != member.pk
        assert (again.name, again.phone, again.city, again.attributes, again.erased_at) == ("", "", "", {}, None)
        assert again.random_bucket == random_bucket("wang-0001")
        assert list(Order.objects.filter(member=again).values_list("external_id", flat=True)) == ["o-2"]
        refresh(as_of=LATER)
        make_running(now=LATER, steps=[COUPON], **{"control_share": 0})
        run_campaigns(now=LATER)
        assert Enrolment.objects.get(member_id=again.pk, status=EnrolmentStatus.FIRED).arm == before
        assert wrong() == []

    def test_may_be_erased_again_with_another_receipt(self) -> None:
        first = erase_member(member_id=live().pk, now=NOW)
        ingest_members([{"external_id": "wang-0001"}], now=LATER, proof="file")
        second = erase_member(member_id=Member.objects.get().pk, now=LATER)
        assert receipt_of("wang-0001") == second != first


class TestExport:
    def test_names_every_kind_that_is_kept(self) -> None:
        member = live()
        kept = export_member(member_id=member.pk)
        holds = {holding.code for handler in member_data for holding in handler.holds}
        assert holds <= kept.keys()
        text = json.dumps(kept, default=str, ensure_ascii=False)
        missing = {secret for secret in SECRETS if secret not in text} - {"wang-old-9", "13800138000"}
        assert missing == set()
        assert "Dear Wang Xiaoming" in text

    def test_is_a_zip_with_json_and_tables_or_json_alone(self) -> None:
        live()
        api = caller("privacy")
        document = api.get("members/wang-0001/export/?format=json").json()
        assert document["kinds"]["profile"][0]["phone"] == "+8613800138000"
        raw = api._client.get("/api/v1/members/wang-0001/export/", headers={"accept": "application/zip"})
        assert (raw.status_code, raw.headers["Content-Type"]) == (200, "application/zip")
        archive = zipfile.ZipFile(io.BytesIO(raw.content))
        assert {"member.json", "profile.csv", "orders.csv", "points_entries.csv", "messages.csv"} <= set(archive.namelist())
        assert json.loads(archive.read("member.json"))["kinds"] == document["kinds"]

    def test_is_refused_without_the_scope(self) -> None:
        live()
        every_other = caller("members:read", "members:write", "orders:read", "points:write", "reports:read")
        assert every_other.get("members/wang-0001/export/").status_code == 403
        assert every_other.delete("members/wang-0001/").status_code == 403
        assert Member.objects.filter(external_id="wang-0001").exists()


class TestRestErasure:
    def test_answers_the_receipt_and_the_same_again_until_the_id_is_back(self) -> None:
        live()
        api = caller("privacy", "members:read", "members:write")
        first = api.delete("members/wang-0001/")
        assert first.status_code == 200
        receipt = first.json()
        assert receipt["what"]["profile"] == 1
        assert ("orders", 1) in [(each["kind"], each["count"]) for each in receipt["kept"]]
        assert all(each["reason"] for each in receipt["kept"])
        assert api.get("members/wang-0001/").status_code == 404
        assert api.delete("members/wang-0001/").json() == receipt
        assert api.put("members/wang-0001/", {"name": "New"}).status_code == 201
        again = api.delete("members/wang-0001/").json()
        assert again["id"] != receipt["id"]
        assert again["what"] == {"profile": 1}
        assert api.delete("members/nobody/").status_code == 404

    def test_shows_the_orders_of_nobody(self) -> None:
        erase_member(member_id=live().pk, now=LATER)
        api = caller("orders:read", "members:read")
        assert [each["member"] for each in api.all("orders/")] == [None]
        assert api.all("members/") == []

    def test_answers_a_repeated_call_about_the_erased_with_gone(self) -> None:
        live()
        api = caller("members:write", "privacy")
        key = {"Idempotency-Key": "once"}
        assert api.put("members/wang-0001/", {"city": "Suzhou"}, headers=key).status_code == 200
        api.delete("members/wang-0001/")
        repeated = api.put("members/wang-0001/", {"city": "Suzhou"}, headers=key)
        assert (repeated.status_code, repeated.json()["code"]) == (410, "erased")
        assert not Member.objects.exists()


def test_staff_names_are_not_the_members() -> None:
    User.objects.create_user("Wang Xiaoming")
    assert found_anywhere() == {"Wang Xiaoming in User"}


class TestImports:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, settings: Any) -> None:
        settings.IMPORTS_DIR = tmp_path / "imports"

    def test_lose_files_refused_rows_and_journal_of_the_member_and_can_still_be_undone(self, tmp_path: Path) -> None:
        path = tmp_path / "Wang Xiaoming 13800138000.csv"
        ingest_members(
            [{"external_id": "wang-0001", "phone": "13800138000", "city": "Hangzhou", "tags": ["vip-whisper"]}],
            now=NOW,
            proof="file",
        )
        rows = "wang-0001,Wang Xiaoming,Suzhou,tea\nother-0002,Li,Suzhou,tea\nwang-0001,Wang Xiaoming,x,y,z,not a row\n"
        path.write_text(f"external_id,name,city,tags\n{rows}")
        source = imported(path, target="members")
        actor, seen = Actor("boss"), look_at(Import, source.pk)
        record_change(actor=actor, model=Import, pk=source.pk, before=Seen(None), after=seen, now=NOW)
        draft = uploaded(path, target="members")
        other = tmp_path / "others.csv"
        other.write_text("external_id,name\nother-0003,Zhao\n")
        untouched = uploaded(other, target="members")
        assert "Hangzhou" in "".join(ImportJournal.objects.values_list("entries", flat=True))
        member = Member.objects.get(external_id="wang-0001")
        with TestCase.captureOnCommitCallbacks(execute=True):
            receipt = erase_member(member_id=member.pk, now=LATER)
        receipt.refresh_from_db()
        assert receipt.imports == []
        assert not Folder(source.token).path.exists()
        assert not Folder(draft.token).path.exists()
        assert Folder(untouched.token).path.exists()
        assert not Import.objects.filter(pk=draft.pk).exists()
        assert found_anywhere() == set()
        assert str(Import.objects.get(pk=source.pk)) == "file-1.csv"
        assert str(Import.objects.get(pk=untouched.pk)) == "others.csv"
        assert Member.objects.get().external_id == "other-0002"
        undone(source, now=LATER)
        assert not Member.objects.exists()
        assert found_anywhere() == set()
        assert wrong() == []
