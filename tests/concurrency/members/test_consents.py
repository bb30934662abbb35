"""A consent and an unsubscribing at once: what stands depends on when they were said, not on who was first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.selectors.batches import people
from members.ingest import ingest_members
from members.models import Consent, ConsentRecord, ConsentSource, Member, Purpose
from members.services.consents import Origin, suppress
from members.services.opt_in import confirm_consent, request_consent
from tests.concurrency.members.test_ingest import at_once
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("minutes", "stands"), [(-1, False), (0, False), (1, True)])
def test_the_later_word_stands_whoever_commits_first(minutes: int, stands: bool) -> None:
    member = make_member("a")
    said_at = (NOW + timedelta(minutes=minutes)).isoformat()
    item = {"external_id": "a", "consents": {"sms": True}, "consent_at": said_at, "consent_proof": "form"}

    def side(number: int) -> None:
        if number % 2:
            ingest_members([item], now=NOW + timedelta(hours=1), proof="stated by Shop")
        else:
            origin = Origin(ConsentSource.UNSUBSCRIBE, "a link")
            suppress(member_ids=[member.pk], channel="sms", purposes=["marketing"], origin=origin, now=NOW)

    at_once(side)
    consent = Consent.objects.get()
    assert (consent.granted, consent.suppressed_at) == (stands, NOW)


def test_a_link_confirmed_from_four_sides_is_one_consent() -> None:
    member = make_member("a", email="a@example.com")
    asked = request_consent(
        member_id=member.pk, channel="email", purpose="marketing", text_version="", stated_by="Shop", now=NOW
    )
    confirmed = at_once(lambda _number: confirm_consent(request_id=asked.pk, now=NOW))
    assert (sorted(confirmed), ConsentRecord.objects.count()) == ([False, False, False, True], 1)


def test_who_shares_an_address_refuses_from_all_sides_without_waiting_in_a_circle() -> None:
    phone = "+8613800138000"
    pair = [make_member(name, phone=phone) for name in ("a", "b")]
    origin = Origin(ConsentSource.UNSUBSCRIBE, "a link")

    def side(number: int) -> None:
        if number < 2:
            suppress(member_ids=[pair[number].pk], channel="sms", purposes=Purpose.values, origin=origin, now=NOW)
        else:
            item = {"external_id": f"new{number}", "phone": phone, "consents": {"sms": True}}
            ingest_members([item, {"external_id": "a", "consents": {"sms": True}}], now=NOW, proof="stated by Shop")

    at_once(side)
    found = people(list(Member.objects.values_list("pk", flat=True)))
    assert {person.external_id for person in found.values()} == {"a", "b", "new2", "new3"}
    assert not any(person.consents for person in found.values())
