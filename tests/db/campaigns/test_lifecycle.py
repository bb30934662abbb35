"""Draft, running, paused, finished: each move once, from where it begins."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation

from campaigns.models import Campaign, CampaignVersion, Delivery
from campaigns.selectors.documents import document_of, edition_of
from campaigns.services.dispatch import dispatch_messages
from campaigns.services.lifecycle import (
    ChangedMeanwhile,
    MoveRefused,
    NotReady,
    activate,
    create_campaign,
    delete_draft,
    finish,
    pause,
    resume,
    update_draft,
)
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from core.errors import InvalidInput, NotFound
from retention.models import Segment, Upkeep
from retention.models.failures import failure
from retention.services.segments import create_segment
from tests.campaign_factories import (
    COUPON,
    EVERYONE,
    SMS,
    document,
    know_everybody,
    make_draft,
    make_reachable,
    make_running,
    make_template,
    outcomes,
)
from tests.factories import NOW

pytestmark = pytest.mark.django_db


class TestCreateCampaign:
    def test_makes_a_draft_with_its_first_version_and_a_salt_of_its_own(self):
        first, second = make_draft(), make_draft()

        assert (first.status, first.version.number, first.version.frozen_at) == ("draft", 1, None)
        assert len(first.salt) == 32
        assert first.salt != second.salt

    def test_refuses_a_short_name_that_is_taken(self):
        make_draft(slug="hello")
        with pytest.raises(InvalidInput) as caught:
            create_campaign(document=document(slug="hello"), now=NOW)

        assert [(each.path, each.code) for each in caught.value.problems] == [("slug", "taken")]
        assert Campaign.objects.count() == 1


class TestUpdateDraft:
    def test_replaces_the_whole_content(self):
        draft = make_draft(control_share=0.5)

        updated = update_draft(campaign=draft, document=document(slug="new", name="New"), now=NOW)

        assert (updated.slug, updated.name, updated.version.control_share) == ("new", "New", 0)
        assert CampaignVersion.objects.count() == 1

    def test_saves_nothing_over_what_somebody_else_saved_meanwhile(self):
        draft = make_draft()
        seen, same = edition_of(draft), document_of(draft)
        assert edition_of(update_draft(campaign=draft, document=same, now=NOW, seen=seen)) == seen
        theirs = update_draft(campaign=draft, document={**same, "name": "Theirs"}, now=NOW, seen=seen)

        with pytest.raises(ChangedMeanwhile) as refused:
            update_draft(campaign=draft, document={**same, "name": "Ours"}, now=NOW, seen=seen)

        assert (Campaign.objects.get().name, edition_of(refused.value.now)) == ("Theirs", edition_of(theirs))
        again = update_draft(campaign=draft, document={**same, "name": "Ours"}, now=NOW, seen=edition_of(theirs))
        assert again.name == "Ours"

    def test_refuses_to_change_what_runs(self):
        campaign = make_running()
        with pytest.raises(MoveRefused) as caught:
            update_draft(campaign=campaign, document=document(), now=NOW)

        assert caught.value.code == "campaign_not_draft"
        assert CampaignVersion.objects.get().trigger == {"kind": "manual"}


class TestDeleteDraft:
    def test_removes_a_draft_and_its_version(self):
        delete_draft(campaign_id=make_draft().pk)

        assert (Campaign.objects.count(), CampaignVersion.objects.count()) == (0, 0)

    def test_keeps_what_has_run(self):
        campaign = make_running()
        with pytest.raises(MoveRefused):
            delete_draft(campaign_id=campaign.pk)

        assert Campaign.objects.count() == 1


class TestActivate:
    def test_freezes_the_version_and_does_no_work_itself(self):
        make_reachable("anna")
        know_everybody()

        campaign = make_running(now=NOW)

        assert (campaign.status, campaign.activated_at, campaign.version.frozen_at) == ("running", NOW, NOW)
        assert outcomes(campaign) == []

    def test_checks_anew_what_may_have_gone_since(self):
        make_template()
        draft = make_draft(steps=[COUPON])
        draft.version.steps = [{"kind": "issue_coupon", "template": "gone"}]
        draft.version.save()

        with pytest.raises(NotReady) as caught:
            activate(campaign_id=draft.pk, now=NOW)

        assert caught.value.code == "campaign_not_ready"
        assert [(each.path, each.code) for each in caught.value.problems] == [("steps[0].template", "unknown_template")]
        assert Campaign.objects.get().status == "draft"

    def test_refuses_a_step_of_a_kind_that_is_gone(self):
        draft = make_draft()
        draft.version.steps = [{"kind": "telepathy"}]
        draft.version.save()

        with pytest.raises(NotReady) as caught:
            activate(campaign_id=draft.pk, now=NOW)

        assert [each.code for each in caught.value.problems] == ["unknown_kind"]

    def test_refuses_a_campaign_that_would_be_over(self):
        draft = make_draft(ends_at="2026-01-01T00:00:00Z")
        with pytest.raises(NotReady) as caught:
            activate(campaign_id=draft.pk, now=NOW)

        assert [each.code for each in caught.value.problems] == ["already_over"]

    def test_refuses_a_segment_that_is_too_old(self):
        create_segment(slug="lost", name="Lost", rule=EVERYONE, now=NOW)
        know_everybody()
        draft = make_draft(audience={"in_segment": "lost"})

        with pytest.raises(NotReady):
            activate(campaign_id=draft.pk, now=NOW + timedelta(days=8))
        assert activate(campaign_id=draft.pk, now=NOW + timedelta(days=7)).status == "running"

    def test_of_a_campaign_that_is_not_there(self):
        with pytest.raises(NotFound):
            activate(campaign_id=1, now=NOW)


class TestMoves:
    @pytest.mark.parametrize(
        ("before", "verb", "code"),
        [
            ([], pause, "campaign_not_running"),
            ([], resume, "campaign_not_paused"),
            ([], finish, "campaign_not_running"),
            ([activate], activate, "campaign_not_draft"),
            ([activate], resume, "campaign_not_paused"),
            ([activate, pause], pause, "campaign_not_running"),
            ([activate, finish], finish, "campaign_not_running"),
            ([activate, finish], resume, "campaign_not_paused"),
            ([activate, finish], activate, "campaign_not_draft"),
        ],
    )
    def test_are_refused_from_where_they_do_not_begin(self, before, verb, code):
        draft = make_draft()
        for move in before:
            move(campaign_id=draft.pk, now=NOW)
        status = Campaign.objects.get().status

        with pytest.raises(MoveRefused) as caught:
            verb(campaign_id=draft.pk, now=NOW)

        assert (caught.value.code, caught.value.status) == (code, 409)
        assert Campaign.objects.get().status == status

    def test_lead_from_running_to_paused_and_back(self):
        campaign = make_running()

        assert pause(campaign_id=campaign.pk, now=NOW, reason="wrong price").paused_reason == "wrong price"
        again = resume(campaign_id=campaign.pk, now=NOW)
        assert (again.status, again.paused_reason) == ("running", "")


class TestPause:
    def test_keeps_who_waits_and_what_is_queued(self):
        make_reachable("anna")
        know_everybody()
        campaign = make_running()
        plan_campaigns(now=NOW)
        pause(campaign_id=campaign.pk, now=NOW)

        assert step_enrolments(now=NOW) == {}
        assert outcomes(campaign) == [("anna", "waiting", "")]
        resume(campaign_id=campaign.pk, now=NOW)
        assert step_enrolments(now=NOW) == {"fired": 1}
        pause(campaign_id=campaign.pk, now=NOW)
        assert dispatch_messages(now=NOW) == {}
        assert Delivery.objects.get().state == "queued"

    def test_stops_planning(self):
        make_reachable("anna")
        know_everybody()
        campaign = make_running()
        pause(campaign_id=campaign.pk, now=NOW)

        assert plan_campaigns(now=NOW) == {"due": 0}
        assert outcomes(campaign) == []


class TestFinish:
    def test_leaves_nobody_waiting_and_nothing_queued(self):
        """Trap 22: finished means that no row is left in between."""
        make_reachable("anna")
        make_reachable("boris")
        know_everybody()
        campaign = make_running()
        plan_campaigns(now=NOW)
        finish(campaign_id=campaign.pk, now=NOW)

        assert outcomes(campaign) == [
            ("anna", "suppressed", "campaign_finished"),
            ("boris", "suppressed", "campaign_finished"),
        ]
        assert step_enrolments(now=NOW) == {}

    def test_keeps_queued_messages_from_leaving(self):
        make_reachable("anna")
        know_everybody()
        campaign = make_running()
        plan_campaigns(now=NOW)
        step_enrolments(now=NOW)
        finish(campaign_id=campaign.pk, now=NOW)

        assert dispatch_messages(now=NOW) == {"suppressed": 1}
        message = Delivery.objects.get()
        assert (message.state, message.reason) == ("suppressed", "campaign_finished")

    def test_comes_by_itself_at_the_end(self):
        make_reachable("anna")
        know_everybody()
        campaign = make_running(ends_at=(NOW + timedelta(hours=1)).isoformat())
        assert plan_campaigns(now=NOW) == {"due": 1}

        plan_campaigns(now=NOW + timedelta(hours=1))

        campaign.refresh_from_db()
        assert (campaign.status, campaign.finished_at) == ("finished", NOW + timedelta(hours=1))
        assert outcomes(campaign) == [("anna", "suppressed", "campaign_finished")]

    def test_comes_to_a_paused_campaign_too(self):
        campaign = make_running(ends_at=(NOW + timedelta(hours=1)).isoformat())
        pause(campaign_id=campaign.pk, now=NOW)

        plan_campaigns(now=NOW + timedelta(hours=1))

        campaign.refresh_from_db()
        assert campaign.status == "finished"


class TestWhatACampaignReliesOn:
    """Trap 7: a segment that fails or grows old pauses the campaigns that name it; nothing stale is served in silence."""

    def test_pauses_when_the_segment_grows_old(self):
        create_segment(slug="lost", name="Lost ones", rule=EVERYONE, now=NOW)
        know_everybody()
        campaign = make_running(trigger={"kind": "schedule"}, audience={"in_segment": "lost"})

        plan_campaigns(now=NOW + timedelta(days=7, seconds=1))

        campaign.refresh_from_db()
        assert campaign.status == "paused"
        assert campaign.paused_reason == "The segment “Lost ones” was last counted more than 7 days ago."

    def test_pauses_when_the_segment_of_its_exclusion_grows_old(self):
        create_segment(slug="lost", name="Lost ones", rule=EVERYONE, now=NOW)
        know_everybody()
        campaign = make_running(trigger={"kind": "schedule"}, exclusion={"in_segment": "lost"})

        plan_campaigns(now=NOW + timedelta(days=7, seconds=1))

        campaign.refresh_from_db()
        assert campaign.status == "paused"

    def test_pauses_when_the_segment_failed(self):
        create_segment(slug="lost", name="Lost ones", rule=EVERYONE, now=NOW)
        know_everybody()
        campaign = make_running(trigger={"kind": "segment_entered", "segment": "lost"})
        Segment.objects.update(failure=failure("said", said="division by zero"))

        plan_campaigns(now=NOW)

        campaign.refresh_from_db()
        assert campaign.status == "paused"
        assert "Lost ones" in campaign.paused_reason

    def test_pauses_when_the_segment_is_gone(self):
        create_segment(slug="lost", name="Lost ones", rule=EVERYONE, now=NOW)
        know_everybody()
        campaign = make_running(trigger={"kind": "segment_entered", "segment": "lost"})
        Segment.objects.update(slug="renamed")

        plan_campaigns(now=NOW)

        campaign.refresh_from_db()
        assert (campaign.status, campaign.paused_reason) == ("paused", "The segment “lost” no longer exists.")

    def test_never_grows_old_without_a_segment(self):
        make_reachable("anna")
        know_everybody()
        campaign = make_running()

        assert plan_campaigns(now=NOW + timedelta(days=400)) == {"due": 1}
        assert outcomes(campaign) == [("anna", "waiting", "")]

    def test_pauses_when_its_coupon_is_gone_and_the_others_go_on(self):
        template = make_template()
        make_reachable("anna")
        know_everybody()
        broken = make_running(steps=[COUPON, SMS])
        sound = make_running()
        template.delete()

        assert plan_campaigns(now=NOW) == {"due": 1}

        broken.refresh_from_db()
        assert (broken.status, broken.paused_reason) == ("paused", "There is no coupon template “back”.")
        assert outcomes(sound) == [("anna", "waiting", "")]


class TestWhyACampaignPaused:
    """The clock speaks no language: what it keeps is said in the reader's."""

    def test_is_kept_as_a_code_with_its_values(self):
        create_segment(slug="lost", name="Lost ones", rule=EVERYONE, now=NOW)
        know_everybody()
        campaign = make_running(trigger={"kind": "schedule"}, audience={"in_segment": "lost"})

        with translation.override("zh-hans"):
            plan_campaigns(now=NOW + timedelta(days=7, seconds=1))

        campaign.refresh_from_db()
        assert campaign.paused_because == {"code": "segment_stale", "params": {"name": "Lost ones", "days": 7}}
        assert campaign.paused_reason == "The segment “Lost ones” was last counted more than 7 days ago."

    def test_is_said_in_the_language_of_the_reader_when_the_clock_had_another(self):
        template = make_template()
        know_everybody()
        campaign = make_running(steps=[COUPON, SMS])
        template.delete()

        with translation.override("zh-hans"):
            plan_campaigns(now=NOW)

        campaign.refresh_from_db()
        assert campaign.paused_reason == "There is no coupon template “back”."
        with translation.override("zh-hans"):
            assert campaign.paused_reason == "没有名为“back”的优惠券模板。"

    def test_is_a_persons_own_words_where_a_person_paused_it(self):
        campaign = make_running()
        pause(campaign_id=campaign.pk, now=NOW, reason="wrong price")
        campaign.refresh_from_db()
        assert campaign.paused_because == {"code": "said", "params": {"said": "wrong price"}}

    def test_follows_the_limit_that_marketers_set(self):
        Upkeep.objects.create(stale_days=2)
        create_segment(slug="lost", name="Lost ones", rule=EVERYONE, now=NOW)
        know_everybody()
        campaign = make_running(trigger={"kind": "schedule"}, audience={"in_segment": "lost"})

        plan_campaigns(now=NOW + timedelta(days=2))
        campaign.refresh_from_db()
        assert campaign.status == "running"

        plan_campaigns(now=NOW + timedelta(days=2, seconds=1))
        campaign.refresh_from_db()
        assert campaign.paused_reason == "The segment “Lost ones” was last counted more than 2 days ago."
