"""What leaves the building: claimed, handed over, recorded; once, whatever the provider does."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from campaigns.channels import ChannelError, channels
from campaigns.models import Campaign, Delivery
from campaigns.services import dispatch
from campaigns.services.dispatch import NotUnknown, dispatch_messages, mark_sent, send_again, settle_stuck
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from core.errors import NotFound
from members.models import Member
from tests.campaign_factories import EMAIL, SMS, ListChannel, consent, know_everybody, make_reachable, make_running, outcomes
from tests.factories import NOW

pytestmark = pytest.mark.django_db

PERMANENT = ChannelError("no such number", permanent=True)
BUSY = ChannelError("busy")
NO_ANSWER = ChannelError("timed out", handed_over=True)


@pytest.fixture
def provider(monkeypatch) -> ListChannel:
    channel = ListChannel()
    monkeypatch.setattr(channels, "_entries", {"sms": channel})
    return channel


def use(monkeypatch: pytest.MonkeyPatch, *answers: Exception | None, honours_keys: bool = True) -> ListChannel:
    channel = ListChannel(*answers, honours_keys=honours_keys)
    monkeypatch.setattr(channels, "_entries", {"sms": channel})
    return channel


def queued(*names: str) -> list[Member]:
    """This function will queue one SMS for each name."""
    members = [make_reachable(name) for name in names]
    know_everybody()
    make_running()
    plan_campaigns(now=NOW)
    step_enrolments(now=NOW)
    return members


def message() -> Delivery:
    return Delivery.objects.get()


class TestDispatchMessages:
    def test_hands_each_message_over_once_and_records_it(self, provider):
        queued("anna", "boris")

        assert dispatch_messages(now=NOW) == {"sent": 2}
        assert dispatch_messages(now=NOW + timedelta(days=1)) == {}
        assert sorted(each.to for each in provider.got) == sorted(Delivery.objects.values_list("address", flat=True))
        assert {row.provider_id for row in Delivery.objects.all()} == {f"p-{each.key}" for each in provider.got}
        assert set(Delivery.objects.values_list("state", "attempts", "done_at", "next_at")) == {("sent", 1, NOW, None)}

    def test_records_what_went_well_beside_what_did_not(self, monkeypatch):
        """Trap 12: one rejected recipient does not lose the marks of the others."""
        names = [f"m{number}" for number in range(10)]
        channel = use(monkeypatch, *[PERMANENT if number == 4 else None for number in range(10)])
        queued(*names)

        assert dispatch_messages(now=NOW) == {"sent": 9, "failed": 1}
        assert len(channel.got) == 10
        failed = Delivery.objects.get(state="failed")
        assert (failed.reason, failed.error) == ("provider_refused", "no such number")
        assert dispatch_messages(now=NOW + timedelta(days=1)) == {}

    def test_keeps_a_poisonous_message_from_stopping_the_rest(self, monkeypatch):
        use(monkeypatch, ValueError("a defect of ours"), None, None)
        queued("anna", "boris", "clara")

        assert dispatch_messages(now=NOW) == {"sent": 2, "queued": 1}
        assert "ValueError: a defect of ours" in Delivery.objects.get(state="queued").error

    def test_claims_more_than_one_handful(self, monkeypatch, provider):
        monkeypatch.setattr(dispatch, "CLAIMED_AT_ONCE", 2)
        queued("anna", "boris", "clara", "david", "emma")

        assert dispatch_messages(now=NOW) == {"sent": 5}
        assert len({each.key for each in provider.got}) == 5

    def test_gives_each_channel_its_turn_when_a_pass_is_too_short_for_all(self, monkeypatch):
        sms, email = ListChannel(), ListChannel()
        email.code, email.address_field, email.has_subject = "email", "email", True
        monkeypatch.setattr(channels, "_entries", {"sms": sms, "email": email})
        monkeypatch.setattr(dispatch, "CLAIMED_AT_ONCE", 1)
        # The pass begins at 0 and each claim finds 100 seconds gone by: it has time for two.
        monkeypatch.setattr(dispatch, "monotonic", count(step=100).__next__)
        for name in ("anna", "boris", "clara"):
            make_reachable(name)
        know_everybody()
        make_running(steps=[SMS, EMAIL])
        plan_campaigns(now=NOW)
        step_enrolments(now=NOW)

        assert dispatch_messages(now=NOW) == {"sent": 2}
        assert (len(sms.got), len(email.got)) == (1, 1)


class TestRetrying:
    def test_waits_longer_each_time_and_gives_up_after_the_fifth(self, monkeypatch):
        channel = use(monkeypatch, *[BUSY] * 5)
        queued("anna")
        now, waits = NOW, []
        for _attempt in range(4):
            assert dispatch_messages(now=now) == {"queued": 1}
            assert dispatch_messages(now=message().next_at - timedelta(seconds=1)) == {}
            waits.append((message().next_at - now).total_seconds())
            now = message().next_at

        assert dispatch_messages(now=now) == {"failed": 1}
        assert (message().reason, message().error, message().attempts) == ("gave_up", "busy", 5)
        assert [24 * 4**n <= wait <= 36 * 4**n for n, wait in enumerate(waits)] == [True] * 4
        assert len({each.key for each in channel.got}) == 1

    def test_does_not_happen_when_the_provider_refuses_for_good(self, monkeypatch):
        channel = use(monkeypatch, PERMANENT)
        queued("anna")

        assert dispatch_messages(now=NOW) == {"failed": 1}
        assert dispatch_messages(now=NOW + timedelta(days=1)) == {}
        assert len(channel.got) == 1

    def test_of_a_message_that_may_have_gone_asks_only_a_provider_that_honours_keys(self, monkeypatch):
        channel = use(monkeypatch, NO_ANSWER)
        queued("anna")
        assert dispatch_messages(now=NOW) == {"queued": 1}
        assert dispatch_messages(now=NOW + timedelta(minutes=1)) == {"sent": 1}

        assert [each.key for each in channel.got] == [message().idempotency_key] * 2

    def test_of_a_message_that_may_have_gone_is_left_to_a_person_elsewhere(self, monkeypatch):
        channel = use(monkeypatch, NO_ANSWER, honours_keys=False)
        queued("anna")

        assert dispatch_messages(now=NOW) == {"unknown": 1}
        assert dispatch_messages(now=NOW + timedelta(days=1)) == {}
        assert (message().state, message().reason, message().error) == ("unknown", "no_answer", "timed out")
        assert len(channel.got) == 1

    def test_repeats_the_very_same_message_although_the_member_moved(self, monkeypatch):
        channel = use(monkeypatch, BUSY)
        (member,) = queued("anna")
        dispatch_messages(now=NOW)
        Member.objects.filter(pk=member.pk).update(phone="+8613999999999")
        dispatch_messages(now=NOW + timedelta(hours=1))

        assert [each.to for each in channel.got] == [member.phone] * 2


class TestTheLastLook:
    """Trap 18: consent, address and campaign are looked at again in the claiming transaction."""

    def test_keeps_a_message_back_when_consent_was_withdrawn(self, provider):
        (member,) = queued("anna")
        consent(member, "sms", granted=False)

        assert dispatch_messages(now=NOW) == {"suppressed": 1}
        assert (message().state, message().reason, message().done_at) == ("suppressed", "no_consent", NOW)
        assert provider.got == []

    def test_keeps_a_message_back_when_the_address_is_gone(self, provider):
        (member,) = queued("anna")
        Member.objects.filter(pk=member.pk).update(phone="")

        assert dispatch_messages(now=NOW) == {"suppressed": 1}
        assert message().reason == "no_address"
        assert provider.got == []

    def test_keeps_a_message_back_when_the_member_is_gone(self, provider):
        (member,) = queued("anna")
        member.delete()

        assert dispatch_messages(now=NOW) == {"suppressed": 1}
        assert message().reason == "member_gone"
        assert provider.got == []

    def test_writes_to_the_number_the_member_has_now(self, provider):
        (member,) = queued("anna")
        Member.objects.filter(pk=member.pk).update(phone="+8613999999999")
        dispatch_messages(now=NOW)

        assert [each.to for each in provider.got] == ["+8613999999999"]
        assert message().address == "+8613999999999"

    def test_leaves_the_enrolment_fired(self, provider):
        (member,) = queued("anna")
        consent(member, "sms", granted=False)
        dispatch_messages(now=NOW)

        assert outcomes(Campaign.objects.get()) == [("anna", "fired", "")]


class TestSettleStuck:
    def stuck(self, *names: str, since: timedelta = timedelta(minutes=10)) -> None:
        queued(*names)
        Delivery.objects.update(state="sending", next_at=None, sending_at=NOW - since, attempts=1)

    def test_queues_again_where_the_provider_honours_keys(self, provider):
        self.stuck("anna")
        key = message().idempotency_key

        assert dispatch_messages(now=NOW) == {"queued_again": 1, "sent": 1}
        assert [each.key for each in provider.got] == [key]

    def test_leaves_it_to_a_person_where_it_does_not(self, monkeypatch):
        channel = use(monkeypatch, honours_keys=False)
        self.stuck("anna")

        assert dispatch_messages(now=NOW) == {"unknown": 1}
        assert dispatch_messages(now=NOW + timedelta(days=3)) == {}
        assert (message().state, message().reason) == ("unknown", "no_answer")
        assert channel.got == []

    def test_leaves_alone_what_is_only_slow(self, provider):
        self.stuck("anna", since=timedelta(minutes=9, seconds=59))

        assert dispatch_messages(now=NOW) == {}
        assert message().state == "sending"

    def test_has_the_last_word_over_an_answer_that_comes_too_late(self, monkeypatch, provider):
        """By interleaving: the message was settled, and sent again by a person, while its first answer was on the way."""
        queued("anna")
        record = dispatch._record

        def settled_meanwhile(*answers):
            Delivery.objects.update(state="queued", next_at=NOW, sending_at=None)
            record(*answers)

        monkeypatch.setattr(dispatch, "_record", settled_meanwhile)
        monkeypatch.setattr(dispatch, "monotonic", count(step=200).__next__)  # time for one claim
        dispatch_messages(now=NOW)

        assert (message().state, message().done_at) == ("queued", None)

    def test_stops_trying_a_message_that_kills_its_process_every_time(self, provider):
        self.stuck("anna")
        Delivery.objects.update(attempts=5)

        assert settle_stuck(now=NOW) == {"unknown": 1}

    def test_fails_what_no_channel_takes(self, monkeypatch):
        queued("anna")
        monkeypatch.setattr(channels, "_entries", {})

        assert dispatch_messages(now=NOW) == {"failed": 1}
        assert message().reason == "unknown_channel"


class TestAPersonDecides:
    def unknown(self, monkeypatch: pytest.MonkeyPatch) -> ListChannel:
        channel = use(monkeypatch, NO_ANSWER, honours_keys=False)
        queued("anna")
        dispatch_messages(now=NOW)
        return channel

    def test_that_it_arrived(self, monkeypatch):
        self.unknown(monkeypatch)
        later = NOW + timedelta(hours=1)
        mark_sent(delivery_id=message().pk, now=later, by="maria")

        assert (message().state, message().reason, message().done_at) == ("sent", "", later)
        with pytest.raises(NotUnknown):
            mark_sent(delivery_id=message().pk, now=later, by="maria")

    def test_that_it_is_sent_again(self, monkeypatch):
        channel = self.unknown(monkeypatch)
        later = NOW + timedelta(hours=1)
        send_again(delivery_id=message().pk, now=later, by="maria")
        with pytest.raises(NotUnknown):
            send_again(delivery_id=message().pk, now=later, by="karl")

        assert dispatch_messages(now=later) == {"sent": 1}
        assert len(channel.got) == 2

    def test_of_a_message_that_is_not_there(self):
        with pytest.raises(NotFound):
            mark_sent(delivery_id=1, now=NOW, by="maria")


class TestEmail:
    def test_goes_out_beside_the_sms(self, mailoutbox, settings, tmp_path):
        settings.OUTBOX_DIR = tmp_path
        make_reachable("anna", email="anna@example.com")
        know_everybody()
        make_running(steps=[SMS, EMAIL])
        plan_campaigns(now=NOW)
        step_enrolments(now=NOW)

        assert dispatch_messages(now=NOW) == {"sent": 2}
        assert [(each.subject, each.to) for each in mailoutbox] == [("A greeting", ["anna@example.com"])]
