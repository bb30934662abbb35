"""What an erased member's number must never become again: a person, an account with points, the holder of a tier."""

from __future__ import annotations

from datetime import timedelta

import pytest

from members.ingest import ingest_orders
from members.models import LedgerEntry, Member, MemberTier, Order, PointsAccount, PointsPolicy, RefundPolicy
from members.services.earning.working import earn
from members.services.erasure import erase_member
from members.services.points.awarding import award_points
from members.services.points.redeeming import redeem_points
from members.services.points.refusals import PointsRefused
from members.services.points.reversing import reverse_entry
from members.services.tiers.standing import tiers_with_members
from retention.services.refresh import refresh
from tests.earning import make_rule, order, proved, refund, write_order
from tests.factories import NOW, make_member, make_order
from tests.tiers import put_in_force

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=5)
"""Longer after the erasure than what was under way could take."""


class TestAnOrderSentAgain:
    """A shop that sends every order of the last weeks each night sends those of who was erased, too."""

    def test_stays_with_the_number_and_makes_nobody(self) -> None:
        order("o1", city="Hangzhou", remark="ring twice")
        member = Member.objects.get()
        erase_member(member_id=member.pk, now=NOW)
        write_order("o1", status="completed", city="Hangzhou", remark="ring twice", now=LATER)
        row = Order.objects.get()
        assert (row.member_id, row.status, row.city, row.remark) == (member.pk, "completed", "", "")
        assert not Member.objects.exists()

    def test_beside_a_new_one_leaves_the_id_with_the_new_one_alone(self) -> None:
        order("o1")
        erase_member(member_id=Member.objects.get().pk, now=NOW)
        rows = [
            {"external_id": number, "member": "m", "placed_at": NOW.isoformat(), "status": "paid", "total_minor": 10_000}
            for number in ("o1", "o2")
        ]
        assert ingest_orders(rows, now=LATER).rejected == ()
        again = Member.objects.get(external_id="m")
        assert list(Order.objects.filter(member=again).values_list("external_id", flat=True)) == ["o2"]

    def test_brings_no_points_back_and_takes_none(self) -> None:
        PointsPolicy.objects.create(refund_policy=RefundPolicy.MAY_OWE)
        make_rule()
        order("o1")
        erase_member(member_id=Member.objects.get().pk, now=NOW)
        entries = LedgerEntry.objects.count()
        write_order("o1", total_minor=20_000, now=LATER)
        write_order("o1", total_minor=20_000, refunds=[refund(15_000)], now=LATER)
        earn(now=LATER)
        account = PointsAccount.objects.get()
        assert (account.available, account.pending, account.owed) == (0, 0, 0)
        assert LedgerEntry.objects.count() == entries
        proved()


class TestThePoints:
    def test_spent_before_are_not_given_back_to_nobody(self) -> None:
        member = make_member("m")
        award_points(member_id=member.pk, points=100, reference="a", now=NOW)
        spent = redeem_points(member_id=member.pk, points=60, reference="r", now=NOW).entry
        erase_member(member_id=member.pk, now=NOW)
        spent.refresh_from_db()
        with pytest.raises(PointsRefused) as refused:
            reverse_entry(member_id=member.pk, reference=spent.reference, now=LATER)
        assert (refused.value.code, PointsAccount.objects.get().available) == ("erased", 0)


class TestTheTier:
    def test_is_not_held_again_after_a_full_refresh(self) -> None:
        put_in_force()
        member = make_member("m")
        make_order(member, total_minor=6_000)
        refresh(as_of=NOW, full=True)
        erase_member(member_id=member.pk, now=NOW)
        refresh(as_of=NOW + timedelta(days=1), full=True)
        assert not MemberTier.objects.exists()
        assert sum(tier.members for tier in tiers_with_members()) == 0
