from datetime import timedelta

import pytest
from django.db import transaction

from campaigns.coupons import issue
from campaigns.coupons.codes import new_codes, own_code
from campaigns.coupons.issue import Grant, issue_batch, issue_one
from campaigns.coupons.redeem import redeem
from campaigns.coupons.refusals import CouponRefused, Refusal
from campaigns.models import Coupon, CouponState, CouponTemplate
from core.errors import NotFound
from tests.coupons import NOW, issue_to, make_member, make_template, what_does_not_add_up

pytestmark = pytest.mark.django_db


def members(count):
    return [make_member(f"m{number}") for number in range(count)]


class TestABatch:
    def test_gets_a_code_of_its_own_each(self):
        template, people = make_template(valid_days=7), members(3)
        codes = issue_to(template, *people)
        assert len(set(codes)) == 3
        assert all(own_code(code) == code for code in codes)
        coupon = Coupon.objects.get(code=codes[1])
        assert (coupon.member_id, coupon.enrolment_id, coupon.step) == (people[1].pk, 2, 0)
        assert (coupon.state, coupon.public, coupon.issued_at) == (CouponState.ISSUED, False, NOW)
        assert (coupon.valid_from, coupon.valid_until) == (NOW, NOW + timedelta(days=7))
        template.refresh_from_db()
        assert (template.issued, template.redeemed) == (3, 0)

    def test_again_gets_the_same_codes_and_makes_no_more(self):
        template, people = make_template(total_limit=3), members(3)
        first = issue_to(template, *people)
        assert issue_to(template, *people) == first
        assert Coupon.objects.count() == 3
        assert what_does_not_add_up() == []

    def test_past_the_total_gives_to_the_first_and_refuses_the_rest(self):
        template, people = make_template(total_limit=2), members(3)
        codes = issue_to(template, *people)
        assert codes[2] is Refusal.EXHAUSTED
        assert not isinstance(codes[1], Refusal)
        template.refresh_from_db()
        assert template.issued == 2

    def test_past_the_total_of_an_earlier_batch_refuses_all(self):
        template, people = make_template(total_limit=2), members(4)
        issue_to(template, *people[:2])
        assert issue_to(template, *people[2:], first_enrolment=3) == [Refusal.EXHAUSTED, Refusal.EXHAUSTED]

    def test_past_a_member_s_limit_refuses_that_member_and_takes_no_place(self):
        template, (first, second) = make_template(total_limit=3, per_member_limit=2), members(2)
        codes = issue_to(template, first, first, first, second)
        assert [isinstance(code, Refusal) for code in codes] == [False, False, True, False]
        assert codes[2] is Refusal.MEMBER_LIMIT

    def test_counts_a_member_s_coupons_of_earlier_batches_but_not_withdrawn_ones(self):
        template, (member,) = make_template(per_member_limit=1), members(1)
        (code,) = issue_to(template, member)
        assert issue_to(template, member, first_enrolment=2) == [Refusal.MEMBER_LIMIT]
        Coupon.objects.filter(code=code).update(state=CouponState.VOIDED)
        assert not isinstance(issue_to(template, member, first_enrolment=3)[0], Refusal)

    def test_of_nobody_does_nothing(self):
        assert issue_to(make_template()) == []

    def test_is_undone_with_its_caller(self):
        template, people = make_template(), members(2)
        with transaction.atomic():
            issue_to(template, *people)
            transaction.set_rollback(True)
        template.refresh_from_db()
        assert (template.issued, Coupon.objects.count()) == (0, 0)

    def test_after_the_end_is_refused_as_expired(self):
        template = make_template(valid_until=NOW)
        assert issue_to(template, *members(1)) == [Refusal.EXPIRED]

    def test_before_the_beginning_is_issued(self):
        template = make_template(valid_from=NOW + timedelta(days=1))
        assert not isinstance(issue_to(template, *members(1))[0], Refusal)

    def test_draws_codes_that_exist_anew(self, monkeypatch):
        template, people = make_template(), members(3)
        (taken,) = issue_to(template, people[0])
        draws = iter([[taken, "0123456789ABV"], new_codes(1)])
        monkeypatch.setattr(issue, "new_codes", lambda count: next(draws))
        codes = issue_to(template, *people[1:], first_enrolment=2)
        assert len({taken, *codes}) == 3
        assert what_does_not_add_up() == []

    def test_that_only_draws_codes_that_exist_stops(self, monkeypatch):
        template, people = make_template(), members(2)
        (taken,) = issue_to(template, people[0])
        monkeypatch.setattr(issue, "new_codes", lambda count: [taken])
        with pytest.raises(RuntimeError, match="collided 5 times"):
            issue_to(template, people[1], first_enrolment=2)


class TestAPublicCode:
    def test_goes_into_the_wallet_under_the_shared_code(self):
        template, people = make_template(code="SPRING", total_limit=1), members(2)
        assert issue_to(template, *people) == ["SPRING", "SPRING"]
        assert Coupon.objects.filter(public=True, code="SPRING").count() == 2
        assert what_does_not_add_up() == []

    def test_has_days_that_count_from_its_template(self):
        template, (member,) = make_template(code="SPRING", valid_days=7), members(1)
        issue_to(template, member, now=NOW + timedelta(days=5))
        assert Coupon.objects.get().valid_until == NOW + timedelta(days=7)
        assert issue_to(template, member, now=NOW + timedelta(days=7), first_enrolment=2) == [Refusal.EXPIRED]

    def test_that_is_used_up_is_not_sent_on(self):
        template, (first, second) = make_template(code="SPRING", total_limit=1), members(2)
        redeem(code="SPRING", order="o1", member=first.external_id, amount_minor=1000, now=NOW)
        assert issue_to(template, second) == [Refusal.EXHAUSTED]

    def test_is_not_sent_to_a_member_who_used_up_the_limit(self):
        template, (first, second) = make_template(code="SPRING", per_member_limit=1), members(2)
        redeem(code="SPRING", order="o1", member=first.external_id, amount_minor=1000, now=NOW)
        assert issue_to(template, first, second) == [Refusal.MEMBER_LIMIT, "SPRING"]


class TestAPlatformCoupon:
    def test_without_a_code_is_its_link_and_counts_what_is_sent(self):
        template, people = make_template(origin="platform", link="https://shop.example/c", total_limit=1), members(2)
        assert issue_to(template, *people) == ["", Refusal.EXHAUSTED]
        assert Coupon.objects.get().public


class TestOneCoupon:
    def test_is_issued_outside_a_campaign(self):
        make_template(total_limit=1)
        member = make_member()
        coupon = issue_one(template_slug="spring", member_id=member.pk, now=NOW)
        assert (coupon.member_id, coupon.enrolment_id, coupon.template.slug) == (member.pk, None, "spring")
        assert CouponTemplate.objects.get().issued == 1

    @pytest.mark.parametrize(
        ("limits", "refusal"),
        [({"total_limit": 1}, "exhausted"), ({"per_member_limit": 1}, "member_limit"), ({"valid_until": NOW}, "expired")],
    )
    def test_past_a_limit_is_refused_and_changes_nothing(self, limits, refusal):
        make_template(**limits)
        member = make_member()
        if refusal != "expired":
            issue_one(template_slug="spring", member_id=member.pk, now=NOW)
        before = Coupon.objects.count()
        with pytest.raises(CouponRefused) as caught:
            issue_one(template_slug="spring", member_id=member.pk, now=NOW)
        assert (caught.value.code, caught.value.status) == (refusal, 409)
        assert Coupon.objects.count() == before
        assert what_does_not_add_up() == []

    def test_of_an_unknown_template_is_not_found(self):
        with pytest.raises(NotFound, match="no coupon template “summer”"):
            issue_one(template_slug="summer", member_id=None, now=NOW)


class TestAGrant:
    def test_of_another_step_of_the_same_enrolment_is_another_coupon(self):
        template, member = make_template(), make_member()
        first = issue_batch(template_id=template.pk, grants=[Grant(member.pk, 1, 0)], now=NOW)
        second = issue_batch(template_id=template.pk, grants=[Grant(member.pk, 1, 1)], now=NOW)
        assert first[1] != second[1]
