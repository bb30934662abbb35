"""Rewards: points and what they buy change hands together, once, within stock and limits, and go back together."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Coupon, Reward, RewardUse
from campaigns.services.rewards import RewardRefused, delete_reward, redeem_reward, roll_back_reward, save_reward
from core.errors import DomainError, InvalidInput
from members.models import Member
from members.services.identity import merge_members, undo_merge
from members.services.points.awarding import award_points
from members.services.points.refusals import PointsRefused
from members.services.points.standing import points_standing
from tests.coupons import make_template
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

MONEY = {"slug": "five", "name": "5 off", "kind": "money_off", "points": 100, "amount_minor": 500}


@pytest.fixture
def member(db: None) -> Member:
    member = make_member("m")
    award_points(member_id=member.pk, points=250, reference="a", now=NOW)
    return member


def reward(**terms: Any) -> Reward:
    return save_reward(slug=None, terms=MONEY | terms, now=NOW)


def coupon_reward(**terms: Any) -> Reward:
    make_template("ten")
    return reward(kind="coupon", template="ten", amount_minor=None, **terms)


def redeem(member: Member, reference: str = "r1", slug: str = "five") -> Any:
    return redeem_reward(slug=slug, member_id=member.pk, reference=reference, now=NOW)


def roll_back(member: Member, reference: str = "r1") -> Any:
    return roll_back_reward(slug="five", member_id=member.pk, reference=reference, now=NOW)


def state(member: Member) -> tuple[int, int, int]:
    """(points available, uses that hold, coupons held)."""
    standing = points_standing(member_id=member.pk, now=NOW)
    uses = RewardUse.objects.filter(member_id=member.pk, rolled_back_at__isnull=True).count()
    return standing.available, uses, Coupon.objects.filter(member_id=member.pk, state="issued").count()


class TestAReward:
    def test_is_had_once_for_each_reference(self, member: Member) -> None:
        reward()
        first, again = redeem(member), redeem(member)
        assert (first.created, again.created, first.use.pk) == (True, False, again.use.pk)
        assert (state(member), Reward.objects.get().redeemed) == ((150, 1, 0), 1)

    def test_gives_a_coupon_with_the_points_taken(self, member: Member) -> None:
        coupon_reward()
        use = redeem(member).use
        assert (use.coupon.template.slug, state(member)) == ("ten", (150, 1, 1))

    def test_that_costs_too_much_leaves_everything_as_it_was(self, member: Member) -> None:
        coupon_reward(points=251)
        with pytest.raises(PointsRefused) as refused:
            redeem(member)
        assert (refused.value.code, state(member), Reward.objects.get().redeemed) == ("insufficient_points", (250, 0, 0), 0)

    @pytest.mark.parametrize(
        ("terms", "code"), [({"stock": 1}, "exhausted"), ({"per_member_limit": 1}, "member_limit"), ({}, "")]
    )
    def test_is_had_as_often_as_there_is(self, terms: dict[str, int], code: str, member: Member) -> None:
        coupon_reward(**terms)
        redeem(member)
        if not code:
            redeem(member, "r2")
            assert state(member) == (50, 2, 2)
            return
        with pytest.raises(RewardRefused) as refused:
            redeem(member, "r2")
        assert (refused.value.code, state(member), Reward.objects.get().redeemed) == (code, (150, 1, 1), 1)

    def test_that_is_not_offered_is_refused(self, member: Member) -> None:
        reward(offered=False)
        with pytest.raises(RewardRefused) as refused:
            redeem(member)
        assert (refused.value.code, state(member)) == ("not_offered", (250, 0, 0))

    def test_refuses_a_reference_of_another_reward(self, member: Member) -> None:
        reward()
        reward(slug="other")
        redeem(member)
        with pytest.raises(RewardRefused) as refused:
            redeem(member, slug="other")
        assert (refused.value.code, state(member)) == ("reference_used", (150, 1, 0))
        assert Reward.objects.get(slug="other").redeemed == 0

    def test_rolled_back_gives_points_and_stock_back_and_withdraws_the_coupon(self, member: Member) -> None:
        coupon_reward(stock=1)
        redeem(member)
        assert (roll_back(member).created, roll_back(member).created) == (True, False)
        assert (state(member), Reward.objects.get().redeemed) == ((250, 0, 0), 0)
        redeem(member, "r2")
        assert state(member) == (150, 1, 1)

    def test_whose_coupon_was_used_stays(self, member: Member) -> None:
        coupon_reward()
        redeem(member)
        Coupon.objects.update(state="redeemed")
        with pytest.raises(RewardRefused) as refused:
            roll_back(member)
        assert (refused.value.code, state(member)) == ("coupon_used", (150, 1, 0))

    def test_moves_with_a_merge_and_back(self, member: Member) -> None:
        keep = make_member("k")
        reward()
        redeem(member)
        record = merge_members(keep=keep.pk, drop=member.pk, now=NOW)
        assert (redeem(keep).created, state(keep)) == (False, (150, 1, 0))
        undo_merge(merge_id=record.pk, now=NOW)
        assert (redeem(member).created, state(member), state(keep)) == (False, (150, 1, 0), (0, 0, 0))


class TestTheCatalogue:
    @pytest.mark.parametrize(
        ("terms", "path"),
        [
            ({"points": 0}, "points"),
            ({"points": None}, "points"),
            ({"amount_minor": None}, "amount_minor"),
            ({"stock": 0}, "stock"),
            ({"kind": "coupon", "template": "none"}, "template"),
            ({"kind": "gift", "gift": " "}, "gift"),
            ({"name": ""}, "name"),
        ],
    )
    def test_takes_nothing_that_cannot_be_had(self, terms: dict[str, Any], path: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            reward(**terms)
        assert ([problem.path for problem in refused.value.problems], Reward.objects.count()) == ([path], 0)

    def test_does_not_fall_below_what_was_had(self, member: Member) -> None:
        reward()
        redeem(member)
        redeem(member, "r2")
        with pytest.raises(InvalidInput) as refused:
            save_reward(slug="five", terms=MONEY | {"stock": 1}, now=NOW)
        assert [problem.code for problem in refused.value.problems] == ["below_used"]

    def test_keeps_what_somebody_had(self, member: Member) -> None:
        reward()
        redeem(member)
        with pytest.raises(DomainError):
            delete_reward(slug="five")
        assert Reward.objects.count() == 1
