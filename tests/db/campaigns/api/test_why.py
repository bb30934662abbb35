from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from campaigns.models import Campaign, CampaignVersion
from campaigns.services.lifecycle import finish, pause
from campaigns.services.running import run_campaigns
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.campaign_factories import consent, make_draft, make_reachable, make_running
from tests.factories import NOW, make_member, make_order
from tests.rest import Caller, caller

pytestmark = pytest.mark.django_db

BUYERS = {"field": "order_count", "operator": ">=", "value": 2}
FROM_WUHAN = {"field": "city", "operator": "=", "value": "Wuhan"}
ENTERED = {"kind": "segment_entered", "segment": "buyers"}


@pytest.fixture(autouse=True)
def _at_noon(settings: Any, tmp_path: Any) -> Any:
    settings.OUTBOX_DIR = tmp_path
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def client() -> Caller:
    """ann ordered twice, bob once; ann lives in Wuhan. Both may be written to."""
    for name, orders, city in (("ann", 2, "Wuhan"), ("bob", 1, "")):
        member = make_reachable(name, city=city)
        for _order in range(orders):
            make_order(member)
    create_segment(slug="buyers", name="Buyers", rule=BUYERS, now=NOW)
    refresh(as_of=NOW)
    return caller()


def asked(client: Caller, member: str, campaign: Campaign) -> dict[str, Any]:
    answer = client.get(f"members/{member}/why/?campaign={campaign.slug}")
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def checks(told: dict[str, Any]) -> dict[str, bool | None]:
    return {each["code"]: each["held"] for each in told["checks"]}


class TestWhyASegment:
    def test_answers_each_condition_with_its_value(self, client: Caller) -> None:
        told = client.get("members/bob/why/?segment=buyers").json()
        assert (told["member"], told["segment"], told["inside"], told["held"]) == ("bob", "buyers", False, False)
        assert [(each["held"], each["value"], each["threshold"], each["decides"]) for each in told["conditions"]] == [
            (False, 1, 2, True)
        ]
        assert client.get("members/ann/why/?segment=buyers").json()["inside"] is True

    def test_of_a_fixed_list_is_whether_one_stands_on_it(self, client: Caller) -> None:
        client.post("segments/", {"slug": "vip", "name": "VIP", "members": ["bob"]})
        refresh(as_of=NOW + timedelta(minutes=1))
        held = [client.get(f"members/{name}/why/?segment=vip").json()["held"] for name in ("ann", "bob")]
        assert held == [False, True]

    def test_of_a_member_whom_no_refresh_has_seen_is_not_known(self, client: Caller) -> None:
        make_member("new")
        told = client.get("members/new/why/?segment=buyers").json()
        assert (told["held"], told["inside"], told["conditions"], told["rule"]) == (None, False, [], None)


class TestWhyACampaign:
    def test_that_reached_the_member_says_so(self, client: Caller) -> None:
        campaign = make_running(audience=BUYERS)
        run_campaigns(now=NOW)
        told = asked(client, "ann", campaign)
        assert (told["decision"], told["reason"], told["sentence"]) == ("fired", None, "fired")
        assert [(each["occurrence"], each["status"], each["arm"]) for each in told["enrolments"]] == [
            ("manual", "fired", "treated")
        ]
        assert told["steps"] == [{"step": 0, "result": "done", "reason": None}]

    def test_that_did_not_want_the_member_shows_the_condition_and_the_value(self, client: Caller) -> None:
        campaign = make_running(audience=BUYERS)
        run_campaigns(now=NOW)
        told = asked(client, "bob", campaign)
        assert (told["decision"], told["conditions"][0]["of"], told["conditions"][0]["value"]) == ("not_due", "audience", 1)
        assert checks(told)["audience"] is False

    def test_that_excludes_the_member_shows_why(self, client: Caller) -> None:
        told = asked(client, "ann", make_running(exclusion=FROM_WUHAN))
        assert (told["decision"], told["reason"], told["sentence"]) == ("not_due", "exclusion", "Is excluded.")
        assert [each["value"] for each in told["conditions"] if each["of"] == "exclusion"] == ["Wuhan"]

    def test_that_is_not_running_says_in_which_state_it_is(self, client: Caller) -> None:
        draft = asked(client, "ann", make_draft())
        campaign = make_running()
        pause(campaign_id=campaign.pk, now=NOW, reason="The stock ran out.")
        paused = asked(client, "ann", campaign)
        assert (draft["reason"], draft["sentence"]) == ("running", "The campaign is not running: it is draft.")
        assert paused["sentence"] == "The campaign is not running: it is paused. The stock ran out."

    def test_whose_occasion_has_not_come_says_so(self, client: Caller) -> None:
        told = asked(client, "ann", make_running(trigger=ENTERED))
        assert (told["decision"], told["reason"]) == ("not_due", "trigger")
        assert checks(told) == {
            "running": True, "reliable": True, "trigger": False, "audience": True, "re_entry": True,
            "still_running": True, "control_group": True, "reach": True,
        }  # fmt: skip

    def test_that_is_about_to_reach_the_member_says_so(self, client: Caller) -> None:
        told = asked(client, "ann", make_running())
        assert (told["decision"], told["reason"], {*checks(told).values()}) == ("due_next", None, {True})

    def test_foretells_the_control_group_and_missing_consent(self, client: Caller) -> None:
        consent(make_member("mute"), "sms", granted=False)
        refresh(as_of=NOW)
        told = asked(client, "mute", make_running())
        assert (told["decision"], told["reason"]) == ("due_next", "reach")
        assert told["sentence"] == "Would become due, and then: consent and address: no consent for this channel."
        shares = {asked(client, "ann", make_running(control_share=0.9))["reason"] for _campaign in range(8)}
        assert "control_group" in shares

    def test_that_suppressed_the_member_gives_the_reason_it_kept(self, client: Caller) -> None:
        campaign = make_running()
        consent(make_member("late"), "sms", granted=False)
        refresh(as_of=NOW)
        run_campaigns(now=NOW)
        finish(campaign_id=campaign.pk, now=NOW)
        told = asked(client, "late", campaign)
        assert (told["decision"], told["reason"], told["sentence"]) == (
            "suppressed", "no_consent", "suppressed: no consent for this channel",
        )  # fmt: skip

    def test_whose_rule_can_no_longer_be_read_says_what_is_wrong(self, client: Caller) -> None:
        campaign = make_running(audience=BUYERS)
        CampaignVersion.objects.update(audience={"field": "gone", "operator": "=", "value": 1})
        told = asked(client, "ann", campaign)
        assert (told["decision"], told["conditions"], told["audience"]["held"]) == ("not_due", [], None)


class TestAsking:
    @pytest.mark.parametrize("query", ["", "?segment=buyers&campaign=x", "?segmnt=buyers"])
    def test_names_one_thing(self, client: Caller, query: str) -> None:
        assert client.get(f"members/ann/why/{query}").status_code == 422

    @pytest.mark.parametrize(
        "address", ["members/ann/why/?segment=gone", "members/ann/why/?campaign=gone", "members/zed/why/?segment=buyers"]
    )
    def test_for_what_is_not_there_is_404(self, client: Caller, address: str) -> None:
        assert client.get(address).status_code == 404

    @pytest.mark.parametrize(
        ("query", "scope"), [("segment=buyers", "segments:read"), ("campaign=x", "campaigns:read"), ("", "campaigns:read")]
    )
    def test_needs_the_scope_of_what_is_asked(self, client: Caller, query: str, scope: str) -> None:
        others = [each for each in ("segments:read", "campaigns:read", "members:read") if each != scope]
        refused = caller(*others).get(f"members/ann/why/?{query}")
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        assert scope in refused.json()["detail"]
        assert caller(scope).get(f"members/ann/why/?{query}").status_code != 403
        assert Caller(None).get(f"members/ann/why/?{query}").status_code == 401
