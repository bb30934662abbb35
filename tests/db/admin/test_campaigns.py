from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, Delivery, Enrolment
from campaigns.selectors.documents import document_of
from campaigns.services.clicks import click_url
from campaigns.services.lifecycle import update_draft
from campaigns.services.running import run_campaigns
from retention.models import Segment
from retention.models.failures import failure
from retention.services.segments import create_segment
from tests.campaign_factories import know_everybody, make_draft, make_reachable, make_running, make_template
from tests.db.admin.conftest import World, staff, text_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db

ADD = "admin:campaigns_campaign_add"
EVERYONE = json.dumps({"everyone": True})
SMS = {"kind": "send_message", "channel": "sms", "body": "Dear {{ member.name }}"}
COUPON = {"kind": "issue_coupon", "template": "back"}


def form(*steps: dict[str, str], **fields: Any) -> dict[str, Any]:
    """This function will give what the campaign form sends: a manual campaign to everyone, with changes."""
    data = {
        "name": "Win back", "slug": "", "trigger_kind": "manual", "at": "09:00", "days_before": "0", "every": "day",
        "weekday": "monday", "day": "", "segment": "", "leap_day": "feb_28", "audience": EVERYONE, "exclusion": "",
        "control_percent": "20", "attribution_days": "14", "re_entry_policy": "", "re_entry_days": "",
        "starts_at": "", "ends_at": "", "steps-TOTAL_FORMS": str(len(steps)), "steps-INITIAL_FORMS": "0",
    }  # fmt: skip
    for number, step in enumerate(steps):
        data |= {f"steps-{number}-{name}": value for name, value in step.items()}
        data.setdefault(f"steps-{number}-ORDER", str(number + 1))
    return data | fields


def made(client: Client, *steps: dict[str, str], **fields: Any) -> Campaign:
    answer = client.post(reverse(ADD), form(*steps, **fields))
    assert answer.status_code == 302, (answer.context["form"].errors, answer.context["steps"].errors)
    return Campaign.objects.select_related("version").get()


def refused(client: Client, *steps: dict[str, str], **fields: Any) -> tuple[list[str], list[list[str]]]:
    """This function will send a form that must be refused and tell which fields, and which of each step, are marked."""
    answer = client.post(reverse(ADD), form(*steps, **fields))
    assert (answer.status_code, Campaign.objects.count()) == (200, 0)
    return list(answer.context["form"].errors), [list(errors) for errors in answer.context["steps"].errors]


class TestDrafting:
    def test_writes_the_form_as_a_campaign(self, admin: Client) -> None:
        make_template()
        campaign = made(admin, COUPON, SMS)
        version = campaign.version
        assert version is not None
        assert (campaign.slug, campaign.status, version.trigger) == ("win-back", "draft", {"kind": "manual"})
        assert (version.audience, version.exclusion) == ({"everyone": True}, None)
        assert [step["kind"] for step in version.steps] == ["issue_coupon", "send_message"]
        assert (version.control_share, version.attribution_days, version.re_entry) == (0.2, 14, {"policy": "once"})

    @pytest.mark.parametrize(
        ("fields", "trigger"),
        [
            ({"trigger_kind": "schedule", "every": "week", "weekday": "friday"}, {"every": "week", "weekday": "friday"}),
            ({"trigger_kind": "schedule", "every": "month", "day": "31"}, {"every": "month", "day": 31}),
            ({"trigger_kind": "date", "days_before": "3", "at": "10:30"}, {"days_before": 3, "at": "10:30"}),
        ],
    )
    def test_keeps_what_belongs_to_the_trigger(self, fields: Any, trigger: Any, admin: Client) -> None:
        version = made(admin, SMS, **fields).version
        assert version is not None
        assert trigger.items() <= version.trigger.items()

    @pytest.mark.parametrize(
        ("step", "warned"),
        [
            (SMS, True),
            ({**SMS, "body": "Dear {{ member.name }} 拒收请回复R"}, False),
            ({**SMS, "body": "Dear {{ member.name }}: {{ unsubscribe_url }}"}, False),
            ({**SMS, "body": "Dear {{ member.name }}, stop by our shop"}, True),
            ({**SMS, "channel": "email"}, False),
        ],
    )
    def test_warns_of_advertising_that_does_not_say_how_to_refuse(
        self, step: dict[str, str], warned: bool, admin: Client
    ) -> None:
        answer = admin.post(reverse(ADD), form(step), follow=True)
        assert Campaign.objects.count() == 1
        assert ("拒收请回复R" in " ".join(str(each) for each in answer.context["messages"])) is warned

    @pytest.mark.parametrize(
        ("body", "track", "warned"), [("See https://shop.example", "on", False), ("Dear", "on", True), ("Dear", "", False)]
    )
    def test_warns_where_there_is_nothing_to_click(self, body: str, track: str, warned: bool, admin: Client) -> None:
        answer = admin.post(reverse(ADD), form({**SMS, "body": body, "track": track}), follow=True)
        version = Campaign.objects.select_related("version").get().version
        assert version is not None
        assert version.steps[0]["track"] is (track == "on")
        assert ("no link to click" in " ".join(str(each) for each in answer.context["messages"])) is warned

    def test_shows_what_somebody_else_saved_meanwhile_and_then_saves_over_it(self, admin: Client) -> None:
        campaign = made(admin, SMS)
        page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
        mine, theirs = ({**_filled(admin.get(page).context["form"]), "name": name} for name in ("Mine", "Theirs"))
        assert admin.post(page, form({**SMS, "body": "Hello"}, **theirs)).status_code == 302

        refused = admin.post(page, form(SMS, **mine))
        campaign.refresh_from_db()
        assert (refused.status_code, campaign.name) == (200, "Theirs")
        said = "somebody saved it as “Theirs”. When: once, when the campaign is started. Who: everyone. What: sends by SMS"
        assert f"{said}: “Hello”." in text_of(refused)

        again = refused.context["form"]["seen"].value()
        assert f'value="{again}"' in refused.content.decode()
        assert admin.post(page, form(SMS, **{**mine, "seen": again})).status_code == 302
        campaign.refresh_from_db()
        assert (campaign.name, campaign.version.steps[0]["body"]) == ("Mine", SMS["body"])  # type: ignore[union-attr]

    def test_fires_when_a_member_enters_a_segment(self, admin: Client) -> None:
        create_segment(slug="fading", name="Fading", rule={"everyone": True}, now=NOW)
        fields = {"trigger_kind": "segment_entered", "segment": "fading", "include_current": "on"}
        version = made(admin, SMS, **fields).version
        assert version is not None
        assert version.trigger == {"kind": "segment_entered", "segment": "fading", "include_current": True}

    def test_takes_steps_in_their_order_on_screen_without_those_taken_out(self, admin: Client) -> None:
        make_template()
        late, early = {**SMS, "ORDER": "2"}, {**COUPON, "ORDER": "1"}
        out = {**SMS, "ORDER": "3", "DELETE": "on"}
        version = made(admin, late, early, out).version
        assert version is not None
        assert [step["kind"] for step in version.steps] == ["issue_coupon", "send_message"]

    def test_shows_steps_again_in_their_order_on_screen_when_saving_is_refused(self, admin: Client) -> None:
        make_template()
        late, early = {**SMS, "body": "", "ORDER": "2"}, {**COUPON, "ORDER": "1"}
        answer = admin.post(reverse(ADD), form(late, early))
        shown = [step["kind"].value() for step in answer.context["steps"].in_order()]
        assert shown == ["issue_coupon", "send_message"]
        assert answer.context["steps"].forms[0].errors["body"] == ["This is missing."]

    def test_numbers_a_short_name_that_is_taken(self, admin: Client) -> None:
        for _time in range(2):
            admin.post(reverse(ADD), form(SMS))
        assert list(Campaign.objects.order_by("pk").values_list("slug", flat=True)) == ["win-back", "win-back-2"]

    def test_opens_a_draft_as_it_was_saved_and_saves_it_unchanged(self, admin: Client) -> None:
        make_template()
        campaign = made(admin, COUPON, SMS, starts_at="2026-07-01T08:00", re_entry_policy="every", re_entry_days="30")
        before = document_of(campaign)
        page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
        shown = admin.get(page)
        sent = form(COUPON, SMS, **_filled(shown.context["form"]))
        assert admin.post(page, sent).status_code == 302
        campaign = Campaign.objects.select_related("version").get()
        assert document_of(campaign) == before
        assert before["starts_at"] == "2026-07-01T00:00:00+00:00"


def _filled(shown: Any) -> dict[str, Any]:
    """This function will read what the inputs of a form hold, as a browser would send them."""
    values = {}
    for field in shown:
        value = field.value()
        if isinstance(value, bool):
            values |= {field.name: "on"} if value else {}
        else:
            values[field.name] = json.dumps(value) if isinstance(value, dict) else ("" if value is None else str(value))
    return values


class TestRefusing:
    def test_marks_the_step_and_field_that_are_wrong(self, admin: Client) -> None:
        assert refused(admin, SMS, {**SMS, "body": "{{ coupon.code }}"}) == ([], [[], ["body"]])

    def test_marks_a_coupon_that_does_not_exist(self, admin: Client) -> None:
        assert refused(admin, COUPON) == ([], [["template"]])

    def test_marks_the_name_when_it_is_missing(self, admin: Client) -> None:
        fields, _steps = refused(admin, SMS, name="")
        assert fields[0] == "name"

    def test_marks_the_rule(self, admin: Client) -> None:
        assert refused(admin, SMS, audience='{"in_segment": "gone"}') == (["audience"], [[]])

    def test_says_that_a_step_is_needed(self, admin: Client) -> None:
        answer = admin.post(reverse(ADD), form())
        assert "Say what the campaign does" in text_of(answer)

    def test_marks_an_end_before_the_start(self, admin: Client) -> None:
        fields = {"starts_at": "2026-07-02T08:00", "ends_at": "2026-07-01T08:00"}
        assert refused(admin, SMS, **fields) == (["ends_at"], [[]])

    def test_marks_days_missing_between_two_times(self, admin: Client) -> None:
        assert refused(admin, SMS, re_entry_policy="every") == (["re_entry_days"], [[]])


class TestStarting:
    def page(self, campaign: Campaign, verb: str = "start") -> str:
        return reverse(f"admin:campaigns_campaign_{verb}", args=[campaign.pk])

    def test_says_first_how_many_it_reaches_and_what_it_gives(self, admin: Client, world: World) -> None:
        shown = text_of(admin.get(self.page(world.draft)))
        assert "This will reach up to 3 members, about 0 of them held back as the control group." in shown
        assert "3 of them can be written to by SMS." in shown
        assert "It will issue up to 3 coupons “Come back”, worth ¥60." in shown
        assert Campaign.objects.get(pk=world.draft.pk).status == "draft"

    def test_starts_nothing_else_than_what_was_counted(self, admin: Client, world: World) -> None:
        [(name, seen)] = admin.get(self.page(world.draft)).context["hidden"]
        update_draft(campaign=world.draft, document={**document_of(world.draft), "name": "Theirs"}, now=NOW)
        answer = admin.post(self.page(world.draft), {name: seen}, follow=True)
        assert "Somebody else saved this draft meanwhile. Look at it again." in text_of(answer)
        assert Campaign.objects.get(pk=world.draft.pk).status == "draft"
        [again] = admin.get(self.page(world.draft)).context["hidden"]
        admin.post(self.page(world.draft), dict([again]))
        assert Campaign.objects.get(pk=world.draft.pk).status == "running"

    def test_starts_on_confirmation_and_fires_at_the_next_pass(self, admin: Client, world: World) -> None:
        answer = admin.post(self.page(world.draft), follow=True)
        assert "is running. The first go out within a minute." in text_of(answer)
        run_campaigns(now=NOW)
        assert Enrolment.objects.filter(campaign=world.draft, status="fired").count() == 3

    def test_refuses_to_start_what_is_running(self, admin: Client, world: World) -> None:
        shown = text_of(admin.post(self.page(world.running), follow=True))
        assert "Only a draft can be started; this campaign is running." in shown

    def test_says_why_a_draft_cannot_start(self, admin: Client, world: World) -> None:
        Segment.objects.update(failure=failure("said", said="its field is gone"))
        shown = text_of(admin.get(reverse("admin:campaigns_campaign_change", args=[world.draft.pk])))
        assert 'id="start-disabled"' in shown
        assert "could not be counted: see its page." in shown

    def test_pauses_resumes_and_finishes(self, admin: Client, world: World) -> None:
        seen = []
        for verb in ("pause", "resume", "finish"):
            admin.post(self.page(world.running, verb))
            world.running.refresh_from_db()
            seen.append(world.running.status)
        assert seen == ["paused", "running", "finished"]

    def test_asks_before_it_moves(self, admin: Client, world: World) -> None:
        for verb in ("pause", "finish"):
            assert admin.get(self.page(world.running, verb)).status_code == 200
        world.running.refresh_from_db()
        assert world.running.status == "running"

    def test_deletes_a_draft_and_nothing_that_has_run(self, admin: Client, world: World) -> None:
        for campaign in (world.draft, world.running):
            admin.post(reverse("admin:campaigns_campaign_delete", args=[campaign.pk]))
        assert list(Campaign.objects.values_list("pk", flat=True)) == [world.running.pk]


class TestRunning:
    def test_shows_a_balance_that_adds_up_and_leads_to_its_lists(self, admin: Client, world: World) -> None:
        answer = admin.get(reverse("admin:campaigns_campaign_change", args=[world.running.pk]))
        balance = answer.context["balance"]
        assert balance["due"] == "3"
        assert [part.count for part in balance["parts"]] == ["3", "0", "0", "0", "0"]
        fired = admin.get(balance["parts"][0].url)
        assert len(fired.context["cl"].result_list) == 3

    def test_lists_the_suppressed_by_reason(self, admin: Client) -> None:
        make_reachable("silent", channels=())
        know_everybody()
        campaign = make_running()
        run_campaigns(now=NOW)
        answer = admin.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
        [(reason, count, url)] = answer.context["suppressed"]
        assert (reason, count) == ("no consent for this channel", "1")
        assert len(admin.get(url).context["cl"].result_list) == 1

    def test_says_how_many_messages_were_clicked_and_leads_to_them(self, admin: Client) -> None:
        for _member in range(3):
            make_reachable()
        know_everybody()
        campaign = make_running(steps=[{**SMS, "body": "https://shop.example", "track": True}])
        page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
        assert admin.get(page).context["clicks"] is None
        run_campaigns(now=NOW)
        make_running()
        run_campaigns(now=NOW)
        first = Delivery.objects.filter(tracked=True).order_by("pk")[0]
        admin.get(urlsplit(click_url(first.pk, 0)).path)
        answer = admin.get(page)
        assert "sent were clicked (33%)." in text_of(answer)
        clicks = answer.context["clicks"]
        assert (clicks["clicked"], clicks["sent"]) == ("1", "3")
        assert list(admin.get(clicks["clicked_url"]).context["cl"].result_list) == [first]
        assert len(admin.get(clicks["sent_url"]).context["cl"].result_list) == 3
        rule = admin.get(clicks["segment_url"]).context["form"]["rule"].value()
        assert rule["where"] == {"campaign": campaign.slug}
        shown = admin.get(reverse("admin:campaigns_delivery_change", args=[first.pk]))
        assert "first click" in text_of(shown)

    def test_is_read_only(self, admin: Client, world: World) -> None:
        page = reverse("admin:campaigns_campaign_change", args=[world.running.pk])
        before = document_of(world.running)
        admin.post(page, form(SMS, name="Another"))
        world.running.refresh_from_db()
        assert document_of(world.running) == before

    def test_opens_although_a_kind_is_gone(self, admin: Client, world: World) -> None:
        world.running.version.trigger = {"kind": "moon"}
        world.running.version.steps = [{"kind": "pigeon"}]
        world.running.version.audience = {"field": "gone", "operator": "=", "value": 1}
        world.running.version.save()
        page = reverse("admin:campaigns_campaign_change", args=[world.running.pk])
        assert admin.get(page).status_code == 200
        assert admin.get(reverse("admin:campaigns_campaign_changelist")).status_code == 200


class TestMessagePreview:
    def ask(self, client: Client, **asked: str) -> Any:
        page = reverse("admin:campaigns_message_preview")
        return client.post(page, json.dumps(asked), content_type="application/json")

    def test_writes_the_message_for_a_real_member(self, admin: Client) -> None:
        make_reachable(name="王芳")
        answer = self.ask(admin, body="Dear {{ member.name }}")
        assert answer.json() == {"reader": "王芳", "subject": "", "body": "Dear 王芳", "warning": ""}

    def test_tells_how_to_greet_who_left_no_name(self, admin: Client) -> None:
        make_reachable(name="")
        bare = self.ask(admin, body="Dear {{ member.name }}").json()
        with_default = self.ask(admin, body="Dear {{ member.name | default: 'customer' }}").json()
        assert (bare["body"], "default: 'customer'" in bare["warning"]) == ("Dear ", True)
        assert (with_default["body"], with_default["warning"]) == ("Dear customer", "")

    def test_shows_the_last_day_of_a_coupon_given_now(self, admin: Client) -> None:
        make_template("back", valid_days=14)
        with time_machine.travel(NOW, tick=False):
            answer = self.ask(admin, body="until {{ coupon.valid_until }}", coupon="back")
        assert answer.json()["body"] == "until 2026-06-29"

    def test_says_what_cannot_be_written(self, admin: Client) -> None:
        answer = self.ask(admin, body="{{ coupon.code }}")
        assert (answer.status_code, len(answer.json()["problems"])) == (422, 1)

    def test_is_refused_to_who_may_not_write_campaigns(self) -> None:
        assert self.ask(staff("campaigns.view_campaign"), body="x").status_code == 403


def test_a_draft_is_shown_to_who_may_only_look(db: None) -> None:
    draft = make_draft()
    shown = staff("campaigns.view_campaign").get(reverse("admin:campaigns_campaign_change", args=[draft.pk]))
    assert (shown.status_code, "campaign-form" in text_of(shown)) == (200, False)
