"""Writing tiers: what is refused and why, what is kept, what makes everybody counted anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from core.errors import InvalidInput
from members.models import MemberTier, Tier, TierScheme
from members.services.tiers.drafts import SchemeDraft, draft_in_force, problems_of
from members.services.tiers.samples import sample
from members.services.tiers.scheme import TierHeld, TierNamed, save_scheme
from retention.services.segments import create_segment
from tests.campaign_factories import make_draft
from tests.earning import make_rule
from tests.factories import NOW, make_member
from tests.tiers import four_tiers, put_in_force

pytestmark = pytest.mark.django_db


def _paths(draft: SchemeDraft) -> dict[str, str]:
    return {problem.path: problem.code for problem in problems_of(draft)}


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("rungs", "path", "code"),
        [
            ((("a", 100), ("b", 200)), "tiers[0].threshold", "not_zero"),
            ((("a", 0), ("b", 0)), "tiers[1].threshold", "equal"),
            ((("a", 0), ("b", 200), ("c", 200)), "tiers[2].threshold", "equal"),
            ((("a", 0), ("b", 200), ("c", 100)), "tiers[2].threshold", "overlap"),
            ((("a", 0), ("b", None), ("c", 100)), "tiers[1].threshold", "required"),
            ((("a", 0), ("b", -1)), "tiers[1].threshold", "out_of_range"),
        ],
    )
    def test_thresholds_that_do_not_rise_from_zero(self, rungs: Any, path: str, code: str) -> None:
        assert _paths(four_tiers(*rungs)) == {path: code}

    @pytest.mark.parametrize(
        ("rules", "path"),
        [
            ({"window_days": 0}, "window_days"),
            ({"window_days": 3_661}, "window_days"),
            ({"review_days": 0}, "review_days"),
            ({"grace_days": -1}, "grace_days"),
            ({"measure": "love"}, "measure"),
            ({"review": "date", "review_key": 229}, "review_key"),
            ({"review": "date", "review_key": 431}, "review_key"),
            ({"window": "year"}, "review"),
            ({"window": "year", "review": "date", "review_key": 301}, "review_key"),
        ],
    )
    def test_rules_that_mean_nothing(self, rules: Any, path: str) -> None:
        assert [*_paths(four_tiers(**rules))] == [path]

    def test_no_tier_at_all_and_two_of_one_name(self) -> None:
        assert _paths(SchemeDraft(tiers=())) == {"tiers": "required"}
        twins = four_tiers(("a", 0), ("b", 5))
        assert _paths(replace(twins, tiers=(twins.tiers[0], replace(twins.tiers[1], name="A")))) == {
            "tiers[1].name": "twice"
        }

    def test_says_which_tiers_clash_and_writes_nothing(self) -> None:
        with pytest.raises(InvalidInput) as refused:
            put_in_force(("a", 0), ("b", 20_000), ("c", 10_000))
        assert str(refused.value.problems[0].message) == "“C” begins at ¥100, below “B” before it: the two overlap."
        assert not TierScheme.objects.exists()
        assert not Tier.objects.exists()

    def test_taking_out_a_tier_that_members_hold(self) -> None:
        put_in_force()
        gold = Tier.objects.get(slug="gold")
        MemberTier.objects.create(member=make_member(), tier=gold, since_day=20_000, value=6_000)
        with pytest.raises(TierHeld, match="1 members hold “Gold”"):
            put_in_force(("ordinary", 0), ("silver", 1_000))
        assert [tier.slug for tier in Tier.objects.in_force()] == ["ordinary", "silver", "gold", "diamond"]

    def test_taking_out_a_tier_that_a_rule_names(self) -> None:
        put_in_force()
        rule = make_rule(tier="gold")
        create_segment(slug="best", name="The best", rule={"field": "tier", "operator": "in", "value": ["gold"]}, now=NOW)
        make_draft(audience={"field": "tier", "operator": "=", "value": "gold"})
        with pytest.raises(TierNamed) as refused:
            put_in_force(("ordinary", 0), ("silver", 1_000), ("diamond", 10_000))
        told = [str(problem.message) for problem in refused.value.problems]
        assert told == [
            f"The earning rule “{rule.name}” names the tier “Gold”, so it cannot be taken out. Change or end that first.",
            "The segment “The best” names the tier “Gold”, so it cannot be taken out. Change or end that first.",
        ]
        assert [tier.slug for tier in Tier.objects.in_force()] == ["ordinary", "silver", "gold", "diamond"]
        put_in_force(("ordinary", 0), ("silver", 1_000), ("gold", 5_000))

    def test_a_rule_for_a_tier_that_is_not_there(self) -> None:
        put_in_force()
        with pytest.raises(InvalidInput) as refused:
            make_rule(tier="platinum")
        assert [(each.path, each.code) for each in refused.value.problems] == [("tier", "unknown")]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"level": 1, "threshold": 5},
            {"level": 2, "threshold": 0},
            {"level": 5, "threshold": 1_000},
            {"level": 3, "threshold": 7},
            {"level": 2, "threshold": 7},
        ],
    )
    def test_the_database_keeps_order_without_the_service(self, wrong: dict[str, Any]) -> None:
        put_in_force(("ordinary", 0), ("silver", 1_000), ("gold", 5_000))
        with pytest.raises(IntegrityError), transaction.atomic():
            Tier.objects.create(slug="x", name="X", **wrong)


class TestAChange:
    def test_of_names_and_benefits_moves_nobody(self) -> None:
        before = put_in_force().version
        draft = draft_in_force()
        assert draft is not None
        renamed = replace(draft, tiers=(*draft.tiers[:3], replace(draft.tiers[3], name="Star", discount_percent=25)))
        assert save_scheme(draft=renamed, moves_down=True, now=NOW).version == before
        star = Tier.objects.get(slug="diamond")
        assert (star.name, star.discount_percent) == ("Star", 25)

    def test_lets_two_tiers_change_places(self) -> None:
        put_in_force(("a", 0), ("b", 10), ("c", 20))
        put_in_force(("a", 0), ("c", 10), ("b", 20))
        assert list(Tier.objects.in_force().values_list("slug", "level", "threshold")) == [
            ("a", 1, 0),
            ("c", 2, 10),
            ("b", 3, 20),
        ]

    def test_keeps_a_tier_taken_out_for_the_history_and_takes_it_back(self) -> None:
        put_in_force(("a", 0), ("b", 10))
        key = Tier.objects.get(slug="b").pk
        put_in_force(("a", 0))
        assert Tier.objects.get(pk=key).level == 0
        put_in_force(("a", 0), ("b", 30))
        back = Tier.objects.get(pk=key)
        assert (back.level, back.threshold) == (2, 30)

    def test_of_the_measure_begins_its_days_and_reviews_anew(self) -> None:
        put_in_force()
        TierScheme.objects.update(began_day=100, counted_version=1)
        scheme = put_in_force(measure="orders")
        assert (scheme.version, scheme.began_day, scheme.restarts) == (2, None, True)

    def test_of_thresholds_alone_does_not(self) -> None:
        put_in_force()
        TierScheme.objects.update(began_day=100, counted_version=1)
        scheme = put_in_force(("ordinary", 0), ("silver", 2_000), ("gold", 5_000), ("diamond", 10_000), moves_down=True)
        assert (scheme.version, scheme.began_day, scheme.restarts, scheme.moves_down) == (2, 100, False, True)


class TestTheSamples:
    def test_are_those_of_the_books(self) -> None:
        spend, orders = sample("spend"), sample("orders")
        assert spend is not None
        assert orders is not None
        assert [tier.threshold for tier in spend.tiers] == [0, 100_000, 500_000, 1_000_000]
        assert [tier.threshold for tier in orders.tiers] == [0, 6, 11, 21]
        assert [tier.discount_percent for tier in spend.tiers] == [0, 10, 15, 20]
        assert problems_of(spend) == problems_of(orders) == []
        assert sample("love") is None
