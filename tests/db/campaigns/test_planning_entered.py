from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import Enrolment
from campaigns.services.lifecycle import pause, resume
from campaigns.services.planning import plan_campaigns
from retention.models import RefreshState, Transition
from retention.services.refresh import refresh
from retention.services.segments import change_rule, create_segment
from tests.campaign_factories import (
    know_everybody,
    make_running,
    occurrences,
)
from tests.factories import BUYERS, NOW, make_member, make_order

pytestmark = pytest.mark.django_db


class TestSegmentEntered:
    def test_fires_for_whoever_enters_after_the_start(self):
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        anna, boris = make_member("anna"), make_member("boris")
        make_order(anna)
        know_everybody()
        campaign = make_running(trigger={"kind": "segment_entered", "segment": "buyers"})
        assert plan_campaigns(now=NOW) == {"due": 0}

        make_order(boris)
        know_everybody(as_of=NOW + timedelta(minutes=5))

        assert plan_campaigns(now=NOW + timedelta(minutes=6)) == {"due": 1}
        assert plan_campaigns(now=NOW + timedelta(minutes=7)) == {"due": 0}
        run = Transition.objects.get(member_id=boris.pk).run_id
        assert occurrences(campaign) == [("boris", f"run:{run}")]

    def test_takes_those_inside_too_where_so_decided(self):
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        anna, boris = make_member("anna"), make_member("boris")
        make_order(anna)
        know_everybody()
        campaign = make_running(
            trigger={"kind": "segment_entered", "segment": "buyers", "include_current": True},
            re_entry={"policy": "per_occurrence"},
        )
        assert plan_campaigns(now=NOW) == {"due": 1}
        make_order(boris)
        know_everybody(as_of=NOW + timedelta(minutes=5))
        plan_campaigns(now=NOW + timedelta(minutes=6))

        run = Transition.objects.get(member_id=boris.pk).run_id
        assert occurrences(campaign) == [("anna", "current"), ("boris", f"run:{run}")]

    def test_waits_with_those_inside_until_the_segment_is_filled_by_its_new_rule(self, monkeypatch):
        """Until then whoever is inside is who the old rule meant."""
        segment = create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        make_order(make_member("anna"))
        make_member("boris")
        know_everybody()
        change_rule(segment=segment, rule={"field": "external_id", "operator": "=", "value": "boris"}, now=NOW)
        campaign = make_running(trigger={"kind": "segment_entered", "segment": "buyers", "include_current": True})
        assert plan_campaigns(now=NOW) == {"due": 0}
        monkeypatch.setattr("retention.services.builds.FEW", 1)
        refresh(as_of=NOW, build_seconds=0)
        assert plan_campaigns(now=NOW) == {"due": 0}
        refresh(as_of=NOW)
        plan_campaigns(now=NOW)
        assert occurrences(campaign) == [("boris", "current")]

    def test_leaves_whoever_enters_while_it_looks_to_the_next_planning(self):
        """A refresh commits just after the planner read which was the last one: its members have one occasion, not two."""
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        anna, boris = make_member("anna"), make_member("boris")
        make_order(anna)
        know_everybody()
        campaign = make_running(
            trigger={"kind": "segment_entered", "segment": "buyers", "include_current": True},
            re_entry={"policy": "per_occurrence"},
        )
        seen = RefreshState.objects.get().last_run_id
        make_order(boris)
        know_everybody(as_of=NOW + timedelta(minutes=5))
        newest = RefreshState.objects.get().last_run_id

        RefreshState.objects.update(last_run_id=seen)
        plan_campaigns(now=NOW + timedelta(minutes=5))
        assert occurrences(campaign) == [("anna", "current")]

        RefreshState.objects.update(last_run_id=newest)
        plan_campaigns(now=NOW + timedelta(minutes=6))
        assert occurrences(campaign) == [("anna", "current"), ("boris", f"run:{newest}")]

    def test_passes_over_whoever_entered_before_the_campaign_begins(self):
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        anna, boris = make_member("anna"), make_member("boris")
        know_everybody()
        begins = NOW + timedelta(hours=1)
        campaign = make_running(trigger={"kind": "segment_entered", "segment": "buyers"}, starts_at=begins.isoformat())
        make_order(anna)
        know_everybody(as_of=begins - timedelta(seconds=1))
        make_order(boris)
        know_everybody(as_of=begins)
        plan_campaigns(now=begins)

        assert [name for name, _occasion in occurrences(campaign)] == ["boris"]

    def test_loses_nobody_when_several_refreshes_pass_between_two_plannings(self):
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        names = ("anna", "boris", "clara")
        members = [make_member(name) for name in names]
        know_everybody()
        campaign = make_running(trigger={"kind": "segment_entered", "segment": "buyers"})
        for minute, member in enumerate(members, start=1):
            make_order(member)
            know_everybody(as_of=NOW + timedelta(minutes=minute))

        assert plan_campaigns(now=NOW + timedelta(hours=1)) == {"due": 3}
        assert [name for name, _occasion in occurrences(campaign)] == list(names)

    def test_still_asks_the_audience(self):
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        anna, boris = make_member("anna", city="Hangzhou"), make_member("boris", city="Suzhou")
        know_everybody()
        campaign = make_running(
            trigger={"kind": "segment_entered", "segment": "buyers"},
            audience={"field": "city", "operator": "=", "value": "Suzhou"},
        )
        make_order(anna)
        make_order(boris)
        know_everybody(as_of=NOW + timedelta(minutes=1))
        plan_campaigns(now=NOW + timedelta(minutes=1))

        assert [name for name, _occasion in occurrences(campaign)] == ["boris"]

    def test_passes_over_a_member_who_was_erased_since(self):
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        anna = make_member("anna")
        know_everybody()
        campaign = make_running(trigger={"kind": "segment_entered", "segment": "buyers"})
        make_order(anna)
        know_everybody(as_of=NOW + timedelta(minutes=1))
        anna.delete()

        assert plan_campaigns(now=NOW + timedelta(minutes=1)) == {"due": 0}
        assert Enrolment.objects.filter(campaign=campaign).count() == 0

    def test_makes_up_for_what_happened_during_a_pause(self):
        create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
        anna = make_member("anna")
        know_everybody()
        campaign = make_running(trigger={"kind": "segment_entered", "segment": "buyers"})
        pause(campaign_id=campaign.pk, now=NOW)
        make_order(anna)
        know_everybody(as_of=NOW + timedelta(minutes=1))
        assert plan_campaigns(now=NOW + timedelta(minutes=1)) == {"due": 0}

        resume(campaign_id=campaign.pk, now=NOW)
        assert plan_campaigns(now=NOW + timedelta(minutes=2)) == {"due": 1}
