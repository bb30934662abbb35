"""Whether it worked: everyone assigned, orders in the window, the difference with its interval."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import Campaign, Coupon, Enrolment, Redemption
from campaigns.reports.results import balance, campaign_report
from campaigns.reports.side_by_side import CampaignsSideBySide
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from members.models import Member
from retention.reports.base import Asked
from tests.campaign_factories import COUPON, SMS, know_everybody, make_reachable, make_running, make_template
from tests.factories import NOW, make_member, make_order, shop_time
from tests.factories import TODAY_NUMBER as TODAY

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
WINDOW = timedelta(days=14)


def planned(treated: int, control: int, **changes: object) -> tuple[Campaign, list[Member], list[Member]]:
    """This function will make a campaign with arms of these sizes, due at NOW."""
    members = [make_reachable(f"m{number}") for number in range(treated + control)]
    know_everybody()
    campaign = make_running(**changes)
    plan_campaigns(now=NOW)
    Enrolment.objects.filter(member_id__in=[member.pk for member in members[treated:]]).update(arm="control")
    return campaign, members[:treated], members[treated:]


def arm(report: dict, name: str) -> tuple[int, int, int]:
    return tuple(report["arms"][name][key] for key in ("conversions", "orders", "revenue_minor"))


class TestWhatCounts:
    def test_is_an_order_after_becoming_due_until_the_windows_end(self):
        campaign, members, _control = planned(5, 0)
        instants = [NOW, NOW + SECOND, NOW + WINDOW, NOW + WINDOW + SECOND, NOW - SECOND]
        for member, placed_at in zip(members, instants, strict=True):
            make_order(member, placed_at=placed_at, total_minor=1_000)

        assert arm(campaign_report(campaign=campaign).as_json(), "treated") == (2, 2, 2_000)

    def test_is_no_cancelled_order_and_no_refunded_money(self):
        campaign, (anna, boris), _control = planned(2, 0)
        make_order(anna, placed_at=NOW + SECOND, status="cancelled")
        make_order(boris, placed_at=NOW + SECOND, total_minor=1_000, refunded_minor=400)

        assert arm(campaign_report(campaign=campaign).as_json(), "treated") == (1, 1, 600)

    def test_is_a_member_once_and_every_order_once(self):
        campaign, (anna,), _control = planned(1, 0)
        for hour in (1, 2):
            make_order(anna, placed_at=NOW + timedelta(hours=hour), total_minor=500)

        assert arm(campaign_report(campaign=campaign).as_json(), "treated") == (1, 2, 1_000)

    def test_is_no_order_of_somebody_else(self):
        campaign, _treated, _control = planned(1, 0)
        make_order(make_member("stranger"), placed_at=NOW + SECOND)

        assert arm(campaign_report(campaign=campaign).as_json(), "treated") == (0, 0, 0)

    def test_follows_the_campaigns_own_window(self):
        campaign, (anna,), _control = planned(1, 0, attribution_days=1)
        make_order(anna, placed_at=NOW + timedelta(days=1) + SECOND)

        assert arm(campaign_report(campaign=campaign).as_json(), "treated") == (0, 0, 0)

    def test_counts_an_order_once_that_falls_into_two_windows(self):
        member = make_reachable("anna")
        know_everybody()
        campaign = make_running(trigger={"kind": "schedule"}, re_entry={"policy": "per_occurrence"})
        for day in (1, 2, 3):
            plan_campaigns(now=shop_time(TODAY + day))
        make_order(member, placed_at=shop_time(TODAY + 4), total_minor=700)

        report = campaign_report(campaign=campaign).as_json()
        assert (report["due"], report["treated"], report["conversions"], report["revenue_minor"]) == (3, 1, 1, 700)
        assert report["arms"]["treated"]["enrolments"] == 3

    def test_compares_by_the_first_window_alone_because_being_due_again_is_an_outcome(self):
        member = make_reachable("anna")
        know_everybody()
        campaign = make_running(
            trigger={"kind": "schedule"}, re_entry={"policy": "per_occurrence"}, attribution_days=1, control_share=0
        )
        for day in (1, 10):
            plan_campaigns(now=shop_time(TODAY + day))
        make_order(member, placed_at=shop_time(TODAY + 10) + SECOND, total_minor=700)

        treated = campaign_report(campaign=campaign).as_json()["arms"]["treated"]
        assert (treated["enrolments"], treated["orders"], treated["revenue_minor"]) == (2, 1, 700)
        assert (treated["conversions"], treated["revenue_per_member_minor"]) == (0, 0)


class TestCampaignReport:
    def test_compares_everyone_assigned_whatever_became_of_them(self):
        """Intention to treat: suppressed members stay in their arm."""
        campaign, treated, control = planned(20, 10)
        for member in treated[:10]:
            member.consents.all().delete()
        step_enrolments(now=NOW)
        for member in [*treated[:8], *control[:1]]:
            make_order(member, placed_at=NOW + SECOND, total_minor=1_000)

        report = campaign_report(campaign=campaign).as_json()

        assert (report["due"], report["fired"], report["held_out"]) == (30, 10, 10)
        assert report["suppressed"] == {"no_consent": 10}
        assert (report["failed"], report["waiting"]) == (0, 0)
        assert (report["treated"], report["control"], report["conversions"], report["revenue_minor"]) == (20, 10, 8, 8_000)
        lift = report["lift"]
        assert lift["absolute"] == pytest.approx(0.3)
        assert lift["relative"] == pytest.approx(3)
        # Wilson's limits of 8/20 are 0.2188 and 0.6134, of 1/10 0.0179 and 0.4042; combined by squares.
        assert lift["interval_95"] == pytest.approx([-0.0540, 0.5287], abs=1e-4)
        assert lift["test"] == "fisher_exact"
        assert 0.1 < lift["p_value"] < 0.3
        # (400 a treated member - 100 a control member) x 20 treated.
        assert report["incremental_revenue_minor"] == 6_000
        assert report["net_minor"] == 6_000

    def test_says_nothing_about_lift_without_a_control_group(self):
        campaign, (anna,), _control = planned(1, 0)
        make_order(anna, placed_at=NOW + SECOND)
        report = campaign_report(campaign=campaign).as_json()

        assert report["lift"] == {"absolute": None, "relative": None, "interval_95": None, "p_value": None, "test": None}
        assert (report["conversions"], report["net_minor"], report["sample_ratio_p"]) == (1, None, None)

    def test_of_a_campaign_nobody_was_due_in(self):
        campaign = make_running()
        report = campaign_report(campaign=campaign).as_json()

        assert (report["due"], report["treated"], report["control"], report["cost_minor"]) == (0, 0, 0, 0)
        assert balance(campaign=campaign).due == 0

    def test_costs_the_same_number_of_statements_for_one_member_and_for_many(self, django_assert_max_num_queries):
        campaign, treated, _control = planned(30, 10)
        for member in treated:
            make_order(member, placed_at=NOW + SECOND)

        with django_assert_max_num_queries(6):
            campaign_report(campaign=campaign)


class TestCost:
    def fired_with_coupon(self, **template: object) -> Campaign:
        make_template(**template)
        make_reachable("anna")
        make_reachable("boris")
        know_everybody()
        campaign = make_running(steps=[COUPON, SMS])
        plan_campaigns(now=NOW)
        step_enrolments(now=NOW)
        return campaign

    def redeem(self, coupon: Coupon | None, *, code: str, member_id: int | None, discount: int, **fields: object) -> None:
        template = Coupon.objects.first().template
        Redemption.objects.create(
            template=template, coupon=coupon, code=code, order=f"o{Redemption.objects.count()}", member_id=member_id,
            amount_minor=10_000, discount_minor=discount, redeemed_at=NOW + SECOND, **fields,
        )  # fmt: skip

    def test_is_what_orders_took_off_with_this_campaigns_coupons(self):
        campaign = self.fired_with_coupon()
        first, second = Coupon.objects.order_by("pk")
        self.redeem(first, code=first.code, member_id=first.member_id, discount=2_000)
        self.redeem(second, code=second.code, member_id=second.member_id, discount=900, rolled_back_at=NOW)
        other = Coupon.objects.create(template=first.template, code="OTHER", issued_at=NOW)
        self.redeem(other, code="OTHER", member_id=None, discount=500)

        assert campaign_report(campaign=campaign).as_json()["cost_minor"] == 2_000

    def test_of_a_public_code_is_what_those_took_off_who_had_it_from_here(self):
        campaign = self.fired_with_coupon(code="SUMMER")
        anna = Member.objects.get(external_id="anna")
        stranger = make_member("stranger")
        self.redeem(None, code="SUMMER", member_id=anna.pk, discount=2_000)
        self.redeem(None, code="SUMMER", member_id=stranger.pk, discount=2_000)
        self.redeem(None, code="SUMMER", member_id=None, discount=2_000)
        boris = Member.objects.get(external_id="boris")
        self.redeem(None, code="SUMMER", member_id=boris.pk, discount=2_000)
        Redemption.objects.filter(member_id=boris.pk).update(redeemed_at=NOW - SECOND)  # before he had it

        assert campaign_report(campaign=campaign).as_json()["cost_minor"] == 2_000


class TestSideBySide:
    def asked(self, first: int, last: int) -> Asked:
        return Asked(first, last, TODAY + 60, shop_time(TODAY + 60))

    def test_sets_campaigns_with_somebody_due_in_the_period_beside_each_other(self):
        campaign, treated, control = planned(30, 30)
        for member in [*treated[:15], *control[:3]]:
            make_order(member, placed_at=NOW + SECOND, total_minor=2_000)
        report = CampaignsSideBySide()
        counted = report.count(self.asked(TODAY, TODAY + 30))
        (row,) = counted["rows"]
        alone = campaign_report(campaign=campaign).as_json()
        assert (row["due"], row["treated"], row["control"]) == (60, 30, 30)
        assert (row["treated_rate"], row["control_rate"]) == (0.5, 0.1)
        assert (row["low"], row["high"]) == tuple(alone["lift"]["interval_95"])
        assert row["net_minor"] == alone["net_minor"] == 24_000
        result = report.show(self.asked(TODAY, TODAY + 30), counted)
        assert result.values == {"campaigns": 1, "worked": 1, "due": 60, "cost_minor": 0, "net_minor": 24_000}
        assert campaign.name in str(result.sentences[0])
        assert "+40.0 percentage points" in str(result.sentences[0])
        assert not any("may be chance" in note for note in result.notes)

    def test_says_that_the_revenue_may_be_chance_where_the_lift_may(self):
        _campaign, treated, control = planned(30, 30)
        make_order(treated[0], placed_at=NOW + SECOND, total_minor=90_000)
        make_order(control[0], placed_at=NOW + SECOND, total_minor=2_000)
        result = CampaignsSideBySide().run(request=self.asked(TODAY, TODAY + 30))
        assert (result.values["worked"], result.values["net_minor"]) == (0, 88_000)
        assert any("may be chance as well" in note for note in result.notes)

    def test_leaves_out_campaigns_that_had_nobody_due_then(self):
        planned(1, 0)
        report = CampaignsSideBySide()
        counted = report.count(self.asked(TODAY + 1, TODAY + 30))
        assert counted == {"rows": [], "campaigns": 0}
        (sentence,) = report.show(self.asked(TODAY + 1, TODAY + 30), counted).sentences
        assert str(sentence) == "No campaign had anybody due in this time."
