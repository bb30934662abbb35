"""What `verify` finds when somebody's hand, or a defect, has been at the rows."""

from __future__ import annotations

import pytest

from campaigns.coupons.redeem import redeem
from campaigns.models import Campaign, CampaignVersion, Coupon, Delivery, Enrolment, Redemption, StepOutcome
from campaigns.services import checks, event_checks
from campaigns.services.dispatch import dispatch_messages
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from core import registry
from members.models import BehaviourEvent, EventPolicy, Member
from tests.campaign_factories import COUPON, SMS, know_everybody, make_reachable, make_running, make_template
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fired() -> None:
    make_template()
    make_reachable("anna")
    know_everybody()
    make_running(steps=[COUPON, SMS])
    plan_campaigns(now=NOW)
    step_enrolments(now=NOW)


def found(check) -> int:
    return len(list(check()))


class TestChecks:
    def test_find_nothing_when_all_is_well(self):
        assert [sentence for check in checks.CHECKS for sentence in check.rows()] == []

    def test_are_all_registered(self):
        assert {check.code for check in checks.CHECKS} <= {check.code for check in registry.checks}

    def test_find_a_fired_enrolment_without_all_its_outcomes(self):
        StepOutcome.objects.filter(step=1).delete()

        assert found(checks.outcomes_of_fired) == 1

    def test_find_a_step_that_was_counted_under_a_wrong_number(self):
        StepOutcome.objects.filter(step=1).update(step=2)

        assert found(checks.outcomes_of_fired) == 1

    def test_find_what_somebody_got_who_was_not_fired(self):
        Enrolment.objects.update(status="suppressed", reason="no_consent")

        # Two outcomes, a coupon, a message.
        assert found(checks.nothing_for_the_others) == 4

    def test_find_a_coupon_without_its_step(self):
        StepOutcome.objects.filter(step=0).update(result="skipped")

        assert found(checks.coupons_of_steps) == 1

    def test_find_a_coupon_step_without_its_coupon(self):
        Coupon.objects.all().delete()

        assert found(checks.coupons_of_steps) == 1

    def test_find_a_message_without_its_step(self):
        Delivery.objects.update(step=0)

        # The message stands at a step that gives a coupon, and the message step has none.
        assert found(checks.messages_of_steps) == 2

    def test_find_a_member_treated_as_of_the_other_group(self):
        Enrolment.objects.update(arm="control")

        assert found(checks.arms_kept_apart) == 1

    def test_find_who_waits_in_a_finished_campaign(self):
        Enrolment.objects.update(status="waiting", next_at=NOW)
        Campaign.objects.update(status="finished")

        assert found(checks.finished_is_finished) == 1

    @pytest.mark.parametrize(
        "fields",
        [{"state": "sent"}, {"done_at": NOW}, {"state": "sending", "attempts": 1}, {"state": "unknown", "done_at": NOW}],
    )
    def test_find_a_message_that_contradicts_its_record(self, fields):
        Delivery.objects.update(**fields)

        assert found(checks.endings_of_messages) == 1

    def test_find_a_step_of_an_unknown_kind(self):
        CampaignVersion.objects.update(steps=[{"kind": "telepathy"}])

        assert next(checks.kinds_are_known()).endswith("has steps of unknown kinds: telepathy")


class TestChecksOfEvents:
    @pytest.fixture(autouse=True)
    def _sent(self, _fired: None) -> None:
        dispatch_messages(now=NOW)

    def test_find_nothing_when_all_is_well(self):
        assert BehaviourEvent.objects.get().kind == "message_sent"
        assert [sentence for check in event_checks.CHECKS for sentence in check.rows()] == []
        assert {check.code for check in event_checks.CHECKS} <= {check.code for check in registry.checks}

    def test_find_a_message_that_no_event_tells_of(self):
        told = BehaviourEvent.objects.all()
        pk = Delivery.objects.get().pk
        told.update(external_id="rekindle:message_sent:0")

        assert list(event_checks.messages_are_told()) == [
            f"message {pk} was sent, and no event says so",
            "event rekindle:message_sent:0 tells of a message that was not sent",
        ]

        # Whoever forgets events in time keeps each member's latest.
        told.update(external_id="of another message")
        EventPolicy.objects.create(own_days=90)
        assert found(event_checks.messages_are_told) == 0
        told.delete()
        assert found(event_checks.messages_are_told) == 1

    def test_ask_for_no_event_of_who_was_erased(self):
        Member.objects.all().delete()

        assert (Delivery.objects.count(), found(event_checks.messages_are_told)) == (1, 0)

    def test_find_an_event_of_a_message_that_was_not_sent(self):
        Delivery.objects.update(state="unknown")

        assert found(event_checks.messages_are_told) == 1

    def test_find_a_use_that_no_event_tells_of_and_one_that_was_rolled_back(self):
        code = Coupon.objects.get().code
        redeem(code=code, order="o1", member="anna", amount_minor=9_000, now=NOW)
        assert (BehaviourEvent.objects.count(), found(event_checks.uses_are_told)) == (2, 0)

        Redemption.objects.update(rolled_back_at=NOW)
        assert found(event_checks.uses_are_told) == 1

        Redemption.objects.update(rolled_back_at=None)
        BehaviourEvent.objects.filter(kind="coupon_redeemed").delete()
        assert found(event_checks.uses_are_told) == 1
