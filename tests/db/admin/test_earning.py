"""Earning rules, multiplied days and rewards in admin: written as sentences, changed from now on, ended and kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Reward
from members.models import EarningDays, EarningRule
from members.services.earning.rules import begin_rule
from members.services.points.awarding import Award, award_batch
from tests.db.admin.conftest import staff, text_of
from tests.factories import make_member

pytestmark = pytest.mark.django_db

RULE = {
    "name": "a point a yuan", "amount": "1", "currency": "points", "occasion": "order", "per_minor": "1", "waiting": "none",
}  # fmt: skip


def page(name: str, *args: object) -> str:
    return reverse(f"admin:{name}", args=args)


@pytest.fixture
def rule(db: None) -> EarningRule:
    terms = {"name": "reviews", "currency": "growth", "occasion": "review", "amount": 20, "daily_limit": 2}
    return begin_rule(terms=terms, now=timezone.now())


class TestARule:
    def test_is_made_and_says_what_it_gives(self, admin: Client) -> None:
        shown = text_of(admin.post(page("members_earningrule_add"), RULE, follow=True))
        rule = EarningRule.objects.get()
        assert (rule.per_minor, rule.line) == (100, rule.pk)
        assert "1 point for every full ¥1" in shown

    @pytest.mark.parametrize("terms", [{"per_minor": ""}, {"per_minor": "0"}, {"amount": "0"}])
    def test_without_a_rate_is_refused_at_the_field(self, terms: dict[str, str], admin: Client) -> None:
        shown = admin.post(page("members_earningrule_add"), RULE | terms)
        assert (shown.status_code, [*shown.context["form"].errors]) == (200, [*terms])
        assert EarningRule.objects.count() == 0

    def test_with_other_terms_begins_anew(self, admin: Client, rule: EarningRule) -> None:
        form = {"name": "reviews", "amount": "30", "currency": "growth", "occasion": "review", "daily_limit": "2"}
        admin.post(page("members_earningrule_change", rule.pk), form)
        rule.refresh_from_db()
        assert rule.valid_until is not None
        assert EarningRule.objects.get(valid_until=None).amount == 30

    def test_is_ended_and_kept(self, admin: Client, rule: EarningRule) -> None:
        admin.post(page("members_earningrule_end", rule.pk))
        listed = [text_of(admin.get(page("members_earningrule_changelist") + state)) for state in ("", "?state=ended")]
        assert ["20 growth for a review, at most 2 times a day" in shown for shown in listed] == [False, True]

    def test_is_named_by_the_entries_it_made_and_the_member_page(self, admin: Client, rule: EarningRule) -> None:
        member = make_member("m")
        award_batch(awards=[Award(member.pk, 5, "a", "reviews", rule_id=rule.pk)], now=timezone.now())
        link = page("members_earningrule_change", rule.pk)
        for address in (page("members_ledgerentry_changelist"), page("members_member_change", member.pk)):
            assert link in text_of(admin.get(address))
        assert "can be done" in text_of(admin.get(page("members_member_change", member.pk)))

    def test_is_nothing_for_who_may_only_look(self, rule: EarningRule) -> None:
        looker = staff("members.view_earningrule")
        assert "20 growth" in text_of(looker.get(page("members_earningrule_change", rule.pk)))
        assert looker.post(page("members_earningrule_end", rule.pk)).status_code == 403
        looker.post(page("members_earningrule_change", rule.pk), RULE)
        assert (EarningRule.objects.count(), EarningRule.objects.get().valid_until) == (1, None)


class TestMultipliedDays:
    FORM = {"name": "double day", "currency": "points", "factor": "2", "starts_at": "2026-11-11T00:00", "month_day": "18"}

    def test_are_made_and_changed(self, admin: Client) -> None:
        shown = text_of(admin.post(page("members_earningdays_add"), self.FORM, follow=True))
        days = EarningDays.objects.get()
        assert "points × 2 on the 18 of every month" in shown
        admin.post(page("members_earningdays_change", days.pk), self.FORM | {"factor": "3"})
        days.refresh_from_db()
        assert days.factor == 3

    def test_of_a_factor_of_one_are_refused(self, admin: Client) -> None:
        shown = admin.post(page("members_earningdays_add"), self.FORM | {"factor": "1"})
        assert ([*shown.context["form"].errors], EarningDays.objects.count()) == (["factor"], 0)


class TestAReward:
    FORM = {"name": "5 off", "points": "500", "kind": "money_off", "amount_minor": "5", "offered": "on"}

    def test_is_made_changed_and_deleted(self, admin: Client) -> None:
        admin.post(page("campaigns_reward_add"), self.FORM)
        reward = Reward.objects.get()
        assert (reward.amount_minor, reward.offered) == (500, True)
        form: dict[str, Any] = {**self.FORM, "points": "400", "slug": reward.slug}
        admin.post(page("campaigns_reward_change", reward.pk), {name: form[name] for name in form if name != "offered"})
        reward.refresh_from_db()
        assert (reward.points, reward.offered) == (400, False)
        admin.post(page("campaigns_reward_delete", reward.pk))
        assert Reward.objects.count() == 0

    def test_without_what_it_gives_is_refused_at_the_field(self, admin: Client) -> None:
        shown = admin.post(page("campaigns_reward_add"), self.FORM | {"amount_minor": ""})
        assert ([*shown.context["form"].errors], Reward.objects.count()) == (["amount_minor"], 0)
