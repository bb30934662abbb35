from datetime import timedelta

import pytest

from campaigns.coupons import redeem as redeeming
from campaigns.coupons.redeem import roll_back
from campaigns.coupons.refusals import CouponRefused
from campaigns.models import Coupon, CouponState, CouponTemplate, MemberRedemptions, Redemption
from members.models import DirtyMark, Member
from tests.coupons import NOW, make_member, make_template, what_does_not_add_up
from tests.db.campaigns.redeeming.given import refusal, use

pytestmark = pytest.mark.django_db


class TestRedeemingACodeOfItsOwn:
    def test_gives_a_receipt_and_marks_the_coupon(self, own, member):
        receipt = use(own)
        assert receipt.as_json() == {
            "code": own, "order": "o1", "member": "m1", "template": "own", "benefit": "fixed",
            "amount_minor": 1000, "discount_minor": 500, "redeemed_at": NOW, "rolled_back_at": None,
        }  # fmt: skip
        assert Coupon.objects.get().state == CouponState.REDEEMED
        assert Redemption.objects.get().member_id == member.pk
        assert what_does_not_add_up() == []

    def test_is_forgiving_about_how_it_is_typed(self, own):
        assert use(f" {own[:4].lower()}-{own[4:]} ").code == own

    def test_again_by_the_same_order_gets_the_first_receipt_whenever_it_is_asked(self, own):
        first = use(own)
        assert use(own) == first
        assert use(own, now=NOW + timedelta(days=400)) == first
        assert Redemption.objects.count() == 1

    def test_by_another_order_is_refused(self, own):
        use(own)
        assert refusal(use, own, order="o2") == "already_redeemed"

    def test_by_the_same_order_with_another_amount_is_a_conflict(self, own):
        use(own)
        assert refusal(use, own, amount_minor=1001) == "conflict"

    def test_by_the_same_order_for_another_member_is_no_second_use(self, own):
        use(own)
        make_member("m2")
        assert refusal(use, own, member="m2") == "conflict"
        assert refusal(use, own, member="nobody yet") == "conflict"
        assert refusal(use, own, member=None) == "conflict"

    def test_without_a_holder_is_for_whoever_brings_it(self):
        template = make_template()
        coupon = Coupon.objects.create(template=template, code="0123456789ABV", issued_at=NOW)
        CouponTemplate.objects.update(issued=1)
        assert use(coupon.code, member=None).member is None
        assert Redemption.objects.get().member_id is None


class TestRedeemingAPublicCode:
    def test_counts_on_the_template_and_for_the_member(self, public, member):
        assert use("spring").code == "SPRING"
        assert CouponTemplate.objects.get().redeemed == 1
        assert MemberRedemptions.objects.get().used == 1
        assert Redemption.objects.get().coupon is None
        assert what_does_not_add_up() == []

    def test_again_by_the_same_order_gets_the_first_receipt_even_when_it_is_used_up(self, public):
        first = use(public)
        use(public, order="o2", member="m2")
        assert use(public) == first
        assert CouponTemplate.objects.get().redeemed == 2

    def test_past_the_total_is_refused(self, public):
        use(public)
        use(public, order="o2", member="m2")
        assert refusal(use, public, order="o3", member="m3") == "exhausted"

    def test_by_the_same_order_with_another_amount_or_member_is_a_conflict(self, public):
        use(public)
        assert refusal(use, public, amount_minor=999) == "conflict"
        assert refusal(use, public, member="m2") == "conflict"

    def test_for_a_member_nobody_knew_makes_the_member(self, public):
        assert use(public, member="new").member == "new"
        new = Member.objects.get(external_id="new")
        assert new.created_at == NOW
        # One mark for the member who came, one for what the member did.
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [new.pk, new.pk]
        assert refusal(use, public, order="o2", member="new") == "member_limit"

    def test_without_a_limit_per_member_serves_guests(self):
        make_template(code="OPEN")
        assert use("OPEN", member=None).discount_minor == 500
        assert MemberRedemptions.objects.count() == 0
        assert what_does_not_add_up() == []

    def test_with_a_limit_per_member_asks_who_it_is(self, public):
        assert refusal(use, public, member=None) == "member_needed"

    def test_with_days_counts_them_from_its_template(self):
        make_template(code="WEEK", valid_days=7)
        assert refusal(use, "WEEK", now=NOW + timedelta(days=7)) == "expired"
        assert use("WEEK", now=NOW + timedelta(days=7, seconds=-1)).template == "spring"

    def test_counts_members_without_a_limit_so_that_one_can_be_set_later(self, member):
        make_template(code="OPEN")
        use("OPEN")
        CouponTemplate.objects.update(per_member_limit=1)
        assert refusal(use, "OPEN", order="o2") == "member_limit"


class TestTrap31ACancelledOrderGivesTheCouponBack:
    """Sylius#10125, magento2#19545, pretix#165, odoo#62767."""

    def test_a_code_of_its_own_can_be_used_again(self, own):
        use(own)
        receipt = roll_back(code=own, order="o1", now=NOW + timedelta(hours=1))
        assert receipt.rolled_back_at == NOW + timedelta(hours=1)
        assert (receipt.order, receipt.member, receipt.discount_minor) == ("o1", "m1", 500)
        assert Coupon.objects.get().state == CouponState.ISSUED
        assert use(own, order="o2").order == "o2"
        assert what_does_not_add_up() == []

    def test_and_by_the_same_order_that_was_reopened(self, own):
        use(own)
        roll_back(code=own, order="o1", now=NOW)
        assert use(own, amount_minor=2000).amount_minor == 2000
        assert Redemption.objects.count() == 2

    def test_and_a_reopened_order_fails_when_the_place_is_taken(self, public):
        """pretix's opposite risk: a voucher that came back overbooks."""
        use(public)
        use(public, order="o2", member="m2")
        roll_back(code=public, order="o1", now=NOW)
        use(public, order="o3", member="m3")
        assert refusal(use, public) == "exhausted"

    def test_a_public_code_gets_its_place_and_the_member_s_count_back(self, public, member):
        use(public)
        roll_back(code="spring", order="o1", now=NOW)
        assert CouponTemplate.objects.get().redeemed == 0
        assert MemberRedemptions.objects.get().used == 0
        assert use(public, order="o2").member == "m1"

    @pytest.mark.parametrize("kind", ["own", "public"])
    def test_again_changes_nothing_and_says_the_same(self, kind, request):
        code = request.getfixturevalue(kind)
        use(code)
        first = roll_back(code=code, order="o1", now=NOW)
        assert roll_back(code=code, order="o1", now=NOW + timedelta(days=1)) == first
        assert what_does_not_add_up() == []
        assert use(code, order="o2").order == "o2"

    @pytest.mark.parametrize("kind", ["own", "public"])
    def test_an_order_that_never_used_it_gives_nothing_back(self, kind, request):
        code = request.getfixturevalue(kind)
        use(code)
        assert refusal(roll_back, code=code, order="o2", now=NOW) == "not_redeemed"

    def test_one_whose_time_has_passed_comes_back_expired(self, own):
        use(own)
        roll_back(code=own, order="o1", now=NOW + timedelta(days=7))
        assert Coupon.objects.get().state == CouponState.EXPIRED
        assert refusal(use, own, order="o2") == "expired"

    def test_a_guest_s_use_of_a_public_code_is_given_back_too(self):
        make_template(code="OPEN")
        use("OPEN", member=None)
        assert roll_back(code="OPEN", order="o1", now=NOW).member is None
        assert CouponTemplate.objects.get().redeemed == 0


class TestALostRace:
    """Another call comes between the look and the write; on every database, without threads."""

    @pytest.fixture
    def rival(self, monkeypatch):
        """Runs once, after the look and before the write."""

        def arrange(action):
            real, waiting = redeeming.record_use, [action]

            def record_after_the_rival(use):
                if waiting:
                    waiting.pop()()
                return real(use)

            monkeypatch.setattr(redeeming, "record_use", record_after_the_rival)

        return arrange

    def test_for_the_last_place_is_refused(self, public, rival):
        make_member("m2")
        make_member("m3")
        use(public)
        rival(lambda: use(public, order="o2", member="m2"))
        with pytest.raises(CouponRefused) as caught:
            use(public, order="o3", member="m3")
        assert caught.value.code == "exhausted"
        assert what_does_not_add_up() == []

    def test_for_the_member_s_last_place_is_refused(self, public, rival):
        rival(lambda: use(public, order="o2"))
        with pytest.raises(CouponRefused) as caught:
            use(public)
        assert caught.value.code == "member_limit"
        assert CouponTemplate.objects.get().redeemed == 1
        assert what_does_not_add_up() == []

    def test_for_a_code_of_its_own_is_refused(self, own, rival):
        rival(lambda: use(own, order="o2"))
        with pytest.raises(CouponRefused) as caught:
            use(own)
        assert caught.value.code == "already_redeemed"

    @pytest.mark.parametrize("kind", ["own", "public"])
    def test_against_the_same_order_gets_the_same_receipt(self, kind, request, rival):
        code = request.getfixturevalue(kind)
        won = []
        rival(lambda: won.append(use(code)))
        assert [use(code)] == won
        assert what_does_not_add_up() == []

    def test_against_a_roll_back_is_won_at_the_second_look(self, public, rival):
        use(public)
        roll_back(code=public, order="o1", now=NOW)
        rival(lambda: use(public, order="o2", member="m1") and roll_back(code=public, order="o2", now=NOW))
        assert use(public).order == "o1"
        assert what_does_not_add_up() == []

    @pytest.fixture
    def after_the_look(self, monkeypatch):
        """Runs once, when the call has seen who asks for what and has decided nothing yet."""

        def arrange(action):
            real, waiting = redeeming.look_up, [action]

            def look_and_let_the_rival_act(code, member):
                seen = real(code, member)
                if waiting:
                    waiting.pop()()
                return seen

            monkeypatch.setattr(redeeming, "look_up", look_and_let_the_rival_act)

        return arrange

    def test_against_the_same_order_of_a_newcomer_gets_the_same_receipt(self, public, after_the_look):
        won = []
        after_the_look(lambda: won.append(use(public, member="new")))
        assert [use(public, member="new")] == won
        assert what_does_not_add_up() == []

    @pytest.mark.parametrize("kind", ["own", "public"])
    def test_against_its_own_roll_back_is_not_refused_for_its_own_use(self, kind, request, after_the_look):
        code = request.getfixturevalue(kind)
        use(code)
        after_the_look(lambda: roll_back(code=code, order="o1", now=NOW + timedelta(hours=1)))
        again = use(code, now=NOW + timedelta(hours=2))
        assert (again.order, again.redeemed_at) == ("o1", NOW + timedelta(hours=2))
        assert what_does_not_add_up() == []

    def test_five_times_in_a_row_is_busy_and_may_be_tried_again(self, own, monkeypatch):
        monkeypatch.setattr(redeeming, "record_use", lambda use: False)
        with pytest.raises(CouponRefused) as caught:
            use(own)
        assert (caught.value.code, caught.value.retryable) == ("busy", True)
