"""Eight at once on the same points: nothing is spent twice, nothing given twice, and the books prove."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import pytest

from core.registry import checks
from members.models import EntryKind, LedgerEntry, Member, PointsAccount, PointsPolicy
from members.services.identity import merge_members, settle_merges
from members.services.points.awarding import Award, award_batch, award_points
from members.services.points.redeeming import redeem_points
from members.services.points.refusals import PointsRefused
from members.services.points.reversing import reverse_entry
from members.services.points.settling import settle_points
from members.services.points.standing import points_standing
from tests.concurrency.racing import race
from tests.factories import NOW, make_member

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

DAY = timedelta(days=1)


def wrong() -> list[str]:
    return [sentence for check in checks if check.code.startswith("points") for sentence in check.rows()]


def unexpected(outcomes: list[Any]) -> list[Exception]:
    return [each for each in outcomes if isinstance(each, Exception) and not isinstance(each, PointsRefused)]


@pytest.fixture
def member(db: None) -> Member:
    return make_member("m")


class TestEightAtOnce:
    def test_spend_no_more_than_there_is(self, member: Member) -> None:
        award_points(member_id=member.pk, points=100, reference="a", now=NOW)
        calls = [
            partial(redeem_points, member_id=member.pk, points=30, reference=f"r{number}", now=NOW) for number in range(8)
        ]
        outcomes = race(calls, threads=8)
        assert unexpected(outcomes) == []
        assert sum(not isinstance(each, Exception) for each in outcomes) == 3
        assert PointsAccount.objects.get().available == 10
        assert wrong() == []

    def test_with_one_reference_make_one_entry(self, member: Member) -> None:
        calls = [partial(award_points, member_id=member.pk, points=5, reference="a", now=NOW) for _ in range(16)]
        outcomes = race(calls, threads=8)
        assert unexpected(outcomes) == []
        assert sorted(each.created for each in outcomes) == [False] * 15 + [True]
        assert PointsAccount.objects.get().available == 5
        assert wrong() == []

    def test_reverse_an_entry_once(self, member: Member) -> None:
        award_points(member_id=member.pk, points=5, reference="a", now=NOW)
        award_points(member_id=member.pk, points=5, reference="b", now=NOW)
        calls = [partial(reverse_entry, member_id=member.pk, reference="a", now=NOW) for _ in range(8)]
        outcomes = race(calls, threads=8)
        assert unexpected(outcomes) == []
        assert {each.entry.pk for each in outcomes} == {LedgerEntry.objects.get(kind=EntryKind.TAKE_BACK).pk}
        assert PointsAccount.objects.get().available == 5

    def test_of_every_kind_leave_books_that_prove(self, member: Member) -> None:
        PointsPolicy.objects.create(refund_policy="may_owe", expiry="never")
        others = [make_member() for _ in range(4)]
        everybody = [member.pk, *(each.pk for each in others)]
        random = Random(7)
        calls = [self.something(random, everybody, number) for number in range(160)]
        calls[80] = partial(merge_members, keep=everybody[0], drop=everybody[1], now=NOW)
        outcomes = race(calls, threads=8)
        acceptable = [each for each in unexpected(outcomes) if type(each).__name__ != "NotFound"]
        assert acceptable == []
        settle_merges(now=NOW)
        settle_points(now=NOW + 30 * DAY)
        assert wrong() == []
        assert not PointsAccount.objects.filter(pk=everybody[1]).exists()
        for account in PointsAccount.objects.all():
            standing = points_standing(member_id=account.pk, now=NOW + 30 * DAY)
            assert (standing.available, standing.pending, standing.owed) == (
                account.available,
                account.pending,
                account.owed,
            )

    def something(self, random: Random, everybody: list[int], number: int) -> Callable[[], object]:
        who, now = random.choice(everybody), NOW + random.randint(0, 3) * DAY
        points, reference = random.randint(1, 40), f"n{random.randint(0, number)}"
        ways: list[Callable[[], object]] = [
            partial(award_points, member_id=who, points=points, reference=f"n{number}", now=now, pending_days=number % 3),
            partial(award_points, member_id=who, points=points, reference=f"n{number}", now=now, expires_at=now + 2 * DAY),
            partial(award_batch, awards=[Award(each, points, f"b{number}") for each in everybody], now=now),
            partial(redeem_points, member_id=who, points=points, reference=f"n{number}", now=now),
            partial(reverse_entry, member_id=who, reference=reference, now=now),
            partial(settle_points, now=now),
        ]
        return random.choice(ways)
