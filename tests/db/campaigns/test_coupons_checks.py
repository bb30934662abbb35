import pytest
from django.db.models import F

from campaigns.coupons.redeem import redeem
from campaigns.models import Coupon, CouponTemplate, MemberRedemptions, Redemption
from tests.coupons import NOW, issue_to, make_member, make_template, what_does_not_add_up

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _coupons():
    """An issued and a redeemed coupon, and a public code used once."""
    own, member = make_template("own"), make_member("m1")
    code, _other = issue_to(own, member, member)
    make_template("public", code="SPRING")
    redeem(code=code, order="o1", member="m1", amount_minor=1000, now=NOW)
    redeem(code="SPRING", order="o1", member="m1", amount_minor=1000, now=NOW)


class TestTheProofs:
    def test_find_nothing_where_all_is_well(self):
        assert what_does_not_add_up() == []

    def test_find_a_counter_of_issued_coupons_that_is_off(self):
        CouponTemplate.objects.filter(slug="own").update(issued=F("issued") + 1)
        assert what_does_not_add_up() == ["coupon template own counts 3 issued, its coupons are 2"]

    def test_find_a_counter_of_uses_that_is_off(self):
        CouponTemplate.objects.filter(slug="public").update(redeemed=0)
        assert what_does_not_add_up() == ["coupon template public counts 0 redeemed, the uses that hold are 1"]

    def test_find_a_member_s_count_that_is_off_or_missing(self):
        template, member = CouponTemplate.objects.get(slug="public").pk, MemberRedemptions.objects.get().member_id
        sentence = f"member {member} counts %s uses of template {template}, those that hold are 1"
        MemberRedemptions.objects.update(used=2)
        assert what_does_not_add_up() == [sentence % 2]
        MemberRedemptions.objects.all().delete()
        assert what_does_not_add_up() == [sentence % 0]

    def test_find_a_redeemed_coupon_without_a_use_and_the_other_way_round(self):
        redeemed, issued = Coupon.objects.order_by("-state")
        Redemption.objects.filter(coupon__isnull=False).update(coupon=issued)
        assert sorted(what_does_not_add_up()) == sorted(
            [
                f"coupon number {redeemed.pk} is redeemed, its uses that hold are 0",
                f"coupon number {issued.pk} is issued, its uses that hold are 1",
            ]
        )
