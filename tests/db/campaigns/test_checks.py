"""What `verify` finds when somebody's hand, or a defect, has been at the rows."""

from __future__ import annotations

import pytest

from campaigns.models import Campaign, CampaignVersion, Coupon, Delivery, Enrolment, StepOutcome
from campaigns.services import checks
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from core import registry
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
