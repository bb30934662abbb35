"""Consent per channel and purpose: written with its history, and never brought back by a file that repeats it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from members.ingest import ingest_members
from members.models import Consent, ConsentRecord, ConsentRequest, ConsentSource, Member, Purpose
from members.services.consent_standing import consent_reach
from members.services.consents import Origin, Outcome, Stated, StillSuppressed, state_consent, suppress
from members.services.erasure import erase_member, export_member
from members.services.identity import merge_members, undo_merge
from members.services.opt_in import confirm_consent, lapse_requests, request_consent
from members.services.preferences import refuse_by_reply
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
LINK = Origin(ConsentSource.UNSUBSCRIBE, "the link in a message")


def ingest(*items: dict[str, Any], now: datetime = NOW) -> Any:
    return ingest_members(items, now=now, proof="stated by Shop")


def words() -> list[tuple[str, str, bool]]:
    return list(Consent.objects.order_by("channel", "purpose").values_list("channel", "purpose", "granted"))


def stop(member: Member, channel: str = "sms", now: datetime = NOW) -> int:
    return suppress(member_ids=[member.pk], channel=channel, purposes=["marketing"], origin=LINK, now=now)


class TestAnItem:
    def test_speaks_of_marketing_unless_it_names_a_purpose(self) -> None:
        ingest({"external_id": "a", "consents": {"sms": True, "email": {"marketing": True, "service": False}}})
        assert words() == [("email", "marketing", True), ("email", "service", False), ("sms", "marketing", True)]
        assert set(ConsentRecord.objects.values_list("source", "said")) == {("file", "granted"), ("file", "refused")}

    def test_keeps_the_proof_that_it_states(self) -> None:
        word = {"granted": True, "at": "2026-06-01T10:00:00+08:00", "proof": "form", "text_version": "v2"}
        ingest({"external_id": "a", "consents": {"sms": {"marketing": word}}})
        record = ConsentRecord.objects.get()
        assert (record.proof, record.text_version, record.stated_by) == ("form", "v2", "stated by Shop")
        assert Consent.objects.get().said_at == record.said_at == datetime.fromisoformat("2026-06-01T10:00:00+08:00")

    def test_that_repeats_a_consent_does_not_bring_it_back(self) -> None:
        ingest({"external_id": "a", "consents": {"sms": True}})
        stop(Member.objects.get())
        again = {"external_id": "a", "name": "Anna", "consents": {"sms": True}}
        for item in (again, {**again, "consent_at": "2026-06-01", "consent_proof": "form"}):
            result = ingest(item, now=LATER)
            assert (result.accepted, [each.as_json()["errors"][0]["code"] for each in result.warnings]) == (
                1,
                ["suppressed"],
            )
        assert words() == [("sms", "marketing", False)]
        assert (Member.objects.get().name, ConsentRecord.objects.count()) == ("Anna", 2)

    def test_with_a_later_date_and_a_proof_is_a_new_consent(self) -> None:
        member = make_member("a")
        stop(member)
        said_at = (NOW + timedelta(minutes=1)).isoformat()
        result = ingest(
            {"external_id": "a", "consents": {"sms": True}, "consent_at": said_at, "consent_proof": "form"}, now=LATER
        )
        assert (result.warnings, words()) == ((), [("sms", "marketing", True)])

    def test_cannot_say_what_is_said_tomorrow(self) -> None:
        said_at = (NOW + timedelta(hours=2)).isoformat()
        result = ingest({"external_id": "a", "consents": {"sms": True}, "consent_at": said_at, "consent_proof": "form"})
        assert [each.path for each in result.rejected[0].errors] == ["consent_at"]
        assert not Consent.objects.exists()


class TestTheDatabase:
    def test_refuses_a_consent_that_was_not_said_after_the_member_unsubscribed(self) -> None:
        member = make_member()
        stop(member)
        for said_at in (None, NOW - timedelta(days=1), NOW):
            with pytest.raises(IntegrityError, match="consent_said_after_suppression"), transaction.atomic():
                Consent.objects.update(granted=True, said_at=said_at)
        assert words() == [("sms", "marketing", False)]


class TestStating:
    def test_a_refusal_is_for_good_and_twice_the_same(self) -> None:
        member = make_member()
        stated = Stated("email", "service", False)
        said = [state_consent(member_id=member.pk, stated=stated, origin=LINK, now=NOW) for _again in range(2)]
        assert said == [Outcome.TAKEN, Outcome.UNCHANGED]
        with pytest.raises(StillSuppressed):
            state_consent(member_id=member.pk, stated=Stated("email", "service", True), origin=LINK, now=LATER)
        assert (words(), ConsentRecord.objects.count()) == ([("email", "service", False)], 1)

    def test_an_answer_to_a_message_refuses_advertising_of_all_who_have_the_phone(self) -> None:
        ingest(*({"external_id": name, "phone": "13800138000", "consents": {"sms": True}} for name in "ab"))
        ingest({"external_id": "c", "phone": "13800138001", "consents": {"sms": True}})
        assert refuse_by_reply(phone="+8613800138000", said_at=None, now=LATER) == 2
        said = Consent.objects.order_by("member__external_id").values_list("member__external_id", "granted")
        assert list(said) == [("a", False), ("b", False), ("c", True)]


class TestMerging:
    def test_keeps_what_either_refused_for_good_and_gives_it_back(self) -> None:
        keep, drop = make_member("k"), make_member("d")
        stop(drop)
        ingest({"external_id": "k", "consents": {"sms": True}}, now=LATER)
        record = merge_members(keep=keep.pk, drop=drop.pk, now=LATER)
        assert list(Consent.objects.values_list("member_id", "granted")) == [(keep.pk, False)]
        assert ConsentRecord.objects.filter(member=keep).count() == 2
        undo_merge(merge_id=record.pk, now=LATER)
        said = Consent.objects.order_by("member__external_id").values_list("member__external_id", "granted")
        assert list(said) == [("d", False), ("k", True)]


class TestDoubleOptIn:
    def ask(self, member: Member) -> int:
        asked = request_consent(
            member_id=member.pk, channel="email", purpose="marketing", text_version="v1", stated_by="Shop", now=NOW
        )
        return asked.pk

    def test_counts_once_confirmed_and_only_then(self) -> None:
        member = make_member(email="a@example.com")
        asked = self.ask(member)
        assert not Consent.objects.exists()
        assert [confirm_consent(request_id=asked, now=LATER) for _again in range(2)] == [True, False]
        record = ConsentRecord.objects.get()
        assert (words(), record.source, record.text_version) == ([("email", "marketing", True)], "opt_in", "v1")

    def test_confirmed_again_does_not_bring_back_what_was_refused_since(self) -> None:
        member = make_member(email="a@example.com")
        asked = self.ask(member)
        confirm_consent(request_id=asked, now=NOW)
        stop(member, "email", now=LATER)
        assert confirm_consent(request_id=asked, now=LATER + timedelta(hours=1)) is False
        assert words() == [("email", "marketing", False)]

    def test_lifts_what_was_refused_before(self) -> None:
        member = make_member(email="a@example.com")
        stop(member, "email")
        confirm_consent(request_id=self.ask(member), now=LATER)
        assert words() == [("email", "marketing", True)]

    def test_expires(self) -> None:
        self.ask(make_member(email="a@example.com"))
        assert lapse_requests(now=NOW + timedelta(days=8)) == {"expired": 1}
        assert lapse_requests(now=NOW + timedelta(days=8)) == {"expired": 0}


class TestReach:
    def test_counts_who_agreed_and_has_an_address(self) -> None:
        ingest(
            {"external_id": "a", "phone": "13800138000", "consents": {"sms": {"marketing": True, "service": True}}},
            {"external_id": "b", "consents": {"sms": True}},
            {"external_id": "c", "phone": "13800138001", "consents": {"sms": False}},
            {"external_id": "d", "phone": "13800138002"},
        )
        stop(Member.objects.get(external_id="d"))
        told = {(line.channel, line.purpose): line for line in consent_reach()}
        line = told["sms", Purpose.MARKETING.value]
        assert (line.members, line.with_address, line.granted, line.reachable) == (4, 3, 2, 1)
        assert (line.suppressed, line.refused, line.pending, line.silent) == (1, 1, 0, 0)
        assert told["sms", "service"].reachable == 1


class TestForgetting:
    def test_takes_every_word_and_whom_the_member_brought(self) -> None:
        ingest(
            {
                "external_id": "a",
                "email": "a@example.com",
                "occupation": "nurse",
                "referrer": "z",
                "consents": {"sms": True},
            },
            {"external_id": "b", "referrer": "a"},
        )
        member = Member.objects.get(external_id="a")
        request_consent(
            member_id=member.pk, channel="email", purpose="marketing", text_version="", stated_by="Shop", now=NOW
        )
        kept = export_member(member_id=member.pk)
        assert [len(kept[kind]) for kind in ("consents", "consent_history", "consent_requests")] == [1, 1, 1]
        erase_member(member_id=member.pk, now=LATER)
        assert [model.objects.count() for model in (Consent, ConsentRecord, ConsentRequest)] == [0, 0, 0]
        assert set(Member.everybody.values_list("referrer", "occupation")) == {("", "")}
        assert stop(member) == 0
