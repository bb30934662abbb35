"""What campaigns do is told as events of the member's: with it or not at all, once, and gone when it does not hold."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from campaigns.channels import ChannelError, channels
from campaigns.coupons.issue import issue_one
from campaigns.coupons.redeem import redeem, roll_back
from campaigns.coupons.refusals import CouponRefused
from campaigns.models import Campaign, Coupon, Delivery
from campaigns.services.dispatch import dispatch_messages, mark_sent
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from members.models import BehaviourEvent, DirtyMark, EventKind, Member
from members.services.own_events import write_own_events
from retention.models import Segment
from retention.selectors import facts_rows
from retention.selectors.matching import matching
from retention.services.refresh import refresh
from retention.services.segments import create_segment
from tests.campaign_factories import COUPON, SMS, ListChannel, know_everybody, make_reachable, make_running, make_template
from tests.db.retention.oracle import assert_facts_are_exact
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

GIFT = {**COUPON, "template": "gift"}


def told() -> list[tuple[str, str, dict[str, str]]]:
    rows = BehaviourEvent.objects.order_by("kind", "member__external_id").select_related("member")
    return [(row.member.external_id, row.kind, row.properties) for row in rows]


def did(what: str, operator: str = ">=", times: int = 1, **more: Any) -> dict[str, Any]:
    return {"did": what, "operator": operator, "times": times, **more}


def meant(rule: dict[str, Any]) -> set[str]:
    ids = matching(rule=rule).values_list("member_id", flat=True)
    return set(Member.objects.filter(pk__in=ids).values_list("external_id", flat=True))


def facts_of(external_id: str) -> dict[str, Any]:
    pk = Member.objects.get(external_id=external_id).pk
    return facts_rows([pk])[pk]


def fire(*steps: dict[str, str]) -> Campaign:
    know_everybody()
    campaign = make_running(slug="back", steps=list(steps))
    plan_campaigns(now=NOW)
    step_enrolments(now=NOW)
    return campaign


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> ListChannel:
    channel = ListChannel()
    monkeypatch.setattr(channels, "_entries", {"sms": channel})
    return channel


class TestAMessage:
    def test_is_told_once_it_was_sent_and_counts_from_the_next_refresh_on(self, provider: ListChannel) -> None:
        make_reachable("m")
        make_member("nobody")
        fire(SMS)
        assert told() == []
        DirtyMark.objects.all().delete()
        dispatch_messages(now=NOW)
        dispatch_messages(now=NOW)
        assert told() == [("m", "message_sent", {"channel": "sms", "campaign": "back"})]
        assert DirtyMark.objects.count() == 1
        refresh(as_of=NOW + timedelta(minutes=1))
        assert_facts_are_exact(NOW + timedelta(minutes=1))
        assert (facts_of("m")["messages_30d"], facts_of("m")["last_contacted_at"]) == (1, "2026-06-15")
        assert meant(did("message_sent", where={"channel": "sms", "campaign": "back"})) == {"m"}
        assert meant(did("message_sent", where={"channel": "email"})) == set()
        assert meant(did("message_sent", "=", 0, within_days=30)) == {"nobody"}

    def test_that_leaves_the_window_counts_no_more_from_that_night_on(self, provider: ListChannel) -> None:
        make_reachable("m")
        fire(SMS)
        dispatch_messages(now=NOW)
        for days, counted in [(29, 1), (30, 0)]:
            refresh(as_of=NOW + timedelta(days=days))
            assert_facts_are_exact(NOW + timedelta(days=days))
            assert facts_of("m")["messages_30d"] == counted
        assert facts_of("m")["last_contacted_at"] == "2026-06-15"

    def test_that_was_refused_or_of_which_nothing_is_known_is_not_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = ChannelError("no such number", permanent=True), ChannelError("timed out", handed_over=True)
        monkeypatch.setattr(channels, "_entries", {"sms": ListChannel(*answers, honours_keys=False)})
        make_reachable("one")
        make_reachable("two")
        fire(SMS)
        dispatch_messages(now=NOW)
        assert told() == []
        mark_sent(delivery_id=Delivery.objects.get(state="unknown").pk, now=NOW, by="Ann")
        assert [kind for _member, kind, _noted in told()] == ["message_sent"]

    def test_to_somebody_who_was_erased_meanwhile_is_not_told(self) -> None:
        gone, there = make_member("gone"), make_member("there")
        Member.objects.filter(pk=gone.pk).delete()
        reported = [(1, gone.pk, {}), (2, there.pk, {})]
        assert write_own_events(EventKind.MESSAGE_SENT, reported, at=NOW) == 1
        assert told() == [("there", "message_sent", {})]


class TestACoupon:
    def test_is_asked_for_where_it_stands_and_followed_by_segments(self) -> None:
        make_reachable("m")
        make_template("gift")
        create_segment(slug="given", name="G", rule=did("coupon_issued", where={"template": "gift"}), now=NOW)
        fire(GIFT)
        assert told() == []
        make_member("nobody")
        refresh(as_of=NOW + timedelta(minutes=1))
        assert Segment.objects.get(slug="given").member_count == 1
        for where in ({"campaign": "back"}, {"template": ["gift", "other"], "campaign": "back"}):
            assert meant(did("coupon_issued", where=where)) == {"m"}
        assert meant(did("coupon_issued", where={"campaign": "other"})) == set()
        assert meant(did("coupon_issued", "=", 0)) == {"nobody"}
        assert meant(did("coupon_issued", distinct_days=True, within_days=1)) == {"m"}

    def test_given_by_hand_names_no_campaign_and_one_for_its_bearer_nobody(self) -> None:
        make_template("gift")
        issue_one(template_slug="gift", member_id=make_member("m").pk, now=NOW - timedelta(days=2))
        issue_one(template_slug="gift", member_id=None, now=NOW)
        refresh(as_of=NOW)
        assert meant(did("coupon_issued", where={"campaign": {"operator": "is_null"}})) == {"m"}
        assert meant(did("coupon_issued", within_days=2)) == set()
        assert meant(did("coupon_issued", between_days_ago=[2, 2])) == {"m"}

    def test_that_is_redeemed_is_told_once_and_no_more_when_it_is_given_back(self) -> None:
        make_reachable("m")
        make_template("gift")
        fire(GIFT)
        use: dict[str, Any] = {"code": Coupon.objects.get().code, "order": "o1"}
        for _again in range(2):
            redeem(**use, member="m", amount_minor=5_000, now=NOW)
        assert told() == [("m", "coupon_redeemed", {"template": "gift", "campaign": "back"})]
        refresh(as_of=NOW + timedelta(minutes=1))
        assert facts_of("m")["coupons_redeemed_90d"] == 1
        roll_back(**use, now=NOW)
        refresh(as_of=NOW + timedelta(minutes=2))
        assert told() == []
        assert facts_of("m")["coupons_redeemed_90d"] == 0
        assert_facts_are_exact(NOW + timedelta(minutes=2))

    def test_with_a_public_code_is_told_of_whoever_is_named(self) -> None:
        make_template("spring", code="SPRING")
        redeem(code="SPRING", order="o1", member="newcomer", amount_minor=5_000, now=NOW)
        redeem(code="SPRING", order="o2", member=None, amount_minor=5_000, now=NOW)
        assert told() == [("newcomer", "coupon_redeemed", {"template": "spring"})]
        assert DirtyMark.objects.filter(member_id=Member.objects.get().pk).exists()

    def test_that_is_refused_is_not_told(self) -> None:
        make_template("spring", code="SPRING", total_limit=1)
        redeem(code="SPRING", order="o1", member="one", amount_minor=5_000, now=NOW)
        with pytest.raises(CouponRefused):
            redeem(code="SPRING", order="o2", member="two", amount_minor=5_000, now=NOW)
        assert [member for member, _kind, _noted in told()] == ["one"]


class TestWhatHappenedBeforeEventsWereWritten:
    def test_is_told_by_the_migration_as_it_would_have_been(self, provider: ListChannel) -> None:
        make_reachable("m")
        make_template("gift")
        fire(GIFT, SMS)
        dispatch_messages(now=NOW)
        redeem(code=Coupon.objects.get().code, order="o1", member="m", amount_minor=5_000, now=NOW)
        columns = ("external_id", "member", "kind", "occurred_at", "day", "properties")
        written = list(BehaviourEvent.objects.order_by("external_id").values(*columns))
        assert len(written) == 2
        BehaviourEvent.objects.all().delete()
        for _again in range(2):
            import_module("campaigns.migrations.0006_events_of_before").write_events(apps, None)
            assert list(BehaviourEvent.objects.order_by("external_id").values(*columns)) == written
