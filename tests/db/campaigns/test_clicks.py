"""Links that tell of a click: opted into, leading where the message says, counted once a message."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError
from django.test import Client

from campaigns.channels import channels
from campaigns.models import Campaign, Delivery
from campaigns.reports.results import Clicks, campaign_report
from campaigns.services import clicks, event_checks
from campaigns.services.clicks import click_url, follow, tracked_body
from campaigns.services.dispatch import dispatch_messages
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from members.models import BehaviourEvent, DirtyMark, Member
from members.services.erasure import erase_member, export_member
from members.services.identity import merge_members
from members.services.links import LinkExpired, LinkForged
from retention.selectors.matching import matching
from retention.services.refresh import refresh
from tests.campaign_factories import SMS, ListChannel, know_everybody, make_reachable, make_running, make_template
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

BODY = "茶 https://shop.example/tea?id=1, https://shop.example/new. 退订 {{ unsubscribe_url }}"
TRACKED = {**SMS, "body": BODY, "track": True}
OURS = re.compile(r"http://127\.0\.0\.1:8000/m/[\w.-]+/")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> ListChannel:
    channel = ListChannel()
    monkeypatch.setattr(channels, "_entries", {"sms": channel})
    return channel


def send(*steps: dict[str, Any]) -> Campaign:
    know_everybody()
    campaign = make_running(slug="back", steps=list(steps))
    plan_campaigns(now=NOW)
    step_enrolments(now=NOW)
    dispatch_messages(now=NOW)
    return campaign


@pytest.fixture
def message(provider: ListChannel) -> Delivery:
    """A tracked message that was sent."""
    make_reachable("m")
    send(TRACKED)
    return Delivery.objects.get()


def page(message: Delivery, number: int = 0) -> str:
    return urlsplit(click_url(message.pk, number)).path


def told() -> list[tuple[str, str, Any, dict[str, str]]]:
    rows = BehaviourEvent.objects.exclude(kind="message_sent").order_by("kind").select_related("member")
    return [(row.member.external_id, row.kind, row.occurred_at, row.properties) for row in rows]


def clicked(member: str = "m", at: Any = NOW) -> list[tuple[str, str, Any, dict[str, str]]]:
    noted = {"channel": "sms", "campaign": "back"}
    return [(member, kind, at, noted) for kind in ("message_clicked", "message_opened")]


def meant(what: str, operator: str = ">=", times: int = 1, **where: Any) -> set[str]:
    rule = {"did": what, "operator": operator, "times": times, **({"where": where} if where else {})}
    ids = matching(rule=rule).values_list("member_id", flat=True)
    return set(Member.objects.filter(pk__in=ids).values_list("external_id", flat=True))


def unproved() -> list[str]:
    return [sentence for check in event_checks.CHECKS for sentence in check.rows()]


class TestAMessage:
    def test_leaves_with_addresses_of_ours_and_is_kept_as_it_was_written(self, provider: ListChannel) -> None:
        make_reachable("m")
        send(TRACKED)
        kept, [left] = Delivery.objects.get(), provider.got
        assert (kept.tracked, "https://shop.example/tea?id=1, https://shop.example/new." in kept.body) == (True, True)
        assert OURS.sub("(us)", left.body).startswith("茶 (us), (us). 退订 http://127.0.0.1:8000/u/")
        assert len(OURS.findall(left.body)[0]) <= len("http://127.0.0.1:8000/m/") + 25, "of sixty million messages too"
        assert tracked_body(kept) == left.body, "however often it is sent, it is the same"

    def test_is_sent_as_it_was_written_unless_asked_otherwise(self, provider: ListChannel) -> None:
        make_reachable("m")
        send({**TRACKED, "track": False})
        kept, [left] = Delivery.objects.get(), provider.got
        assert (kept.tracked, left.body) == (False, kept.body)

    @pytest.mark.parametrize("name", ["https://evil.example", "Li https://evil.example/?a=b"])
    def test_lends_its_address_to_no_link_that_a_member_brought(self, provider: ListChannel, name: str) -> None:
        make_reachable("m", name=name)
        make_reachable("n", name="Li Lei")
        send({**TRACKED, "body": "{{ member.name }}: https://shop.example/{{ member.external_id }}"})
        assert dict(Delivery.objects.values_list("body", "tracked")) == {
            f"{name}: https://shop.example/m": False,
            "Li Lei: https://shop.example/n": True,
        }

    def test_counts_the_link_of_a_coupon(self, provider: ListChannel) -> None:
        make_reachable("m")
        make_template(origin="platform", link="https://mall.example/c?x=1")
        send({"kind": "issue_coupon", "template": "back"}, {**SMS, "body": "{{ coupon.link }}", "track": True})
        assert OURS.fullmatch(provider.got[0].body)
        assert follow(token=page(Delivery.objects.get())[3:-1], now=NOW, counts=True) == "https://mall.example/c?x=1"


class TestAClick:
    def test_leads_on_and_is_told_once_whichever_link_and_however_often(self, client: Client, message: Delivery) -> None:
        DirtyMark.objects.all().delete()
        for number, target in [(0, "https://shop.example/tea?id=1"), (1, "https://shop.example/new"), (0, None)]:
            answer = client.get(page(message, number))
            assert answer.status_code == 302
            assert target is None or answer["Location"] == target
        assert ("no-store" in answer["Cache-Control"], answer.cookies) == (True, {})
        [first, _opened] = told()
        assert told() == clicked(at=first[2])
        message.refresh_from_db()
        assert message.clicked_at == first[2]
        assert set(DirtyMark.objects.values_list("member_id", flat=True)) == {message.member_id}
        assert unproved() == []

    def test_is_asked_for_in_rules(self, message: Delivery) -> None:
        make_member("nobody")
        follow(token=page(message)[3:-1], now=NOW, counts=True)
        refresh(as_of=NOW + timedelta(minutes=1))
        for kind in ("message_clicked", "message_opened"):
            assert meant(kind, campaign="back", channel="sms") == {"m"}
            assert meant(kind, campaign="other") == set()
            assert meant(kind, "=", 0) == {"nobody"}

    @pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose", "X-Moz"])
    def test_of_a_program_that_looks_ahead_is_none(self, client: Client, message: Delivery, header: str) -> None:
        assert client.get(page(message), headers={header: "prefetch;prerender"}).status_code == 302
        assert client.head(page(message)).status_code == 302
        assert client.post(page(message)).status_code == 405
        assert (told(), unproved()) == ([], [])

    def test_of_a_merged_member_is_of_who_is_left(self, client: Client, message: Delivery) -> None:
        keep = make_member("keep")
        merge_members(keep=keep.pk, drop=message.member_id, now=NOW)
        assert client.get(page(message)).status_code == 302
        assert {member for member, _kind, _at, _noted in told()} == {"keep"}
        assert unproved() == []

    def test_looks_again_when_the_member_is_merged_that_very_moment(
        self, message: Delivery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep, dropped, told_of = make_member("keep"), message.member_id, clicks.told_of

        def merged_after(unclicked: Any) -> Any:
            found = told_of(unclicked)
            monkeypatch.setattr(clicks, "told_of", told_of)
            merge_members(keep=keep.pk, drop=dropped, now=NOW)
            return found

        monkeypatch.setattr(clicks, "told_of", merged_after)
        follow(token=page(message)[3:-1], now=NOW, counts=True)
        assert (told(), unproved()) == (clicked("keep"), [])

    def test_leads_on_where_the_database_cannot_write(self, message: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
        def locked(*_args: Any, **_kwargs: Any) -> int:
            raise OperationalError("database is locked")

        with monkeypatch.context() as patched:
            patched.setattr(clicks, "write_own_events", locked)
            assert follow(token=page(message)[3:-1], now=NOW, counts=True) == "https://shop.example/tea?id=1"
        assert told() == []
        follow(token=page(message)[3:-1], now=NOW, counts=True)
        assert told() == clicked()

    def test_is_counted_in_the_report_of_its_campaign(self, provider: ListChannel) -> None:
        for name in ("a", "b", "c"):
            make_reachable(name)
        campaign = send(TRACKED)
        [_first, second, third] = Delivery.objects.order_by("pk")
        assert campaign_report(campaign=campaign).clicks == Clicks(sent=3, clicked=0)
        follow(token=page(second)[3:-1], now=NOW, counts=True)
        Delivery.objects.filter(pk=third.pk).update(state="unknown")
        report = campaign_report(campaign=campaign)
        assert (report.clicks, report.as_json()["clicks"]) == (Clicks(sent=2, clicked=1), {"sent": 2, "clicked": 1})
        assert campaign_report(campaign=make_running(slug="other")).clicks is None

    @pytest.mark.parametrize("clicked_before", [False, True])
    def test_says_of_an_unknown_message_that_it_arrived(self, message: Delivery, clicked_before: bool) -> None:
        BehaviourEvent.objects.all().delete()
        if clicked_before:
            follow(token=page(message)[3:-1], now=NOW, counts=True)
        Delivery.objects.update(state="unknown", reason="no_answer")
        for _again in range(2):
            follow(token=page(message)[3:-1], now=NOW, counts=True)
        message.refresh_from_db()
        assert (message.state, message.reason, message.clicked_at) == ("sent", "", NOW)
        kinds = BehaviourEvent.objects.order_by("kind").values_list("kind", flat=True)
        assert (list(kinds), unproved()) == (["message_clicked", "message_opened", "message_sent"], [])

    def test_is_handed_out_with_what_is_kept_of_the_member(self, message: Delivery) -> None:
        follow(token=page(message)[3:-1], now=NOW, counts=True)
        [kept] = export_member(member_id=message.member_id)["messages"]
        assert (kept["tracked"], kept["clicked_at"]) == (True, NOW.isoformat())


class TestALink:
    def test_that_we_never_made_is_refused(self, client: Client, message: Delivery) -> None:
        good = page(message)[3:-1]
        other = page(Delivery(pk=message.pk + 1))[3:-1].split(".")[1]
        for token in ("x", good[:-1], f"1{good}", f"{good.split('.')[0]}.{other}", "éé.é", "."):
            assert client.get(f"/m/{token}/").status_code == 400
            with pytest.raises(LinkForged):
                follow(token=token, now=NOW, counts=True)
        assert told() == []

    def test_leads_nowhere_once_its_member_is_erased(self, client: Client, message: Delivery) -> None:
        erase_member(member_id=message.member_id, now=NOW)
        answer = client.get(page(message))
        assert (answer.status_code, "no longer kept" in answer.content.decode()) == (410, True)
        assert (told(), unproved()) == ([], [])

    @pytest.mark.parametrize("number", [2, 3])
    def test_leads_to_no_place_the_message_has_not(self, message: Delivery, number: int) -> None:
        """The third is the one to unsubscribe, which nobody got an address of ours for."""
        if number == 2:
            assert "/u/" in follow(token=page(message, number)[3:-1], now=NOW, counts=False)
        else:
            with pytest.raises(LinkExpired):
                follow(token=page(message, number)[3:-1], now=NOW, counts=True)
        assert told() == []

    def test_made_under_a_key_of_before_still_leads_on(self, message: Delivery, settings: Any) -> None:
        token = page(message)[3:-1]
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
        assert follow(token=token, now=NOW, counts=True) == "https://shop.example/tea?id=1"
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(LinkForged):
            follow(token=token, now=NOW, counts=True)


class TestVerify:
    def test_finds_a_click_that_no_event_tells_of_and_an_event_of_none(self, message: Delivery) -> None:
        follow(token=page(message)[3:-1], now=NOW, counts=True)
        BehaviourEvent.objects.filter(kind="message_opened").delete()
        assert list(event_checks.clicks_are_told()) == [f"message {message.pk} was clicked, and no event says so"]
        Delivery.objects.update(clicked_at=None)
        event = f"rekindle:message_clicked:{message.pk}"
        assert list(event_checks.clicks_are_told()) == [f"event {event} tells of a message that nobody clicked"]
