"""Who is due: trigger, audience, exclusion, re-entry, control group."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from campaigns.conf import PLANNED_AT_ONCE
from campaigns.holdout import held_out
from campaigns.models import Campaign, CampaignVersion, Enrolment
from campaigns.models.pauses import because
from campaigns.services import planning
from campaigns.services.lifecycle import activate, finish
from campaigns.services.planning import plan_campaign, plan_campaigns
from members.models import Member
from retention.models import RefreshState, Transition
from retention.services.segments import create_segment
from tests.campaign_factories import (
    EVERYONE,
    know_everybody,
    make_draft,
    make_reachable,
    make_running,
    occurrences,
    outcomes,
)
from tests.factories import BUYERS, NOW, make_member, make_order, shop_time
from tests.factories import TODAY_NUMBER as TODAY

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def replan(campaign: Campaign, now: datetime = NOW) -> int:
    """This function will plan as if the trigger had remembered nothing: what is left is the constraints."""
    Campaign.objects.filter(pk=campaign.pk).update(planned_at=None, planned_day=None, planned_run_id=0)
    return plan_campaign(campaign_id=campaign.pk, now=now)


class TestManual:
    def test_makes_everyone_of_the_audience_due_once(self):
        anna, boris = make_member("anna"), make_member("boris")
        make_member("clara")
        make_order(anna)
        make_order(boris)
        know_everybody()
        campaign = make_running(audience=BUYERS)

        assert plan_campaigns(now=NOW) == {"due": 2}
        assert plan_campaigns(now=NOW + DAY) == {"due": 0}
        assert occurrences(campaign) == [("anna", "manual"), ("boris", "manual")]
        assert set(Enrolment.objects.values_list("due_at", "next_at", "status")) == {(NOW, NOW, "waiting")}

    def test_leaves_out_whom_the_exclusion_holds_but_not_whom_it_does_not_know(self):
        make_member("anna", city="Hangzhou")
        make_member("boris", city="Suzhou")
        make_member("clara")
        know_everybody()
        campaign = make_running(exclusion={"field": "city", "operator": "=", "value": "Suzhou"})

        plan_campaigns(now=NOW)

        assert [name for name, _occasion in occurrences(campaign)] == ["anna", "clara"]

    def test_asks_the_audience_once_and_never_again(self):
        """Trap 16: whoever was let in stays, even when the rule no longer holds of them."""
        member = make_reachable("anna", city="Hangzhou")
        know_everybody()
        campaign = make_running(audience={"field": "city", "operator": "=", "value": "Hangzhou"})
        plan_campaigns(now=NOW)
        Member.objects.filter(pk=member.pk).update(city="Suzhou")

        plan_campaigns(now=NOW + DAY)

        assert outcomes(campaign) == [("anna", "waiting", "")]

    def test_waits_for_the_first_refresh_instead_of_meeting_nobody(self):
        make_member("anna")
        campaign = make_running()

        assert plan_campaigns(now=NOW) == {"due": 0}
        know_everybody()
        assert plan_campaigns(now=NOW) == {"due": 1}
        assert occurrences(campaign) == [("anna", "manual")]

    def test_waits_for_the_start(self):
        make_member("anna")
        know_everybody()
        make_running(starts_at=(NOW + DAY).isoformat())

        assert plan_campaigns(now=NOW) == {"due": 0}
        assert plan_campaigns(now=NOW + DAY) == {"due": 1}

    def test_plans_more_members_than_one_statement_holds(self, monkeypatch):
        for number in range(7):
            make_member(f"m{number}")
        know_everybody()
        campaign = make_running()
        monkeypatch.setattr(planning, "PLANNED_AT_ONCE", 3)

        assert plan_campaigns(now=NOW) == {"due": 7}
        assert len(set(occurrences(campaign))) == 7
        assert PLANNED_AT_ONCE > 1_000

    def test_writes_nothing_when_everything_is_planned_again(self):
        """Traps 10, 11, 13: the constraint, not the memory of the trigger, keeps the second run from firing."""
        make_member("anna")
        know_everybody()
        campaign = make_running()
        plan_campaigns(now=NOW)

        assert replan(campaign) == 0
        assert occurrences(campaign) == [("anna", "manual")]


class TestControlGroup:
    def test_is_drawn_by_the_members_own_key_before_anything_else(self):
        for number in range(200):
            make_member(f"m{number}")
        know_everybody()
        campaign = make_running(control_share=0.25)
        plan_campaigns(now=NOW)

        drawn = dict(Enrolment.objects.values_list("member_id", "arm"))
        expected = {
            member.pk: "control" if held_out(key=member.external_id, salt=campaign.salt, share=0.25) else "treated"
            for member in Member.objects.all()
        }
        assert drawn == expected
        assert 25 <= list(drawn.values()).count("control") <= 75

    def test_is_the_same_for_a_member_who_was_erased_and_came_back(self):
        member = make_member("anna")
        know_everybody()
        campaign = make_running(control_share=0.5)
        plan_campaigns(now=NOW)
        arm = Enrolment.objects.get().arm
        member.delete()
        make_member("anna")
        know_everybody()

        replan(campaign)

        assert set(Enrolment.objects.values_list("arm", flat=True)) == {arm}
        assert Enrolment.objects.count() == 2

    def test_differs_between_campaigns(self):
        for number in range(100):
            make_member(f"m{number}")
        know_everybody()
        first, second = make_running(control_share=0.5), make_running(control_share=0.5)
        plan_campaigns(now=NOW)

        groups = [
            set(Enrolment.objects.filter(campaign=campaign, arm="control").values_list("member_id", flat=True))
            for campaign in (first, second)
        ]
        assert groups[0] != groups[1]


class TestReEntry:
    DAILY = {"kind": "schedule", "at": "09:00"}

    def run_daily(self, runs: int, **re_entry: object) -> list[tuple[str, str]]:
        make_member("anna")
        know_everybody()
        campaign = make_running(now=NOW, trigger=self.DAILY, re_entry=re_entry)
        for day in range(1, runs + 1):
            plan_campaigns(now=shop_time(TODAY + day))
        return occurrences(campaign)

    def test_once_lets_a_member_in_once_ever(self):
        assert self.run_daily(3, policy="once") == [("anna", "2026-06-16")]

    def test_once_is_a_constraint(self):
        """Trap 20: whatever an upgrade does to the query, the database refuses the second row."""
        self.run_daily(1, policy="once")
        row = Enrolment.objects.get()
        row.pk, row.occurrence = None, "2026-06-17"
        with pytest.raises(IntegrityError):
            row.save(force_insert=True)

    def test_per_occurrence_lets_a_member_in_at_each_run(self):
        assert self.run_daily(3, policy="per_occurrence") == [
            ("anna", "2026-06-16"),
            ("anna", "2026-06-17"),
            ("anna", "2026-06-18"),
        ]

    def test_every_so_many_days_counts_days_of_the_calendar(self):
        assert self.run_daily(7, policy="every", days=3) == [
            ("anna", "2026-06-16"),
            ("anna", "2026-06-19"),
            ("anna", "2026-06-22"),
        ]

    def test_every_day_does_not_skip_a_day_because_the_last_run_was_late(self):
        """Trap 2.1: counted in hours, whoever got it late yesterday would be passed over today."""
        make_member("anna")
        know_everybody()
        campaign = make_running(trigger=self.DAILY, re_entry={"policy": "every", "days": 1})
        plan_campaigns(now=shop_time(TODAY + 1) + timedelta(hours=9))
        plan_campaigns(now=shop_time(TODAY + 2) - timedelta(hours=3))

        assert [occasion for _name, occasion in occurrences(campaign)] == ["2026-06-16", "2026-06-17"]

    def test_every_lets_a_member_in_once_of_several_occasions_at_once(self):
        segment = create_segment(slug="lost", name="Lost", rule=BUYERS, now=NOW)
        anna = make_member("anna")
        know_everybody()
        campaign = make_running(
            trigger={"kind": "segment_entered", "segment": "lost"}, re_entry={"policy": "every", "days": 30}
        )
        later_runs = [RefreshState.objects.get().last_run_id + ahead for ahead in (100, 101)]
        for run in later_runs:
            Transition.objects.create(segment=segment, member_id=anna.pk, entered=True, at=NOW, run_id=run)
        make_order(anna)
        know_everybody(as_of=NOW + timedelta(hours=1))
        RefreshState.objects.update(last_run_id=later_runs[-1])

        assert plan_campaigns(now=NOW + timedelta(hours=1)) == {"due": 1}
        assert len(occurrences(campaign)) == 1


class TestSchedule:
    def plan_at(self, *instants: datetime, **trigger: object) -> list[str]:
        make_member("anna")
        know_everybody()
        campaign = make_running(trigger={"kind": "schedule", **trigger}, re_entry={"policy": "per_occurrence"})
        for now in instants:
            plan_campaigns(now=now)
        return [occasion for _name, occasion in occurrences(campaign)]

    def test_runs_every_day_at_nine_by_the_shops_clock(self):
        nine = shop_time(TODAY + 1) - timedelta(hours=3)

        assert self.plan_at(nine - timedelta(seconds=1)) == []
        plan_campaigns(now=nine)
        assert occurrences(Campaign.objects.get()) == [("anna", "2026-06-16")]

    def test_does_not_run_for_an_hour_that_was_over_when_the_campaign_started(self):
        assert self.plan_at(NOW, NOW + timedelta(hours=5)) == []

    def test_runs_once_however_often_it_is_asked(self):
        noon = shop_time(TODAY + 1)

        assert self.plan_at(noon, noon + timedelta(minutes=1), noon + timedelta(hours=11)) == ["2026-06-16"]

    def test_makes_up_for_the_latest_of_the_runs_it_missed(self):
        assert self.plan_at(shop_time(TODAY + 1), shop_time(TODAY + 5)) == ["2026-06-16", "2026-06-20"]

    def test_runs_on_its_weekday(self):
        days = [shop_time(TODAY + day) for day in range(1, 15)]

        assert self.plan_at(*days, every="week", weekday="thursday") == ["2026-06-18", "2026-06-25"]

    def test_takes_the_last_day_of_a_shorter_month(self):
        days = [shop_time(TODAY + day) for day in range(1, 80)]

        assert self.plan_at(*days, every="month", day=31) == ["2026-06-30", "2026-07-31", "2026-08-31"]

    def test_waits_until_the_start(self):
        make_member("anna")
        know_everybody()
        campaign = make_running(trigger={"kind": "schedule"}, starts_at=shop_time(TODAY + 3).isoformat())
        plan_campaigns(now=shop_time(TODAY + 3) + timedelta(minutes=1))
        assert occurrences(campaign) == []

        plan_campaigns(now=shop_time(TODAY + 4))

        assert occurrences(campaign) == [("anna", "2026-06-19")]


class TestPlanCampaign:
    def test_rolls_back_when_a_person_stops_the_campaign_meanwhile(self, monkeypatch):
        """By interleaving: the campaign is paused after its candidates were read and before its progress is noted."""
        make_member("anna")
        know_everybody()
        campaign = make_running()
        enrol = planning._enrol

        def paused_meanwhile(*args, **kwargs):
            written = enrol(*args, **kwargs)
            Campaign.objects.filter(pk=campaign.pk).update(status="paused")
            return written

        monkeypatch.setattr(planning, "_enrol", paused_meanwhile)

        assert plan_campaign(campaign_id=campaign.pk, now=NOW) == 0
        assert Enrolment.objects.count() == 0

    def test_leaves_a_person_the_last_word_where_it_would_have_paused_the_campaign(self, monkeypatch):
        know_everybody()
        campaign = make_running()

        def stop_and_object(**_asked):
            finish(campaign_id=campaign.pk, now=NOW, by="a person")
            return because("step_unknown")

        monkeypatch.setattr(planning, "hindrance", stop_and_object)

        assert plan_campaigns(now=NOW) == {"due": 0}

    def test_pauses_a_campaign_whose_rule_no_longer_fits(self):
        make_member("anna")
        know_everybody()
        campaign = make_running()
        CampaignVersion.objects.update(audience={"field": "no_such_field", "operator": "=", "value": 1})

        assert plan_campaigns(now=NOW) == {"due": 0}
        campaign.refresh_from_db()
        assert campaign.status == "paused"
        assert "no_such_field" in campaign.paused_reason

    def test_plans_the_others_when_one_breaks_and_says_so_at_the_end(self, monkeypatch):
        make_member("anna")
        know_everybody()
        broken, sound = make_running(), make_running()
        enrol = planning._enrol

        def fail_for_one(rows, campaign, *args):
            if campaign.pk == broken.pk:
                raise RuntimeError("a defect")
            return enrol(rows, campaign, *args)

        monkeypatch.setattr(planning, "_enrol", fail_for_one)
        with pytest.raises(ExceptionGroup):
            plan_campaigns(now=NOW)

        assert outcomes(sound) == [("anna", "waiting", "")]
        assert outcomes(broken) == []

    def test_costs_the_same_number_of_statements_for_one_member_and_for_many(self):
        make_member("anna")
        know_everybody()
        counts = []
        for more in (0, 50):
            for number in range(more):
                make_member(f"m{number}")
            know_everybody()
            campaign = make_draft(audience=EVERYONE)
            activate(campaign_id=campaign.pk, now=NOW)
            with CaptureQueriesContext(connection) as captured:
                plan_campaign(campaign_id=campaign.pk, now=NOW)
            counts.append(len(captured))

        assert counts[0] == counts[1]
