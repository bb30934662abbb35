"""Pages without a login: a link changes nothing until its button is pressed, and a bad one says so."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from members.doors import MOST_A_MINUTE
from members.models import Consent, ConsentRecord, ConsentRequest, Member
from members.services.identity import merge_members
from members.services.links import confirm_url, preferences_url, unsubscribe_url
from members.services.opt_in import request_consent
from tests.campaign_factories import make_reachable
from tests.factories import make_member

pytestmark = pytest.mark.django_db


def of(url: str) -> str:
    return urlsplit(url).path


def unsubscribing(member: Member, days_ago: int = 0) -> str:
    sent_at = timezone.now() - timedelta(days=days_ago)
    return of(unsubscribe_url(member_id=member.pk, channel="email", purpose="marketing", now=sent_at))


def granted() -> set[str]:
    return set(Consent.objects.filter(granted=True).values_list("channel", flat=True))


class TestUnsubscribing:
    def test_takes_a_press_of_the_button_and_not_a_look(self, client: Client) -> None:
        page = unsubscribing(make_reachable())
        looked = client.get(page)
        assert (looked.status_code, granted()) == (200, {"sms", "email"})
        assert looked.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in looked.headers["Cache-Control"]
        assert client.head(page).status_code == 200
        assert granted() == {"sms", "email"}
        assert client.post(page).status_code == 200
        assert granted() == {"sms"}

    def test_works_with_one_click_from_a_mail_program_and_twice_alike(self) -> None:
        page = unsubscribing(make_reachable())
        stranger = Client(enforce_csrf_checks=True)
        for _again in range(2):
            assert stranger.post(page, {"List-Unsubscribe": "One-Click"}).status_code == 200
        assert (granted(), ConsentRecord.objects.count()) == ({"sms"}, 1)

    def test_shows_no_address_in_full(self, client: Client) -> None:
        member = make_reachable(email="wang.fang@example.com")
        shown = client.get(unsubscribing(member)).content.decode()
        assert ("w***@example.com" in shown, "wang.fang" in shown) == (True, False)

    def test_works_for_ever_but_leads_on_for_half_a_year_only(self, client: Client) -> None:
        member = make_reachable()
        assert "/p/" in client.get(unsubscribing(member)).content.decode()
        old = unsubscribing(member, days_ago=1_000)
        assert "/p/" not in client.get(old).content.decode()
        assert client.post(old).status_code == 200
        assert granted() == {"sms"}

    def test_follows_a_member_who_was_merged(self, client: Client) -> None:
        keep, drop = make_reachable(), make_member()
        page = unsubscribing(drop)
        merge_members(keep=keep.pk, drop=drop.pk, now=timezone.now())
        client.post(page)
        assert granted() == {"sms"}

    @pytest.mark.parametrize(
        ("member", "reader", "word"), [("zh-cn", "en", "退订"), ("en", "zh-CN", "Unsubscribe"), ("", "zh-CN", "退订")]
    )
    def test_speaks_the_members_language_else_the_readers(self, client: Client, member: str, reader: str, word: str) -> None:
        page = unsubscribing(make_reachable(language=member))
        assert word in client.get(page, headers={"Accept-Language": reader}).content.decode()


class TestABadLink:
    @pytest.mark.parametrize("kind", ["u", "p", "c"])
    def test_that_we_never_made_is_refused(self, client: Client, kind: str) -> None:
        make_reachable()
        good = unsubscribing(Member.objects.get()).split("/")[2]
        other = signing.Signer(salt="elsewhere").sign("1-em").replace(":", ".")
        for token in ("x", other, good[:-3], f"9{good}"):
            for answer in (client.get(f"/{kind}/{token}/"), client.post(f"/{kind}/{token}/")):
                assert answer.status_code == 400
        assert granted() == {"sms", "email"}

    def test_for_another_purpose_is_refused(self, client: Client) -> None:
        token = unsubscribing(make_reachable()).split("/")[2]
        assert [client.post(f"/{kind}/{token}/").status_code for kind in "pc"] == [400, 400]

    def test_that_is_too_old_is_gone(self, client: Client) -> None:
        member = make_reachable()
        page = of(preferences_url(member_id=member.pk, now=timezone.now() - timedelta(days=200)))
        assert (client.get(page).status_code, client.post(page, {"none": "1"}).status_code) == (410, 410)
        assert granted() == {"sms", "email"}

    def test_of_somebody_erased_is_gone(self, client: Client) -> None:
        member = make_reachable()
        page = unsubscribing(member)
        member.delete()
        assert client.post(page).status_code == 410

    def test_asked_too_often_has_to_wait(self, client: Client) -> None:
        page = unsubscribing(make_reachable())
        answers = [client.get(page).status_code for _call in range(MOST_A_MINUTE + 1)]
        assert (answers[0], answers[-1]) == (200, 429)


class TestPreferences:
    def test_are_saved_as_ticked(self, client: Client) -> None:
        page = of(preferences_url(member_id=make_reachable().pk, now=timezone.now()))
        assert client.post(page, {"sms-service": "on", "email-marketing": "on"}).status_code == 200
        said = Consent.objects.order_by("channel", "purpose").values_list("channel", "purpose", "granted")
        assert list(said) == [
            ("email", "marketing", True),
            ("email", "service", False),
            ("sms", "marketing", False),
            ("sms", "service", True),
        ]
        assert set(ConsentRecord.objects.values_list("source", "said")) == {
            ("preferences", "granted"),
            ("preferences", "suppressed"),
        }

    def test_can_be_nothing_at_all_and_all_again(self, client: Client) -> None:
        page = of(preferences_url(member_id=make_reachable().pk, now=timezone.now()))
        client.post(page, {"none": "1", "sms-marketing": "on"})
        assert granted() == set()
        client.post(page, {"sms-marketing": "on"})
        assert granted() == {"sms"}


class TestConfirming:
    def page(self, member: Member) -> str:
        asked = request_consent(
            member_id=member.pk, channel="email", purpose="marketing", text_version="", stated_by="S", now=timezone.now()
        )
        return of(confirm_url(request_id=asked.pk))

    def test_takes_the_button_once(self, client: Client) -> None:
        page = self.page(make_member(email="a@example.com"))
        assert (client.get(page).status_code, granted()) == (200, set())
        assert [client.post(page).status_code for _again in range(2)] == [200, 200]
        assert (granted(), ConsentRecord.objects.count()) == ({"email"}, 1)

    def test_fails_once_asked_anew_expired_or_sent_to_another_address(self, client: Client) -> None:
        member = make_member(email="a@example.com")
        first, second = self.page(member), self.page(member)
        assert client.post(first).status_code == 410
        Member.objects.update(email="b@example.com")
        assert client.post(second).status_code == 410
        Member.objects.update(email="a@example.com")
        ConsentRequest.objects.update(requested_at=timezone.now() - timedelta(days=9), expires_at=timezone.now())
        assert client.post(second).status_code == 410
        assert granted() == set()


class TestCallbacks:
    @pytest.fixture(autouse=True)
    def _secret(self, settings) -> None:
        settings.CALLBACK_SECRET = "s3cret"

    def call(self, client: Client, address: str, secret: str = "s3cret", **told: object):
        return client.post(
            f"/callbacks/{address}/", told, content_type="application/json", headers={"X-Callback-Secret": secret}
        )

    def test_an_answer_refuses_advertising(self, client: Client) -> None:
        member = make_reachable()
        phone = member.phone.removeprefix("+86")
        assert self.call(client, "sms", phone=phone, text="hello").json() == {"refuses": False, "members": 0}
        assert self.call(client, "sms", phone=phone, text="退订").json() == {"refuses": True, "members": 1}
        assert granted() == {"email"}

    def test_a_dead_address_gets_nothing_whatever_it_is_for(self, client: Client) -> None:
        member = make_reachable()
        passing = self.call(client, "email", email=member.email, event="bounce", permanent=False)
        assert passing.json() == {"refuses": False, "members": 0}
        assert self.call(client, "email", email=member.email.upper(), event="bounce", permanent=True).json()["members"] == 1
        said = Consent.objects.filter(channel="email").order_by("purpose").values_list("purpose", "granted")
        assert list(said) == [("marketing", False), ("service", False)]

    def test_a_call_without_the_secret_changes_nothing(self, client: Client, settings) -> None:
        member = make_reachable()
        told = {"phone": member.phone, "text": "R"}
        assert self.call(client, "sms", secret="guess", **told).status_code == 403
        assert self.call(client, "sms", secret="", **told).status_code == 403
        settings.CALLBACK_SECRET = ""
        assert self.call(client, "sms", **told).status_code == 404
        assert granted() == {"sms", "email"}

    @pytest.mark.parametrize(
        ("address", "told"),
        [
            ("sms", {"text": "R"}),
            ("sms", {"phone": "12", "text": "R"}),
            ("sms", {"phone": 13800138000, "text": "R"}),
            ("email", {"email": "a@example.com", "event": "opened"}),
            ("email", {"email": "nobody", "event": "complaint"}),
        ],
    )
    def test_a_call_that_makes_no_sense_is_refused(self, client: Client, address: str, told: dict) -> None:
        assert self.call(client, address, **told).status_code == 422
