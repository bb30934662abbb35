"""How loyalty programmes elsewhere lost, doubled or revived points in public; each of these failures is a test here.

Sources: FloCafe #78; Odoo #257854, #212922, #221928, #222372, #249775; Open Loyalty #131 (issue threads on GitHub).
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.registry import checks
from members.models import Member
from members.services.identity import merge_members
from members.services.points.awarding import award_points
from members.services.points.redeeming import redeem_points
from members.services.points.refusals import PointsRefused
from members.services.points.reversing import reverse_entry
from members.services.points.settling import settle_points
from members.services.points.standing import points_standing
from tests.earning import grown, has, make_rule, order, refund
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def member(db: None) -> Member:
    return make_member("m")


def available(member: Member, now: object = NOW) -> int:
    assert [sentence for check in checks if check.code.startswith("points") for sentence in check.rows()] == []
    return points_standing(member_id=member.pk, now=now).available  # type: ignore[arg-type]


def test_expired_points_do_not_take_spent_ones_with_them(member: Member) -> None:
    """FloCafe #78: what expired left the sum, what was spent of it stayed, and was deducted a second time."""
    award_points(member_id=member.pk, points=100, reference="old", now=NOW, expires_at=NOW + DAY)
    award_points(member_id=member.pk, points=50, reference="new", now=NOW, expires_at=NOW + 9 * DAY)
    redeem_points(member_id=member.pk, points=80, reference="r", now=NOW)
    settle_points(now=NOW + DAY)
    assert available(member, NOW + DAY) == 50


def test_points_of_a_refunded_order_are_not_kept() -> None:
    """Odoo #257854: buy, refund, keep the points."""
    make_rule()
    order()
    order(refunds=[refund(10_000)])
    assert has() == (0, 0)


def test_a_refund_deducts_once() -> None:
    """Odoo #212922: the same refund deducted the points twice."""
    make_rule()
    order()
    for _again in range(2):
        order(refunds=[refund(4_000)])
    assert has() == (60, 0)


def test_a_refund_and_the_cancellation_after_it_deduct_once() -> None:
    """Odoo #221928: a refund took the points, and the order's cancellation took them again."""
    make_rule()
    make_rule(occasion="review", amount=500)
    order("kept")
    order()
    order(refunds=[refund(10_000)])
    order(status="cancelled", refunds=[refund(10_000)])
    assert has() == (100, 0)


def test_a_call_that_is_sent_again_counts_once(member: Member) -> None:
    """Odoo #222372: after a network failure the client sent the order again, and the points were counted twice."""
    for _again in range(2):
        award_points(member_id=member.pk, points=100, reference="order 7", now=NOW)
        redeem_points(member_id=member.pk, points=30, reference="till 7", now=NOW)
    assert available(member) == 70


def test_two_orders_do_not_spend_the_same_points(member: Member) -> None:
    """Odoo #249775: two quotations on a card of 100 points were confirmed at once, and the card stood at -100."""
    award_points(member_id=member.pk, points=100, reference="a", now=NOW)
    redeem_points(member_id=member.pk, points=100, reference="first", now=NOW)
    with pytest.raises(PointsRefused):
        redeem_points(member_id=member.pk, points=100, reference="second", now=NOW)
    assert available(member) == 0


def test_spending_points_lowers_nothing_that_tiers_count(member: Member) -> None:
    """Open Loyalty #131: tiers were taken from the balance, so that whoever spent points was demoted."""
    make_rule()
    make_rule(name="growth", currency="growth")
    order()
    redeem_points(member_id=member.pk, points=100, reference="r", now=NOW)
    assert (has(), grown()) == ((0, 0), 100)


def test_points_that_expired_do_not_come_back_to_life(member: Member) -> None:
    """What is given back after it expired expires at once, where the shop gives no grace."""
    award_points(member_id=member.pk, points=100, reference="a", now=NOW, expires_at=NOW + DAY)
    redeem_points(member_id=member.pk, points=60, reference="r", now=NOW)
    reverse_entry(member_id=member.pk, reference="r", now=NOW + 2 * DAY)
    assert available(member, NOW + 2 * DAY) == 0


def test_two_cards_that_become_one_neither_lose_nor_double(member: Member) -> None:
    """The same reference on both cards stands for two entries, and both are kept."""
    other = make_member("o")
    for each, points in ((member, 100), (other, 30)):
        award_points(member_id=each.pk, points=points, reference="welcome", now=NOW)
    merge_members(keep=member.pk, drop=other.pk, now=NOW)
    assert available(member) == 130
