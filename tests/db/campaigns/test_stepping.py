"""Decisions: guardrails in order, coupon and message with the decision, one bad member among many."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext

from campaigns import actions, guardrails
from campaigns.guardrails import Decision, Guardrail, Verdict
from campaigns.models import Campaign, CampaignVersion, Coupon, CouponTemplate, Delivery, Enrolment, StepOutcome
from campaigns.services import stepping
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_chunk, step_enrolments
from core.registry import checks
from members.models import Member
from tests.campaign_factories import (
    COUPON,
    EMAIL,
    SMS,
    consent,
    know_everybody,
    make_reachable,
    make_running,
    make_template,
    outcomes,
)
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

CODE = {**SMS, "body": "Your code {{ coupon.code }}"}


def planned(**changes: object) -> Campaign:
    know_everybody()
    campaign = make_running(**changes)
    plan_campaigns(now=NOW)
    return campaign


def step_results() -> list[tuple[int, str, str]]:
    rows = StepOutcome.objects.order_by("enrolment_id", "step")
    return list(rows.values_list("step", "result", "reason"))


def given() -> tuple[int, int, int]:
    """Coupons, messages, outcomes of steps."""
    return Coupon.objects.count(), Delivery.objects.count(), StepOutcome.objects.count()


def contradictions() -> list[str]:
    return [sentence for check in checks for sentence in check.rows()]


class TestControlGroup:
    def test_gets_nothing(self):
        for number in range(20):
            make_reachable(f"m{number}")
        make_template()
        campaign = planned(steps=[COUPON, SMS], control_share=0.5)
        Enrolment.objects.update(arm="control")

        assert step_enrolments(now=NOW) == {"held_out": 20}
        assert given() == (0, 0, 0)
        assert CouponTemplate.objects.get().issued == 0
        assert {(status, reason) for _name, status, reason in outcomes(campaign)} == {("held_out", "")}

    def test_comes_before_consent(self):
        make_member("anna")
        campaign = planned(control_share=0.5)
        Enrolment.objects.update(arm="control")
        step_enrolments(now=NOW)

        assert outcomes(campaign) == [("anna", "held_out", "")]


class TestReach:
    @pytest.mark.parametrize(
        ("fields", "channels", "reason"),
        [
            ({}, (), "no_consent"),
            ({}, ("email",), "no_consent"),
            ({"phone": ""}, ("sms",), "no_address"),
            ({"phone": ""}, (), "no_consent"),
        ],
    )
    def test_suppresses_whom_no_message_may_reach(self, fields, channels, reason):
        make_reachable("anna", channels=channels, **fields)
        make_template()
        campaign = planned(steps=[COUPON, SMS])

        assert step_enrolments(now=NOW) == {"suppressed": 1}
        assert outcomes(campaign) == [("anna", "suppressed", reason)]
        assert given() == (0, 0, 0)

    def test_takes_a_withdrawn_consent_for_none(self):
        member = make_reachable("anna")
        campaign = planned()
        consent(member, "sms", granted=False)
        step_enrolments(now=NOW)

        assert outcomes(campaign) == [("anna", "suppressed", "no_consent")]

    def test_is_final(self):
        """Trap 17: whoever may not be written to is not tried again at every pass."""
        member = make_reachable("anna", channels=())
        campaign = planned()
        step_enrolments(now=NOW)
        consent(member, "sms")

        assert step_enrolments(now=NOW + timedelta(days=1)) == {}
        assert outcomes(campaign) == [("anna", "suppressed", "no_consent")]

    def test_skips_the_message_that_may_not_go_and_sends_the_other(self):
        make_reachable("anna", channels=("email",))
        make_template()
        campaign = planned(steps=[COUPON, SMS, EMAIL])

        assert step_enrolments(now=NOW) == {"fired": 1}
        assert outcomes(campaign) == [("anna", "fired", "")]
        assert step_results() == [(0, "done", ""), (1, "skipped", "no_consent"), (2, "done", "")]
        assert list(Delivery.objects.values_list("channel", "step")) == [("email", 2)]
        assert contradictions() == []

    def test_asks_no_consent_for_a_coupon_alone(self):
        make_member("anna")
        make_template()
        campaign = planned(steps=[COUPON])
        step_enrolments(now=NOW)

        assert outcomes(campaign) == [("anna", "fired", "")]
        assert given() == (1, 0, 1)

    def test_suppresses_a_member_who_was_erased_meanwhile(self):
        make_reachable("anna").delete()
        member = make_reachable("boris")
        campaign = planned()
        Member.objects.filter(pk=member.pk).delete()
        step_enrolments(now=NOW)

        assert [(status, reason) for _name, status, reason in outcomes(campaign)] == [("suppressed", "member_gone")]

    def test_fails_without_the_guard(self, monkeypatch):
        """The twin: with the guard taken out, a message without consent is written."""
        make_reachable("anna", channels=())
        planned()
        monkeypatch.setattr(stepping, "IN_ORDER", guardrails.IN_ORDER[:-1])
        step_enrolments(now=NOW)

        assert Delivery.objects.count() == 1


class TestCoupons:
    def test_that_run_out_leave_the_rest_with_nothing_at_all(self):
        for number in range(5):
            make_reachable(f"m{number}")
        make_template(total_limit=2)
        campaign = planned(steps=[COUPON, SMS])

        assert step_enrolments(now=NOW) == {"fired": 2, "suppressed": 3}
        assert [status for _name, status, _reason in outcomes(campaign)] == ["fired"] * 2 + ["suppressed"] * 3
        assert {reason for _name, _status, reason in outcomes(campaign)} == {"", "coupon_exhausted"}
        assert given() == (2, 2, 4)
        assert CouponTemplate.objects.get().issued == 2
        assert contradictions() == []

    def test_that_a_member_has_enough_of(self):
        member = make_reachable("anna")
        template = make_template(per_member_limit=1)
        Coupon.objects.create(template=template, code="X", member_id=member.pk, issued_at=NOW)
        campaign = planned(steps=[COUPON, SMS])
        step_enrolments(now=NOW)

        assert outcomes(campaign) == [("anna", "suppressed", "coupon_member_limit")]
        assert given() == (1, 0, 0)

    def test_that_are_over(self):
        make_reachable("anna")
        make_template(valid_until=NOW - timedelta(days=1))
        campaign = planned(steps=[COUPON, SMS])
        step_enrolments(now=NOW)

        assert outcomes(campaign) == [("anna", "suppressed", "coupon_expired")]

    def test_of_a_first_step_are_taken_back_when_a_later_one_is_refused(self):
        """Nobody keeps half of a campaign: the first coupon of those the second had none left for is not counted."""
        for number in range(4):
            make_reachable(f"m{number}")
        make_template("plenty")
        make_template("scarce", total_limit=1)
        campaign = planned(
            steps=[{**COUPON, "template": "plenty"}, SMS, {**COUPON, "template": "scarce"}],
        )

        assert step_enrolments(now=NOW) == {"fired": 1, "suppressed": 3}
        assert Counter(reason for _name, _status, reason in outcomes(campaign)) == {"": 1, "coupon_exhausted": 3}
        assert dict(CouponTemplate.objects.values_list("slug", "issued")) == {"plenty": 1, "scarce": 1}
        assert given() == (2, 1, 3)
        assert contradictions() == []

    def test_are_named_by_the_message_that_follows_them(self):
        make_reachable("anna")
        make_template("first", name="First", valid_days=10)
        make_template("second", name="Second")
        text = {**SMS, "body": "{{ coupon.name }} {{ coupon.code }} {{ coupon.valid_until }}"}
        planned(steps=[{**COUPON, "template": "first"}, text, {**COUPON, "template": "second"}, text])
        step_enrolments(now=NOW)

        codes = dict(Coupon.objects.values_list("step", "code"))
        assert dict(Delivery.objects.values_list("step", "body")) == {
            1: f"First {codes[0]} 2026-06-25",
            3: f"Second {codes[2]} ",
        }


class TestMessages:
    def test_are_written_with_the_member_in_mind(self):
        make_reachable("anna", name="Anna", email="anna@example.com")
        planned(
            name="Summer",
            steps=[{**EMAIL, "subject": "{{ campaign.name }}:\n{{ member.name }}", "body": "Nr {{ member.external_id }}"}],
        )
        step_enrolments(now=NOW)

        message = Delivery.objects.get()
        assert (message.subject, message.body, message.address) == ("Summer: Anna", "Nr anna", "anna@example.com")
        assert (message.state, message.queued_at, message.next_at, message.attempts) == ("queued", NOW, NOW, 0)
        assert len(message.idempotency_key) == 32

    def test_take_the_first_line_for_a_subject_when_none_is_given(self):
        make_reachable("anna")
        planned(steps=[{"kind": "send_message", "channel": "email", "body": f"Hello   there\n{'x' * 100}"}])
        step_enrolments(now=NOW)

        assert Delivery.objects.get().subject == "Hello there"

    def test_that_cannot_be_written_for_one_member_do_not_stop_the_others(self):
        """Trap 12: one bad member is recorded and the rest go on; what was begun for them is undone."""
        for name in ("anna", "boris", "clara"):
            make_reachable(name)
        make_template()
        text = {**SMS, "body": "{% if member.external_id == 'boris' %}{% for i in (1..100000) %}x{% endfor %}{% endif %}Hi"}
        campaign = planned(steps=[COUPON, text])

        assert step_enrolments(now=NOW) == {"fired": 2, "failed": 1}
        assert outcomes(campaign) == [
            ("anna", "fired", ""),
            ("boris", "failed", "message_unreadable"),
            ("clara", "fired", ""),
        ]
        assert given() == (2, 2, 4)
        assert CouponTemplate.objects.get().issued == 2
        assert contradictions() == []

    def test_that_come_out_empty_are_not_sent(self):
        make_reachable("anna")
        campaign = planned(steps=[{**SMS, "body": "{% if member.name == 'x' %}Hello{% endif %}"}])
        step_enrolments(now=NOW)

        assert outcomes(campaign) == [("anna", "failed", "message_unreadable")]


class TestOneValueTheDatabaseRefuses:
    def test_fails_its_member_alone(self, monkeypatch):
        names = ["anna", "boris", "clara", "david", "emma"]
        members = {name: make_reachable(name) for name in names}
        make_template()
        campaign = planned(steps=[COUPON, SMS])
        kind = actions.actions.get("send_message")
        execute = type(kind).execute

        def refuse_clara(self, call):
            if any(row.member_id == members["clara"].pk for row in call.rows):
                raise DataError("a value too long")
            return execute(self, call)

        monkeypatch.setattr(type(kind), "execute", refuse_clara)

        assert step_enrolments(now=NOW) == {"fired": 4, "failed": 1}
        assert [(name, status, reason) for name, status, reason in outcomes(campaign) if status == "failed"] == [
            ("clara", "failed", "unexpected")
        ]
        assert given() == (4, 4, 8)
        assert CouponTemplate.objects.get().issued == 4
        assert contradictions() == []


class TestDeferral:
    def test_keeps_a_member_waiting_until_its_instant(self, monkeypatch):
        class Night(Guardrail):
            code = "night"
            label = "night"

            def verdicts(self, *, batch, now):
                if now >= NOW + timedelta(hours=8):
                    return {}
                return {row.id: Verdict(Decision.DEFER, until=NOW + timedelta(hours=8)) for row in batch.rows}

        make_reachable("anna")
        campaign = planned()
        monkeypatch.setattr(stepping, "IN_ORDER", (*guardrails.IN_ORDER, Night()))

        assert step_enrolments(now=NOW) == {"waiting": 1}
        assert step_enrolments(now=NOW + timedelta(hours=7)) == {}
        assert outcomes(campaign) == [("anna", "waiting", "")]
        assert step_enrolments(now=NOW + timedelta(hours=8)) == {"fired": 1}


class TestStepChunk:
    def test_takes_no_more_than_it_is_told(self):
        for number in range(5):
            make_reachable(f"m{number}")
        campaign = planned()

        assert step_chunk(campaign_id=campaign.pk, now=NOW, most=2) == {"fired": 2}
        assert step_chunk(campaign_id=campaign.pk, now=NOW, most=2) == {"fired": 2}
        assert step_chunk(campaign_id=campaign.pk, now=NOW, most=2) == {"fired": 1}
        assert step_chunk(campaign_id=campaign.pk, now=NOW, most=2) == {}
        assert Delivery.objects.count() == 5

    def test_rolls_back_when_somebody_else_decided_meanwhile(self, monkeypatch):
        """By interleaving: the rows are fired by another between being taken and being written."""
        make_reachable("anna")
        make_template()
        campaign = planned(steps=[COUPON, SMS])
        write = stepping._write

        def overtaken(tally, now):
            Enrolment.objects.update(status="fired", next_at=None)
            write(tally, now)

        monkeypatch.setattr(stepping, "_write", overtaken)
        with pytest.raises(RuntimeError, match="decided by somebody else"):
            step_chunk(campaign_id=campaign.pk, now=NOW)

        assert given() == (0, 0, 0)
        assert CouponTemplate.objects.get().issued == 0

    def test_decides_each_enrolment_by_its_own_version(self):
        """Trap 14: a new version changes nothing for whom the old one let in."""
        make_reachable("anna")
        campaign = planned()
        old = campaign.version
        new = CampaignVersion.objects.create(
            campaign=campaign, number=2, trigger=old.trigger, audience=old.audience, control_share=0, re_entry=old.re_entry,
            steps=[{**SMS, "body": "A new text"}], created_at=NOW, frozen_at=NOW,
        )  # fmt: skip
        Campaign.objects.update(version=new)
        step_enrolments(now=NOW)

        assert Delivery.objects.get().body == "Dear friend, we miss you."

    def test_costs_the_same_number_of_statements_for_one_member_and_for_many(self):
        make_template()
        counts = []
        for more in (1, 60):
            for number in range(more):
                make_reachable(f"m{more}-{number}")
            campaign = planned(steps=[COUPON, SMS])
            with CaptureQueriesContext(connection) as captured:
                step_chunk(campaign_id=campaign.pk, now=NOW)
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestStepEnrolments:
    def test_goes_on_with_the_others_when_one_campaign_breaks(self, monkeypatch):
        make_reachable("anna")
        know_everybody()
        broken, sound = make_running(), make_running()
        plan_campaigns(now=NOW)
        CampaignVersion.objects.filter(campaign=broken).update(steps=[{"kind": "telepathy"}])

        with pytest.raises(ExceptionGroup):
            step_enrolments(now=NOW)

        assert outcomes(broken) == [("anna", "waiting", "")]
        assert outcomes(sound) == [("anna", "fired", "")]
        plan_campaigns(now=NOW)
        broken.refresh_from_db()
        assert broken.status == "paused"
        assert step_enrolments(now=NOW) == {}
