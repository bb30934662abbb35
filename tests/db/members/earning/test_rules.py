"""Rules as people write them: what is refused, and that a change ends one and begins the next."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidInput
from members.models import EarningMark, EarningRule
from members.services.earning.rules import RuleRefused, change_rule, end_rule, save_days
from members.services.earning.working import earn
from tests.earning import BEGUN, DAY, has, make_rule, write_order
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

TERMS = {"name": "a", "currency": "points", "occasion": "order", "amount": 1, "per_minor": 100}


class TestARule:
    @pytest.mark.parametrize(
        ("terms", "path", "code"),
        [
            ({"name": " "}, "name", "required"),
            ({"amount": 0}, "amount", "not_positive"),
            ({"amount": -1}, "amount", "not_positive"),
            ({"per_minor": None}, "per_minor", "required"),
            ({"per_minor": 0}, "per_minor", "not_positive"),
            ({"occasion": "review", "daily_limit": 0}, "daily_limit", "not_positive"),
            ({"occasion": "review", "lifetime_limit": -3}, "lifetime_limit", "not_positive"),
            ({"occasion": "review", "waiting": "completed"}, "waiting", "no_order"),
            ({"waiting": "days"}, "wait_days", "required"),
            ({"currency": "growth", "waiting": "completed"}, "waiting", "growth_never_waits"),
            ({"valid_from": BEGUN - DAY}, "valid_from", "in_the_past"),
            ({"valid_until": BEGUN}, "valid_until", "too_early"),
        ],
    )
    def test_that_makes_no_sense_is_refused(self, terms: dict[str, Any], path: str, code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            make_rule(**terms)
        assert ([(each.path, each.code) for each in refused.value.problems], EarningRule.objects.count()) == (
            [(path, code)],
            0,
        )

    def test_concerns_orders_that_came_in_before_its_turn(self) -> None:
        make_member("m")
        make_rule(occasion="review")
        write_order()
        make_rule(now=NOW)
        earn(now=NOW)
        assert has() == (100, 0)

    def test_renamed_stays_the_same(self) -> None:
        rule = make_rule()
        changed = change_rule(rule_id=rule.pk, terms={**TERMS, "name": "renamed"}, valid_until=NOW + DAY, now=NOW)
        assert (changed.pk, changed.name, changed.valid_until) == (rule.pk, "renamed", NOW + DAY)

    def test_with_other_terms_ends_and_begins_anew(self) -> None:
        rule = make_rule()
        changed = change_rule(rule_id=rule.pk, terms={**TERMS, "amount": 2}, now=NOW)
        rule.refresh_from_db()
        assert (rule.valid_until, changed.valid_from, changed.line) == (NOW, NOW, rule.pk)

    def test_that_does_not_hold_yet_is_rewritten(self) -> None:
        rule = make_rule(valid_from=NOW + DAY)
        changed = change_rule(rule_id=rule.pk, terms={**TERMS, "amount": 2}, valid_from=NOW + 2 * DAY, now=NOW)
        assert (changed.pk, changed.amount, changed.valid_from) == (rule.pk, 2, NOW + 2 * DAY)

    def test_that_ended_cannot_be_changed(self) -> None:
        rule = end_rule(rule_id=make_rule().pk, now=NOW)
        with pytest.raises(RuleRefused):
            change_rule(rule_id=rule.pk, terms=TERMS, now=NOW + DAY)
        assert end_rule(rule_id=rule.pk, now=NOW + DAY).valid_until == NOW


class TestMultipliedDays:
    @pytest.mark.parametrize(
        ("terms", "path"),
        [
            ({"factor": 1}, "factor"),
            ({"factor": 100}, "factor"),
            ({"ends_at": NOW}, "ends_at"),
            ({"weekday": 1, "month_day": 1}, "month_day"),
            ({"month_day": 32}, "month_day"),
        ],
    )
    def test_that_make_no_sense_are_refused(self, terms: dict[str, Any], path: str) -> None:
        usual = {"name": "d", "currency": "points", "factor": 2, "starts_at": NOW, "ends_at": None}
        with pytest.raises(InvalidInput) as refused:
            save_days(days_id=None, terms={**usual, "weekday": None, "month_day": None, **terms})
        assert [problem.path for problem in refused.value.problems] == [path]


class TestARuleAhead:
    """Orders may be dated up to a day ahead: a rule that begins tomorrow may have given something already."""

    AHEAD = NOW + DAY / 2

    def rule_and_order(self) -> EarningRule:
        make_member("m")
        rule = make_rule(now=NOW, valid_from=NOW + DAY / 4)
        write_order(placed_at=self.AHEAD.isoformat())
        earn(now=NOW)
        assert has() == (100, 0)
        return rule

    @pytest.mark.parametrize(
        "terms", [{"occasion": "review", "per_minor": None}, {"currency": "growth"}, {"amount": 3}, {"category": "tea"}]
    )
    def test_that_becomes_another_gives_what_the_other_gives(self, terms: dict[str, Any]) -> None:
        rule = self.rule_and_order()
        change_rule(rule_id=rule.pk, terms={**TERMS, **terms}, valid_from=NOW + DAY / 4, now=NOW)
        earn(now=NOW)
        write_order(placed_at=self.AHEAD.isoformat(), status="shipped")
        earn(now=NOW)
        assert has() == (300 if terms.get("amount") else 0, 0)

    def test_that_begins_later_gives_nothing_for_what_comes_before(self) -> None:
        rule = self.rule_and_order()
        change_rule(rule_id=rule.pk, terms=TERMS, valid_from=NOW + DAY, now=NOW)
        earn(now=NOW)
        assert has() == (0, 0)

    def test_that_is_ended_gives_nothing(self) -> None:
        rule = self.rule_and_order()
        end_rule(rule_id=rule.pk, now=NOW)
        earn(now=NOW)
        assert has() == (0, 0)

    def test_renamed_has_nothing_reckoned_anew(self) -> None:
        make_member("m")
        rule = make_rule()
        write_order()
        earn(now=NOW)
        change_rule(rule_id=rule.pk, terms={**TERMS, "name": "renamed"}, now=NOW + DAY)
        assert not EarningMark.objects.exists()
