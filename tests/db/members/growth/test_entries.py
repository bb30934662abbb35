"""Growth: given, taken back, counted within days, moved with a merge."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from core.errors import InvalidInput
from members.models import DirtyMark, GrowthEntry, Member
from members.services.growth.entries import (
    Growth,
    GrowthRefused,
    adjust_growth,
    award_growth,
    grow_batch,
    growth_of,
)
from members.services.growth.standing import growth_within
from members.services.identity import merge_members, undo_merge
from tests.factories import NOW, TODAY_NUMBER, make_member

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def member(db: None) -> Member:
    return make_member("m")


def award(member: Member, value: int, reference: str) -> GrowthEntry:
    return award_growth(member_id=member.pk, value=value, reference=reference, now=NOW).entry


class TestGrowth:
    def test_given_twice_under_a_reference_is_given_once(self, member: Member) -> None:
        assert award(member, 50, "a") == award(member, 50, "a")
        assert growth_of(member.pk) == 50

    def test_the_reference_of_another_value_is_refused(self, member: Member) -> None:
        award(member, 50, "a")
        with pytest.raises(GrowthRefused) as refused:
            award(member, 51, "a")
        assert (refused.value.code, growth_of(member.pk)) == ("reference_used", 50)

    def test_is_taken_back_to_nothing_and_no_further(self, member: Member) -> None:
        award(member, 50, "a")
        award(member, -30, "b")
        with pytest.raises(GrowthRefused) as refused:
            award(member, -21, "c")
        assert (refused.value.code, growth_of(member.pk)) == ("insufficient_growth", 20)

    @pytest.mark.parametrize(("value", "code"), [(0, "zero"), (True, "wrong_type"), (10**13, "too_large")])
    def test_of_no_size_is_refused(self, member: Member, value: int, code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            award(member, value, "a")
        assert ([problem.code for problem in refused.value.problems], growth_of(member.pk)) == ([code], 0)

    def test_a_form_sent_twice_adjusts_once(self, member: Member) -> None:
        token = uuid4()
        for _again in range(2):
            adjust_growth(member_id=member.pk, value=7, reason="fair", token=token, now=NOW, by="boss")
        assert growth_of(member.pk) == 7

    def test_marks_whose_growth_changed(self, member: Member) -> None:
        DirtyMark.objects.all().delete()
        award(member, 50, "a")
        award(member, 50, "a")
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [member.pk]


class TestTheWindow:
    def test_holds_what_belongs_to_its_days(self, member: Member) -> None:
        other = make_member()
        grow_batch(
            growths=[
                Growth(member.pk, 5, "old", NOW - 10 * DAY),
                Growth(member.pk, 7, "new", NOW),
                Growth(member.pk, -2, "back", NOW),
                Growth(other.pk, 3, "new", NOW - DAY),
            ],
            now=NOW,
        )
        within = growth_within(first_day=TODAY_NUMBER - 1, until_day=TODAY_NUMBER + 1)
        assert list(within) == [{"member_id": member.pk, "growth": 5}, {"member_id": other.pk, "growth": 3}]
        assert list(growth_within(first_day=None, until_day=TODAY_NUMBER, member_ids=[member.pk])) == [
            {"member_id": member.pk, "growth": 5}
        ]


class TestMerging:
    def test_moves_entries_and_gives_them_back(self, member: Member) -> None:
        keep = make_member("k")
        award(member, 50, "a")
        award(keep, 20, "a")
        record = merge_members(keep=keep.pk, drop=member.pk, now=NOW)
        assert growth_of(keep.pk) == 70
        undo_merge(merge_id=record.pk, now=NOW)
        assert (growth_of(keep.pk), growth_of(member.pk)) == (20, 50)
        assert GrowthEntry.objects.get(member_id=member.pk).reference == "a"
