"""Coupons under twenty clients at once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from campaigns.coupons import redeem as redeeming
from campaigns.coupons import writing
from campaigns.coupons.issue import Grant, issue_batch
from campaigns.coupons.redeem import RedemptionReceipt, redeem, roll_back
from campaigns.coupons.refusals import CouponRefused, Refusal
from campaigns.models import Coupon, CouponState, CouponTemplate, MemberRedemptions, Redemption
from campaigns.services.expiry import expire_coupons
from members.models import Member
from tests.concurrency.racing import race
from tests.coupons import NOW, issue_to, make_member, make_template, what_does_not_add_up

pytestmark = pytest.mark.django_db(transaction=True)

CONSTRAINT = next(each for each in CouponTemplate._meta.constraints if each.name == "public_code_never_oversold")


def use(order, member="m1", code="HOT", amount_minor=1000):
    return partial(redeem, code=code, order=order, member=member, amount_minor=amount_minor, now=NOW)


def give_back(order, code="HOT", now=NOW):
    return partial(roll_back, code=code, order=order, now=now)


def summary(outcomes):
    """How many succeeded, and how many were refused for which reason; anything else is an error of ours."""
    others = [each for each in outcomes if not isinstance(each, RedemptionReceipt | CouponRefused)]
    assert others == []
    return Counter("done" if isinstance(each, RedemptionReceipt) else each.code for each in outcomes)


def attempts(count, members=50):
    for number in range(members):
        make_member(f"m{number}")
    return [use(f"o{number}", member=f"m{number % members}") for number in range(count)]


class TestTrap29ACodeIsNeverOversold:
    """django-oscar#2101 and #4580, saleor#544 and #15855, shopware#11245, vendure#4660, medusa#16012, pretix#6396,
    eventyay#1398: a limit that is read and then written lets everybody through who reads before anybody writes."""

    def test_a_code_limited_to_a_hundred_is_used_a_hundred_times_by_two_hundred_attempts(self):
        make_template(code="HOT", total_limit=100)
        assert summary(race(attempts(200))) == {"done": 100, "exhausted": 100}
        assert CouponTemplate.objects.get().redeemed == Redemption.objects.count() == 100
        assert what_does_not_add_up() == []

    def test_the_statement_alone_keeps_the_limit(self, monkeypatch):
        """Without the look before it, which is a courtesy."""
        monkeypatch.setattr(redeeming, "first_refusal", lambda *_offer, **_named: None)
        make_template(code="HOT", total_limit=10)
        assert summary(race(attempts(40))) == {"done": 10, "busy": 30}
        assert what_does_not_add_up() == []

    @pytest.mark.postgresql
    def test_without_its_guard_it_would_oversell(self, monkeypatch):
        """The twin: neither look nor guard nor the constraint behind them."""
        monkeypatch.setattr(redeeming, "first_refusal", lambda *_offer, **_named: None)
        monkeypatch.setattr(writing, "PUBLIC_USE", writing.PUBLIC_USE.replace("redeemed < total_limit", "true"))
        make_template(code="HOT", total_limit=10)
        with connection.schema_editor() as editor:
            editor.remove_constraint(CouponTemplate, CONSTRAINT)
        try:
            assert summary(race(attempts(40))) == {"done": 40}
        finally:
            CouponTemplate.objects.update(redeemed=0)
            with connection.schema_editor() as editor:
                editor.add_constraint(CouponTemplate, CONSTRAINT)

    @pytest.mark.postgresql
    def test_without_its_guard_the_constraint_still_holds(self, monkeypatch):
        monkeypatch.setattr(redeeming, "first_refusal", lambda *_offer, **_named: None)
        monkeypatch.setattr(writing, "PUBLIC_USE", writing.PUBLIC_USE.replace("redeemed < total_limit", "true"))
        make_template(code="HOT", total_limit=10)
        assert summary(race(attempts(40))) == {"done": 10, "busy": 30}
        assert what_does_not_add_up() == []

    def test_a_member_s_limit_is_kept_as_well(self):
        make_template(code="HOT", per_member_limit=3)
        make_member("m1")
        assert summary(race([use(f"o{number}") for number in range(60)])) == {"done": 3, "member_limit": 57}
        assert MemberRedemptions.objects.get().used == 3
        assert what_does_not_add_up() == []

    @pytest.mark.postgresql
    def test_without_its_guard_a_member_would_pass_the_limit(self, monkeypatch):
        monkeypatch.setattr(redeeming, "first_refusal", lambda *_offer, **_named: None)
        unguarded = writing.PUBLIC_USE.replace("mine.used < per_member_limit", "true")
        monkeypatch.setattr(writing, "PUBLIC_USE", unguarded)
        make_template(code="HOT", per_member_limit=3)
        make_member("m1")
        assert summary(race([use(f"o{number}") for number in range(40)])) == {"done": 40}

    def test_newcomers_are_made_once_each(self):
        make_template(code="HOT", total_limit=10)
        outcomes = race([use(f"o{number}", member=f"new{number % 5}") for number in range(40)])
        assert summary(outcomes) == {"done": 10, "exhausted": 30}
        assert Member.objects.count() <= 5
        assert what_does_not_add_up() == []

    def test_a_code_of_its_own_is_used_by_one_order(self):
        (code,) = issue_to(make_template(), make_member("m1"))
        outcomes = summary(race([use(f"o{number}", code=code) for number in range(40)]))
        assert outcomes == {"done": 1, "already_redeemed": 39}
        assert what_does_not_add_up() == []

    @pytest.mark.postgresql
    def test_without_its_guard_the_constraint_lets_one_order_use_it(self, monkeypatch):
        monkeypatch.setattr(redeeming, "first_refusal", lambda *_offer, **_named: None)
        monkeypatch.setattr(writing, "OWN_USE", writing.OWN_USE.replace("AND state = 'issued'", ""))
        (code,) = issue_to(make_template(), make_member("m1"))
        assert summary(race([use(f"o{number}", code=code) for number in range(40)])) == {"done": 1, "busy": 39}

    @pytest.mark.parametrize("kind", ["own", "public"])
    def test_the_same_order_from_all_sides_is_one_use_and_one_answer(self, kind):
        member = make_member("m1")
        code = "HOT" if kind == "public" else issue_to(make_template("own"), member)[0]
        make_template(code="HOT", total_limit=5)
        outcomes = race([use("o1", code=code) for _number in range(40)])
        assert summary(outcomes) == {"done": 40}
        assert outcomes == [outcomes[0]] * 40
        assert Redemption.objects.count() == 1
        assert what_does_not_add_up() == []

    @pytest.mark.parametrize("kind", ["own", "public"])
    def test_the_same_order_of_a_newcomer_is_one_use_and_one_answer(self, kind):
        code = "HOT" if kind == "public" else issue_to(make_template("own"), make_member("m1"))[0]
        Coupon.objects.update(member_id=None)
        make_template(code="HOT")
        outcomes = race([use("o1", member="new", code=code) for _number in range(40)])
        assert summary(outcomes) == {"done": 40}
        assert outcomes == [outcomes[0]] * 40
        assert what_does_not_add_up() == []


class TestTrap30GivingBackIsGuardedLikeTaking:
    """medusa#16595: reserving is locked but reverting is not; saleor#15855: the loser gives back what the winner took."""

    @pytest.mark.parametrize("kind", ["own", "public"])
    def test_an_order_given_back_from_all_sides_is_given_back_once(self, kind):
        member = make_member("m1")
        code = "HOT" if kind == "public" else issue_to(make_template("own"), member)[0]
        make_template(code="HOT", total_limit=5)
        use("o1", code=code)()
        outcomes = race([give_back("o1", code=code) for _number in range(40)])
        assert outcomes == [outcomes[0]] * 40
        assert CouponTemplate.objects.get(slug="spring").redeemed == 0
        assert what_does_not_add_up() == []

    @pytest.mark.parametrize("kind", ["own", "public"])
    def test_taking_and_giving_back_at_once_always_adds_up(self, kind):
        member = make_member("m1")
        code = "HOT" if kind == "public" else issue_to(make_template("own"), member)[0]
        make_template(code="HOT", total_limit=2, per_member_limit=3)
        calls = []
        for number in range(60):
            order = f"o{number % 6}"
            calls += [use(order, code=code, member="m1"), give_back(order, code=code)]
        outcomes = summary(race(calls))
        assert set(outcomes) <= {"done", "exhausted", "member_limit", "already_redeemed", "not_redeemed", "busy"}
        assert what_does_not_add_up() == []
        held = Redemption.objects.filter(rolled_back_at__isnull=True).count()
        assert held <= (1 if kind == "own" else 2)

    def test_expiring_meanwhile_never_takes_a_redeemed_coupon(self):
        people = [make_member(f"m{number}") for number in range(20)]
        codes = issue_to(make_template(valid_days=1), *people)
        end = NOW + timedelta(days=1)
        calls = [partial(expire_coupons, now=end)]
        calls += [use(f"o{number}", code=code, member=f"m{number}") for number, code in enumerate(codes)]
        race(calls, threads=7)
        assert what_does_not_add_up() == []
        states = Counter(Coupon.objects.values_list("state", flat=True))
        assert states[CouponState.REDEEMED] == Redemption.objects.count()
        assert states[CouponState.ISSUED] == 0


class TestIssuingAtOnce:
    def test_the_total_is_kept_by_batches_that_race(self):
        template = make_template(total_limit=50)
        people = [make_member(f"m{number}") for number in range(10)]

        def batch(number):
            grants = [Grant(person.pk, number * 10 + place, 0) for place, person in enumerate(people)]
            with transaction.atomic():
                return issue_batch(template_id=template.pk, grants=grants, now=NOW)

        answers = [answer for each in race([partial(batch, number) for number in range(20)]) for answer in each.values()]
        assert Counter(isinstance(answer, Refusal) for answer in answers) == {False: 50, True: 150}
        assert Coupon.objects.count() == 50
        assert what_does_not_add_up() == []

    def test_a_member_s_limit_is_kept_by_batches_that_race(self):
        template, member = make_template(per_member_limit=2), make_member("m1")

        def batch(number):
            return issue_batch(template_id=template.pk, grants=[Grant(member.pk, number, 0)], now=NOW)[number]

        answers = race([partial(batch, number) for number in range(20)])
        assert answers.count(Refusal.MEMBER_LIMIT) == 18
        assert Coupon.objects.count() == 2

    def test_one_batch_from_all_sides_is_issued_once(self):
        template = make_template()
        people = [make_member(f"m{number}") for number in range(10)]
        outcomes = race([partial(issue_to, template, *people) for _number in range(20)])
        assert outcomes == [outcomes[0]] * 20
        assert Coupon.objects.count() == 10
        assert what_does_not_add_up() == []
