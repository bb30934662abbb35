from datetime import timedelta

import pytest

from campaigns.coupons.redeem import roll_back, validate
from campaigns.coupons.refusals import CouponRefused
from campaigns.models import Coupon, CouponState, Redemption
from campaigns.services.expiry import expire_coupons
from core.errors import InvalidInput
from members.models import Member
from tests.coupons import NOW, make_member, make_template
from tests.db.campaigns.redeeming.given import everything, refusal, use

pytestmark = pytest.mark.django_db


class TestTrap32IneligibleIsAReasonWithItsOwnScope:
    """medusa#15823, #15960, odoo#205431: a guest is no crash, a member's limit is not the total, the holder is checked."""

    def test_a_coupon_of_one_member_is_not_accepted_for_another(self, own):
        make_member("m2")
        assert refusal(use, own, member="m2") == "wrong_member"

    def test_nor_for_somebody_unknown_nor_for_a_guest(self, own):
        assert refusal(use, own, member="stranger") == "wrong_member"
        assert refusal(use, own, member=None) == "wrong_member"

    def test_the_member_s_limit_is_not_the_total_and_is_said_so(self, public):
        use(public)
        assert refusal(use, public, order="o2") == "member_limit"

    def test_before_its_time_it_is_not_yet_valid(self):
        make_template(code="LATER", valid_from=NOW + timedelta(seconds=1))
        assert refusal(use, "LATER") == "not_yet_valid"
        assert use("LATER", now=NOW + timedelta(seconds=1)).order == "o1"

    def test_at_its_end_it_is_expired(self):
        make_template(code="GONE", valid_until=NOW)
        assert refusal(use, "GONE") == "expired"

    def test_expired_by_date_or_by_the_pass_is_the_same(self, own):
        end = NOW + timedelta(days=7)
        assert refusal(use, own, now=end) == "expired"
        expire_coupons(now=end)
        assert refusal(use, own, now=end) == "expired"
        assert refusal(use, own, now=NOW) == "expired"

    def test_below_the_smallest_order_it_is_refused(self):
        make_template(code="BIG", minimum_minor=1000)
        assert refusal(use, "BIG", amount_minor=999) == "below_minimum"
        assert use("BIG", amount_minor=1000).discount_minor == 500

    def test_withdrawn_it_is_voided(self, own):
        Coupon.objects.update(state=CouponState.VOIDED)
        assert refusal(use, own) == "voided"

    def test_the_marketplace_s_is_not_redeemed_here(self):
        make_template(code="TMALL", origin="platform")
        assert refusal(use, "TMALL") == "platform_coupon"

    @pytest.mark.parametrize("code", ["NOPE", "0123456789ABV", "0123456789ABM", "", "a\0b", "x" * 5000, "50%"])
    def test_unknown_it_is_not_found(self, code):
        make_template()
        with pytest.raises(CouponRefused) as caught:
            use(code)
        assert (caught.value.code, caught.value.status) == ("not_found", 404)

    def test_mistyped_it_is_not_found_and_says_why(self):
        with pytest.raises(CouponRefused, match="mistyped"):
            use("0123456789ABM")

    def test_a_refused_newcomer_leaves_nobody_behind(self, public):
        use(public)
        use(public, order="o2", member="m2")
        assert refusal(use, public, order="o3", member="m3") == "exhausted"
        assert not Member.objects.filter(external_id="m3").exists()


class TestMalformedCalls:
    @pytest.mark.parametrize(
        ("named", "path"),
        [
            ({"order": ""}, "order"),
            ({"order": "  "}, "order"),
            ({"order": "x" * 201}, "order"),
            ({"order": "a\0"}, "order"),
            ({"member": ""}, "member"),
            ({"member": "x" * 201}, "member"),
            ({"amount_minor": -1}, "amount_minor"),
            ({"amount_minor": 10**15 + 1}, "amount_minor"),
        ],
    )
    def test_name_the_field(self, public, named, path):
        with pytest.raises(InvalidInput) as caught:
            use(public, **named)
        assert [problem.path for problem in caught.value.problems] == [path]
        assert Redemption.objects.count() == 0

    def test_of_roll_back_do_too(self, public):
        with pytest.raises(InvalidInput):
            roll_back(code=public, order="", now=NOW)


class TestValidating:
    def test_says_what_it_would_take_off_and_changes_nothing(self, own):
        before = everything()
        validation = validate(code=own, member="m1", amount_minor=1000, now=NOW)
        assert (validation.discount_minor, validation.as_json()["template"]) == (500, "own")
        assert everything() == before

    def test_without_an_amount_names_no_discount(self, own):
        assert validate(code=own, now=NOW).discount_minor is None

    def test_without_a_member_does_not_test_the_holder(self, own, public):
        assert validate(code=own, now=NOW).offer.code == own
        assert validate(code=public, now=NOW).offer.code == public

    def test_with_another_member_refuses(self, own):
        assert refusal(validate, code=own, member="m2", now=NOW) == "wrong_member"

    def test_tests_the_member_s_limit(self, public):
        use(public)
        assert refusal(validate, code=public, member="m1", now=NOW) == "member_limit"
        assert validate(code=public, member="unknown", now=NOW).offer.code == public

    def test_tests_the_total(self, public):
        use(public)
        use(public, order="o2", member="m2")
        assert refusal(validate, code=public, now=NOW) == "exhausted"

    def test_of_a_used_code_says_so(self, own):
        use(own)
        assert refusal(validate, code=own, now=NOW) == "already_redeemed"
