"""Campaigns around the last day of points and coupons, and the anniversary of the registration, by the shop's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.coupons.issue import issue_one
from campaigns.models import Campaign, Delivery
from campaigns.selectors.points import points_words
from campaigns.services.planning import plan_campaigns
from campaigns.services.stepping import step_enrolments
from members.services.points.awarding import award_points
from members.services.points.redeeming import redeem_points
from tests.campaign_factories import know_everybody, make_running, occurrences
from tests.coupons import make_template
from tests.factories import make_member

pytestmark = pytest.mark.django_db


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


STARTED = at("2026-06-10T08:00")


def campaign(field: str, days_before: int = 0, **more: Any) -> Campaign:
    know_everybody(as_of=STARTED)
    return make_running(now=STARTED, trigger={"kind": "date", "field": field, "days_before": days_before}, **more)


def award(member: Any, reference: str, expires_at: datetime, points: int = 100) -> None:
    award_points(member_id=member.pk, points=points, reference=reference, now=STARTED, expires_at=expires_at)


class TestPointsThatExpire:
    def test_are_told_of_so_many_days_before_their_last_day_once_a_day(self) -> None:
        member = make_member("anna")
        for reference in ("a", "b"):
            award(member, reference, at("2026-06-20T00:00"))  # the 19th is the last day
        award(member, "c", at("2026-06-21T00:00"))
        running = campaign("points_expiry", days_before=7)
        plan_campaigns(now=at("2026-06-12T08:59"))
        assert occurrences(running) == []
        for _again in range(2):
            plan_campaigns(now=at("2026-06-12T09:00"))
        assert occurrences(running) == [("anna", "points_expiry:2026-06-19")]
        plan_campaigns(now=at("2026-06-13T09:00"))
        assert occurrences(running)[1:] == [("anna", "points_expiry:2026-06-20")]

    def test_that_were_spent_are_not_told_of(self) -> None:
        member = make_member("anna")
        award(member, "a", at("2026-06-20T00:00"))
        redeem_points(member_id=member.pk, points=100, reference="r", now=STARTED)
        running = campaign("points_expiry", days_before=7)
        plan_campaigns(now=at("2026-06-12T09:00"))
        assert occurrences(running) == []

    def test_are_named_in_the_message_with_their_last_day(self) -> None:
        member = make_member("anna", email="anna@example.com")
        member.consents.create(channel="email", granted=True, proof="test", changed_at=STARTED)
        award(member, "a", at("2026-06-20T00:00"), points=120)
        award(member, "b", at("2027-06-20T00:00"), points=30)
        body = "{{ points.expiring }} of {{ points.available }} until {{ points.expires_on }}"
        campaign("points_expiry", 7, steps=[{"kind": "send_message", "channel": "email", "body": body}], control_share=0)
        plan_campaigns(now=at("2026-06-12T09:00"))
        step_enrolments(now=at("2026-06-12T09:00"))
        assert Delivery.objects.get().body == "120 of 150 until 2026-06-19"

    def test_of_nobody_are_none(self) -> None:
        member = make_member("anna")
        assert points_words(member_ids=[member.pk], now=STARTED) == {
            member.pk: {"available": "0", "expiring": "0", "expires_on": ""}
        }


class TestACouponThatExpires:
    def test_is_told_of_on_its_last_day(self) -> None:
        member = make_member("anna")
        make_template("ten", valid_days=5)
        issue_one(template_slug="ten", member_id=member.pk, now=STARTED)
        running = campaign("coupon_expiry")
        days = [STARTED + timedelta(days=day, hours=2) for day in range(8)]
        found = {}
        for day in days:
            plan_campaigns(now=day)
            for _name, occasion in occurrences(running):
                found.setdefault(occasion, day.astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat())
        assert [f"coupon_expiry:{day}" for day in found.values()] == [*found]
        assert len(found) == 1


class TestAnAnniversary:
    def test_of_the_registration_comes_each_year_and_not_in_the_first(self) -> None:
        make_member("old", registered_at=at("2019-06-12T23:59"))
        make_member("new", registered_at=at("2026-06-12T08:00"))
        make_member("other", registered_at=at("2019-06-13T00:00"))
        running = campaign("registered_at")
        plan_campaigns(now=at("2026-06-12T09:00"))
        assert occurrences(running) == [("old", "registered_at:2026")]
