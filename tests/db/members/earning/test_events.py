"""What members do earns once each, within limits; so do complete profiles and birthdays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from members.ingest.load import ingest_members
from members.models import BehaviourEvent, BirthdayPolicy, EarnedEvent, EarningDays
from members.services.earning.marks import mark_events
from members.services.earning.rules import change_rule
from members.services.earning.working import earn, earn_birthdays
from members.services.identity import merge_members, undo_merge
from tests.earning import DAY, event, grown, has, make_rule
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def member(db: None) -> Any:
    return make_member("m")


class TestAnEvent:
    def test_earns_once_however_often_it_is_sent(self) -> None:
        make_rule(occasion="review", amount=20)
        for _again in range(2):
            event("review", "e1")
        event("share", "e2")
        assert has() == (20, 0)

    def test_earns_points_and_growth_by_two_rules(self) -> None:
        make_rule(occasion="review", amount=20)
        make_rule(occasion="review", amount=5, currency="growth")
        event("review", "e1")
        assert (has(), grown()) == ((20, 0), 5)

    def test_earns_at_most_so_often_a_day_and_altogether(self) -> None:
        make_rule(occasion="share", amount=1, daily_limit=2, lifetime_limit=3)
        for number in range(3):
            event("share", f"a{number}")
        assert has() == (2, 0)
        for number in range(3):
            event("share", f"b{number}", at=NOW - DAY)
        assert has() == (3, 0)

    def test_counts_limits_across_changes_of_the_rule(self) -> None:
        rule = make_rule(occasion="share", amount=1, lifetime_limit=1)
        event("share", "a", at=NOW - DAY)
        terms = {"name": "more", "currency": "points", "occasion": "share", "amount": 9, "lifetime_limit": 1}
        change_rule(rule_id=rule.pk, terms=terms, now=NOW)
        event("share", "b")
        assert has() == (1, 0)

    def test_earns_only_with_the_property_the_rule_asks_for(self) -> None:
        make_rule(occasion="invite", amount=50, property_name="accepted", property_value="true")
        event("invite", "a", properties={"accepted": False})
        event("invite", "b")
        event("invite", "c", properties={"accepted": True})
        assert has() == (50, 0)

    def test_waits_so_many_days_and_is_doubled_on_double_days(self) -> None:
        make_rule(occasion="review", amount=20, waiting="days", wait_days=3)
        EarningDays.objects.create(name="double", factor=2, starts_at=NOW)
        event("review", "e1")
        assert (has(), has(now=NOW + 3 * DAY)) == ((0, 40), (40, 0))

    def test_that_is_gone_earns_nothing_and_frees_its_place(self) -> None:
        make_rule(occasion="review", amount=20, lifetime_limit=1)
        make_rule(occasion="review", amount=5, currency="growth")
        event("review", "e1")
        gone = BehaviourEvent.objects.get()
        mark_events([(gone.pk, gone.kind)])
        gone.delete()
        earn(now=NOW)
        assert (has(), grown(), EarnedEvent.objects.count()) == ((0, 0), 0, 0)
        event("review", "e2")
        assert has() == (20, 0)

    def test_moves_with_a_merge_and_back(self, member: Any) -> None:
        keep = make_member("k")
        make_rule(occasion="review", amount=20, lifetime_limit=1)
        event("review", "e1")
        record = merge_members(keep=keep.pk, drop=member.pk, now=NOW)
        event("review", "e2")
        assert has("k") == (20, 0)
        undo_merge(merge_id=record.pk, now=NOW)
        assert (has("m"), has("k")) == ((20, 0), (0, 0))


PROFILE = {"name": "王芳", "gender": "female", "birth_date": "--02-29", "city": "上海", "email": "a@example.com"}


class TestACompleteProfile:
    def test_earns_once(self) -> None:
        make_rule(occasion="profile", amount=30)
        ingest_members([{"external_id": "m", **PROFILE, "city": None}], now=NOW, proof="test")
        earn(now=NOW)
        assert has() == (0, 0)
        for city in ("上海", "北京"):
            ingest_members([{"external_id": "m", **PROFILE, "city": city}], now=NOW, proof="test")
            earn(now=NOW)
        assert has() == (30, 0)


class TestABirthday:
    def test_earns_once_a_year_also_days_later(self, member: Any) -> None:
        make_rule(occasion="birthday", amount=66)
        type(member).objects.filter(pk=member.pk).update(birth_key=613)
        assert earn_birthdays(now=NOW) == {"earned": 1}
        assert earn_birthdays(now=NOW + DAY) == {"earned": 0}
        assert has() == (66, 0)

    def test_too_long_ago_is_not_kept(self, member: Any) -> None:
        make_rule(occasion="birthday", amount=66)
        type(member).objects.filter(pk=member.pk).update(birth_key=607)
        assert earn_birthdays(now=NOW) == {"earned": 0}

    def test_by_the_lunar_calendar_is_kept_on_its_own_day(self, member: Any) -> None:
        """15 June 2026 is the first day of the fifth lunar month."""
        make_rule(occasion="birthday", amount=66)
        type(member).objects.filter(pk=member.pk).update(birth_key=501, birth_calendar="lunar")
        assert earn_birthdays(now=NOW - DAY) == {"earned": 0}
        assert [earn_birthdays(now=NOW + wait) for wait in (timedelta(0), DAY)] == [{"earned": 1}, {"earned": 0}]

    def test_of_29_february_follows_the_shops_word(self, member: Any) -> None:
        make_rule(now=datetime(2026, 1, 1, tzinfo=UTC), occasion="birthday", amount=66)
        BirthdayPolicy.objects.create(leap_day="mar_1")
        type(member).objects.filter(pk=member.pk).update(birth_key=229)
        eve = datetime(2026, 2, 28, 12, tzinfo=UTC)
        assert [earn_birthdays(now=eve + wait) for wait in (timedelta(0), DAY)] == [{"earned": 0}, {"earned": 1}]

    def test_of_29_february_is_kept_on_the_28th_in_common_years(self, member: Any) -> None:
        make_rule(now=datetime(2026, 1, 1, tzinfo=UTC), occasion="birthday", amount=66)
        type(member).objects.filter(pk=member.pk).update(birth_key=229)
        eve = datetime(2026, 2, 27, 12, tzinfo=UTC)
        assert earn_birthdays(now=eve) == {"earned": 0}
        assert earn_birthdays(now=eve + DAY) == {"earned": 1}
