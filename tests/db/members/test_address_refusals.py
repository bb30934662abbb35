"""An address that refused, whoever has it: under a new id, after an erasure, shared by two."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from campaigns.selectors.batches import people
from members.ingest import ingest_members
from members.models import AddressRefusal, Consent, ConsentRecord, ConsentSource, Member
from members.services.address_refusals import Addressed, note_refusals
from members.services.consents import Origin, Stated, StillSuppressed, state_consent, suppress
from members.services.erasure import erase_member
from members.services.opt_in import confirm_consent, request_consent
from members.services.preferences import refuse_by_reply
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

PHONE = "+8613800138000"
LATER = NOW + timedelta(hours=1)
LINK = Origin(ConsentSource.UNSUBSCRIBE, "the link in a message")
FORM = Origin(ConsentSource.FILE, "form 3")


def ingest(external_id: str, now: Any = LATER, **fields: Any) -> list[str]:
    """This function will take a member in and return the codes of its warnings."""
    result = ingest_members([{"external_id": external_id, **fields}], now=now, proof="stated by Shop")
    assert result.rejected == ()
    return [error["code"] for each in result.warnings for error in each.as_json()["errors"]]


def reached(purpose: str = "marketing") -> list[str]:
    found = Member.objects.contactable(channel="sms", purpose=purpose)
    return list(found.order_by("external_id").values_list("external_id", flat=True))


def stop(member: Member) -> None:
    suppress(member_ids=[member.pk], channel="sms", purposes=["marketing"], origin=LINK, now=NOW)


class TestAnAddressThatRefused:
    def test_is_refused_under_another_id_and_the_history_says_why(self) -> None:
        stop(make_member("a", phone=PHONE))
        assert ingest("b", phone="138 0013 8000", consents={"sms": {"marketing": True, "service": True}}) == ["suppressed"]
        assert (reached(), reached("service")) == ([], ["b"])
        record = ConsentRecord.objects.get(member__external_id="b", purpose="marketing")
        assert (record.said, record.source, record.said_at) == ("suppressed", "address", NOW)

    def test_is_refused_after_its_member_was_erased_under_the_same_id_too(self) -> None:
        ingest("a", now=NOW, phone=PHONE, email="a@b.cn", consents={"sms": True, "email": True})
        erase_member(member_id=Member.objects.get().pk, now=NOW)
        for external_id in ("a", "b"):
            given = {"phone": PHONE, "email": "A@b.cn", "consents": {"sms": True, "email": True}}
            assert ingest(external_id, **given) == ["suppressed", "suppressed"]
        assert not Consent.objects.filter(granted=True).exists()

    def test_takes_a_consent_that_was_said_later(self) -> None:
        stop(make_member("a", phone=PHONE))
        word = {"granted": True, "at": (NOW + timedelta(minutes=1)).isoformat(), "proof": "form"}
        assert ingest("b", phone=PHONE, consents={"sms": {"marketing": word}}) == []
        assert reached() == ["b"]
        assert ingest("b", phone=PHONE, consents={"sms": {"marketing": word}}) == []
        assert ConsentRecord.objects.filter(member__external_id="b").count() == 2

    def test_takes_the_answer_of_its_owner(self) -> None:
        stop(make_member("a", phone=PHONE))
        other = make_member("b", phone=PHONE)
        asked = request_consent(
            member_id=other.pk, channel="sms", purpose="marketing", text_version="1", stated_by="till", now=LATER
        )
        assert confirm_consent(request_id=asked.pk, now=LATER)
        assert reached() == ["b"]

    def test_ends_an_earlier_consent_of_whom_it_is_given_to(self) -> None:
        stop(make_member("a", phone=PHONE))
        ingest("b", now=NOW, phone="+8613900139000", consents={"sms": True})
        assert reached() == ["b"]
        ingest("b", phone=PHONE)
        assert reached() == []

    def test_refuses_for_everybody_who_has_it(self) -> None:
        first, _second = make_member("a", phone=PHONE), make_member("b", phone=PHONE)
        for external_id in ("a", "b", "c"):
            ingest(external_id, now=NOW - timedelta(days=1), phone=PHONE, consents={"sms": True, "email": True})
        ingest("c", now=NOW - timedelta(days=1), phone="+8613900139000")
        stop(first)
        assert reached() == ["c"]

    def test_need_not_be_known_yet(self) -> None:
        assert refuse_by_reply(phone=PHONE, said_at=NOW, now=NOW) == 0
        assert ingest("b", phone=PHONE, consents={"sms": True}) == ["suppressed"]

    def test_is_refused_to_staff_without_a_later_date(self) -> None:
        stop(make_member("a", phone=PHONE))
        other = make_member("b", phone=PHONE)
        with pytest.raises(StillSuppressed):
            state_consent(member_id=other.pk, stated=Stated("sms", "marketing", True), origin=FORM, now=LATER)
        assert reached() == []

    def test_of_somebody_erased_speaks_for_nobody_else_who_has_it(self) -> None:
        ingest("a", now=NOW, phone=PHONE, consents={"sms": True})
        ingest("b", now=NOW, phone=PHONE, consents={"sms": True})
        erase_member(member_id=Member.objects.get(external_id="a").pk, now=NOW)
        assert ingest("b", phone=PHONE, consents={"sms": True}) == []
        assert reached() == ["b"]

    def test_is_sent_nothing_whatever_stands_of_its_member(self) -> None:
        ingest("b", now=NOW, phone=PHONE, consents={"sms": {"marketing": True, "service": True}})
        note_refusals({Addressed("sms", "marketing", PHONE): NOW})
        person = people([Member.objects.get().pk]).popitem()[1]
        assert (person.consents, person.suppressed) == ({("sms", "service")}, {("sms", "marketing")})

    def test_is_kept_as_a_hash_that_takes_the_key_and_moves_forward_only(self, settings: Any) -> None:
        refuse_by_reply(phone=PHONE, said_at=NOW, now=NOW)
        refuse_by_reply(phone=PHONE, said_at=NOW - timedelta(days=1), now=NOW)
        row = AddressRefusal.objects.get()
        assert (row.refused_at, len(row.hashed), "138" in str(row)) == (NOW, 64, False)
        settings.SECRET_KEY = "another"
        assert ingest("b", phone=PHONE, consents={"sms": True}) == []


def test_the_list_begins_with_what_is_known_of_members() -> None:
    stop(make_member("a", phone=PHONE))
    known = list(AddressRefusal.objects.values_list("hashed", "purpose", "channel", "refused_at"))
    AddressRefusal.objects.all().delete()
    import_module("members.migrations.0020_addresses_that_refused").begin(apps, None)
    assert list(AddressRefusal.objects.values_list("hashed", "purpose", "channel", "refused_at")) == known != []
