"""Points of two who turn out to be one, and of one who turns out to be two."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.registry import checks
from members.models import LedgerEntry, Member, PointsAccount, PointsPolicy
from members.services.identity import merge_members, preview_merge, undo_merge
from members.services.points.awarding import award_points
from members.services.points.redeeming import redeem_points
from members.services.points.reversing import reverse_entry
from members.services.points.standing import points_standing
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


def wrong() -> list[str]:
    return [sentence for check in checks for sentence in check.rows()]


def standing(member: int) -> tuple[int, int, int]:
    told = points_standing(member_id=member, now=LATER)
    return told.available, told.pending, told.owed


@pytest.fixture
def pair(db: None) -> tuple[Member, Member]:
    keep, drop = make_member("k"), make_member("d")
    award_points(member_id=keep.pk, points=10, reference="welcome", now=NOW)
    award_points(member_id=drop.pk, points=20, reference="welcome", now=NOW)
    award_points(member_id=drop.pk, points=5, reference="order:1", now=NOW, pending_days=3)
    return keep, drop


class TestAMerge:
    def test_makes_one_account_of_two(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        assert dict(preview_merge(keep=keep.pk, drop=drop.pk).moves)["points"] == 25
        merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        assert standing(keep.pk) == (30, 5, 0)
        assert list(PointsAccount.objects.values_list("pk", flat=True)) == [keep.pk]
        assert wrong() == []

    def test_keeps_every_reference_for_the_one_who_had_it(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        assert not award_points(member_id=keep.pk, points=10, reference="welcome", now=NOW).created
        assert not award_points(member_id=keep.pk, points=5, reference="order:1", now=NOW).created
        assert standing(keep.pk) == (30, 5, 0)

    def test_pays_the_debt_of_one_with_the_points_of_the_other(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        PointsPolicy.objects.create(refund_policy="may_owe", expiry="never")
        redeem_points(member_id=keep.pk, points=10, reference="r", now=NOW)
        reverse_entry(member_id=keep.pk, reference="welcome", now=NOW)
        merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        assert standing(keep.pk) == (10, 5, 0)
        assert wrong() == []


class TestAnUndoneMerge:
    def test_gives_everything_back(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        before = sorted(LedgerEntry.objects.values_list("pk", "member_id", "reference"))
        record = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        undo_merge(merge_id=record.pk, now=LATER)
        assert (standing(keep.pk), standing(drop.pk)) == ((10, 0, 0), (20, 5, 0))
        assert sorted(LedgerEntry.objects.values_list("pk", "member_id", "reference")) == before
        assert wrong() == []

    def test_leaves_spent_points_spent_where_they_were(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        record = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        redeem_points(member_id=keep.pk, points=25, reference="r", now=NOW)
        undo_merge(merge_id=record.pk, now=LATER)
        assert (standing(keep.pk), standing(drop.pk)) == ((0, 0, 0), (5, 5, 0))
        assert wrong() == []
        reverse_entry(member_id=keep.pk, reference="r", now=LATER)
        assert wrong() == []
        assert (standing(keep.pk), standing(drop.pk)) == ((25, 0, 0), (5, 5, 0))

    def test_leaves_a_debt_with_the_one_who_was_kept(self, pair: tuple[Member, Member]) -> None:
        keep, drop = pair
        PointsPolicy.objects.create(refund_policy="may_owe", expiry="never")
        redeem_points(member_id=drop.pk, points=20, reference="r", now=NOW)
        record = merge_members(keep=keep.pk, drop=drop.pk, now=NOW)
        redeem_points(member_id=keep.pk, points=10, reference="s", now=NOW)
        reverse_entry(member_id=keep.pk, reference="welcome", now=NOW)
        assert standing(keep.pk) == (0, 5, 10)
        undo_merge(merge_id=record.pk, now=LATER)
        assert (standing(keep.pk)[2], standing(drop.pk)) == (10, (0, 5, 0))
        assert wrong() == []
