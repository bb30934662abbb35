from datetime import timedelta

import pytest

from campaigns.coupons.redeem import redeem
from campaigns.models import Coupon, CouponState
from campaigns.services import expiry
from campaigns.services.expiry import expire_coupons
from tests.coupons import NOW, issue_to, make_member, make_template, what_does_not_add_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def codes():
    """Three that end after 7 days, one that never does."""
    people = [make_member(f"m{number}") for number in range(3)]
    ending = issue_to(make_template("ending", valid_days=7), *people)
    return [*ending, *issue_to(make_template("endless"), people[0], first_enrolment=9)]


class TestExpiring:
    def test_marks_what_is_over_and_nothing_else(self, codes):
        redeem(code=codes[1], order="o1", member="m1", amount_minor=1000, now=NOW)
        assert expire_coupons(now=NOW + timedelta(days=7, seconds=-1)) == {"expired": 0}
        assert expire_coupons(now=NOW + timedelta(days=7)) == {"expired": 2}
        states = dict(Coupon.objects.values_list("code", "state"))
        assert [states[code] for code in codes] == [
            CouponState.EXPIRED,
            CouponState.REDEEMED,
            CouponState.EXPIRED,
            CouponState.ISSUED,
        ]
        assert what_does_not_add_up() == []

    def test_again_finds_nothing(self, codes):
        expire_coupons(now=NOW + timedelta(days=7))
        assert expire_coupons(now=NOW + timedelta(days=7)) == {"expired": 0}

    def test_goes_on_until_all_chunks_are_done(self, codes, monkeypatch):
        monkeypatch.setattr(expiry, "CHUNK", 2)
        assert expire_coupons(now=NOW + timedelta(days=7)) == {"expired": 3}
