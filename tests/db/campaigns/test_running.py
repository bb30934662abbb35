"""The whole way: from a started campaign to files in the outbox."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from campaigns.models import Coupon, Delivery, Enrolment, StepOutcome
from campaigns.reports.results import campaign_report
from campaigns.services.running import run_campaigns
from core.registry import checks
from tests.campaign_factories import (
    COUPON,
    consent,
    know_everybody,
    make_reachable,
    make_running,
    make_template,
    outcomes,
    sms_files,
)
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path


class TestRunCampaigns:
    def test_gives_coupons_writes_messages_and_sends_them(self):
        make_template(valid_days=30)
        make_reachable("anna", name="Anna")
        make_reachable("boris")
        make_member("carl", phone="+8613800000001")
        know_everybody()
        message = {
            "kind": "send_message",
            "channel": "sms",
            "body": "{{ member.name | default: 'Friend' }}: {{ coupon.code }} until {{ coupon.valid_until }}",
        }
        campaign = make_running(steps=[COUPON, message])
        later = NOW + timedelta(minutes=1)

        counts = run_campaigns(now=later)

        assert counts == {"due": 3, "fired": 2, "suppressed": 1, "sent": 2}
        assert outcomes(campaign) == [("anna", "fired", ""), ("boris", "fired", ""), ("carl", "suppressed", "no_consent")]
        codes = dict(Coupon.objects.values_list("enrolment_id", "code"))
        assert len(codes) == 2
        bodies = {row.enrolment_id: row.body for row in Delivery.objects.filter(state="sent")}
        names = dict(Enrolment.objects.filter(status="fired").values_list("member_id", "pk").order_by("member_id"))
        first, second = names.values()
        assert bodies == {
            first: f"Anna: {codes[first]} until 2026-07-15",
            second: f"Friend: {codes[second]} until 2026-07-15",
        }
        assert sorted(json.loads(path.read_text())["body"] for path in sms_files()) == sorted(bodies.values())
        assert list(StepOutcome.objects.values_list("enrolment_id", "step", "result").order_by("enrolment_id", "step")) == [
            (first, 0, "done"),
            (first, 1, "done"),
            (second, 0, "done"),
            (second, 1, "done"),
        ]
        assert [sentence for check in checks for sentence in check.rows()] == []

    def test_writes_nothing_when_run_again(self):
        make_template()
        member = make_reachable("anna")
        know_everybody()
        campaign = make_running(steps=[COUPON, {"kind": "send_message", "channel": "sms", "body": "Hello"}])
        run_campaigns(now=NOW)

        assert run_campaigns(now=NOW) == {"due": 0}
        assert run_campaigns(now=NOW + timedelta(days=3)) == {"due": 0}
        consent(member, "sms", granted=False)
        assert run_campaigns(now=NOW + timedelta(days=3)) == {"due": 0}
        assert outcomes(campaign) == [("anna", "fired", "")]
        assert (Coupon.objects.count(), Delivery.objects.count(), len(sms_files())) == (1, 1, 1)

    def test_adds_up_in_the_report(self):
        for number in range(40):
            make_reachable(f"m{number}")
        make_member("nobody")
        know_everybody()
        campaign = make_running(control_share=0.3)
        run_campaigns(now=NOW)

        report = campaign_report(campaign=campaign).as_json()

        assert report["due"] == 41
        assert report["fired"] + report["held_out"] + sum(report["suppressed"].values()) == 41
        assert report["treated"] + report["control"] == 41
        assert report["control"] == report["held_out"]
        assert 4 <= report["control"] <= 21
