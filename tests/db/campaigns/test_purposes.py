"""Messages go by their purpose's consent, carry the way out of it, and stop for good where somebody unsubscribed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.channels import ChannelError, channels
from campaigns.models import Delivery
from campaigns.services.asking import ask_consent
from campaigns.services.dispatch import dispatch_messages
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from members.models import Consent, ConsentRequest, Member
from members.services.links import unsubscribe_url
from members.services.opt_in import request_consent
from members.services.preferences import unsubscribe
from tests.campaign_factories import SMS, ListChannel, know_everybody, make_reachable, make_running, outcomes
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(monkeypatch) -> ListChannel:
    channel = ListChannel()
    monkeypatch.setattr(channels, "_entries", {"sms": channel})
    return channel


def decide(**changes: object):
    know_everybody()
    campaign = make_running(**changes)
    plan_campaigns(now=NOW)
    step_enrolments(now=NOW)
    return campaign


def stop(member: Member) -> None:
    unsubscribe(member_id=member.pk, channel="sms", purpose="marketing", now=NOW)


class TestAPurpose:
    def test_asks_for_its_own_consent(self, provider):
        anna, boris = make_reachable("anna"), make_reachable("boris")
        Consent.objects.filter(member=anna, channel="sms").update(purpose="service")
        campaign = decide(steps=[{**SMS, "purpose": "service"}])

        assert outcomes(campaign) == [("anna", "fired", ""), ("boris", "suppressed", "no_consent")]
        assert boris.pk not in Delivery.objects.values_list("member_id", flat=True)
        Consent.objects.filter(member=anna).update(purpose="marketing")
        assert dispatch_messages(now=NOW) == {"suppressed": 1}
        assert provider.got == []

    def test_is_marketing_unless_said(self):
        make_reachable("anna")
        decide()
        assert Delivery.objects.get().purpose == "marketing"


class TestUnsubscribing:
    def test_is_an_end_and_has_a_reason_of_its_own(self, provider):
        stop(make_reachable("anna"))
        assert outcomes(decide()) == [("anna", "suppressed", "unsubscribed")]

    def test_between_decision_and_sending_is_seen_and_never_tried_again(self, provider):
        member = make_reachable("anna")
        decide()
        stop(member)

        assert dispatch_messages(now=NOW) == {"suppressed": 1}
        assert dispatch_messages(now=NOW + timedelta(days=1)) == {}
        assert (provider.got, Delivery.objects.get().reason) == ([], "unsubscribed")

    def test_is_one_click_away_in_every_message(self, provider):
        member = make_reachable("anna")
        decide(steps=[{**SMS, "body": "Sale! {{ unsubscribe_url }} {{ preferences_url }}"}])
        dispatch_messages(now=NOW)

        url = unsubscribe_url(member_id=member.pk, channel="sms", purpose="marketing", now=NOW)
        (message,) = provider.got
        assert message.unsubscribe_url == url
        assert message.body.startswith(f"Sale! {url} http")

    def test_follows_when_the_address_does_not_exist(self, monkeypatch):
        gone = ChannelError("5.1.1 no such user", permanent=True, no_such_address=True)
        monkeypatch.setattr(channels, "_entries", {"sms": ListChannel(gone)})
        member = make_reachable("anna")
        decide()

        assert dispatch_messages(now=NOW) == {"failed": 1}
        said = Consent.objects.filter(member=member, channel="sms").order_by("purpose")
        assert [(each.purpose, each.said.value) for each in said] == [("marketing", "suppressed"), ("service", "suppressed")]


class TestAskingForConsent:
    def ask(self, member: Member) -> None:
        request_consent(member_id=member.pk, channel="sms", purpose="marketing", text_version="", stated_by="Shop", now=NOW)

    def test_sends_the_link_once(self, provider):
        self.ask(make_member(phone="+8613800138000"))
        assert [ask_consent(now=NOW), ask_consent(now=NOW)] == [{"sent": 1}, {}]
        assert ("/c/" in provider.got[0].body, len(provider.got)) == (True, 1)

    def test_tries_again_later_and_not_for_ever(self, monkeypatch):
        channel = ListChannel(*[ChannelError("busy")] * 9)
        monkeypatch.setattr(channels, "_entries", {"sms": channel})
        self.ask(make_member(phone="+8613800138000"))
        for hour in range(9):
            ask_consent(now=NOW + timedelta(hours=10 * hour))
        assert (len(channel.got), ConsentRequest.objects.get().sent_at) == (5, None)
        assert len({message.key for message in channel.got}) == 1

    def test_writes_nothing_to_an_address_that_is_no_longer_the_members(self, provider):
        self.ask(make_member(phone="+8613800138000"))
        Member.objects.update(phone="+8613800138001")
        assert (ask_consent(now=NOW), provider.got) == ({"moved": 1}, [])
