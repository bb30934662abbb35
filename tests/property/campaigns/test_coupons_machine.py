"""Any sequence of issuing, using, giving back and expiring, against a model that fits on a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from campaigns.coupons.issue import Grant, issue_batch
from campaigns.coupons.redeem import RedemptionReceipt, redeem, roll_back
from campaigns.coupons.refusals import CouponRefused, Refusal
from campaigns.models import Coupon, CouponTemplate, MemberRedemptions, Redemption
from campaigns.services.expiry import expire_coupons
from members.models import Member
from tests.coupons import NOW, make_member, make_template, what_does_not_add_up

MEMBERS = ("m0", "m1", "m2")
ORDERS = ("o0", "o1", "o2", "o3")
AMOUNTS = (900, 1000, 2000)

orders, members, amounts = st.sampled_from(ORDERS), st.sampled_from(MEMBERS), st.sampled_from(AMOUNTS)
limits = st.none() | st.integers(1, 3)


@dataclass
class ModelCode:
    """A code as a shop would keep it on paper."""

    holder: str | None
    until: datetime
    total: int | None
    per_member: int | None
    held: dict[str, tuple[str, int]] = field(default_factory=dict)  # order -> member, amount
    given_back: set[str] = field(default_factory=set)

    def use(self, order: str, member: str, amount: int, now: datetime) -> str:
        if order in self.held:
            return "ok" if self.held[order] == (member, amount) else "conflict"
        refusal = self._refusal(member, amount, now)
        if refusal is not None:
            return refusal
        self.held[order] = (member, amount)
        return "ok"

    def _refusal(self, member: str, amount: int, now: datetime) -> str | None:
        if self.holder is not None and self.holder != member:
            return "wrong_member"
        if self.holder is not None and self.held:
            return "already_redeemed"
        if now >= self.until:
            return "expired"
        if amount < 1000:
            return "below_minimum"
        if self.per_member is not None and [who for who, _amount in self.held.values()].count(member) >= self.per_member:
            return "member_limit"
        if self.total is not None and len(self.held) >= self.total:
            return "exhausted"
        return None

    def give_back(self, order: str) -> str:
        if self.held.pop(order, None) is not None:
            self.given_back.add(order)
        return "ok" if order in self.given_back else "not_redeemed"


class CouponsMachine(RuleBasedStateMachine):
    codes = Bundle("codes")

    @initialize(target=codes, total=limits, per_member=limits, issued=limits, to_each=limits)
    def templates(self, total, per_member, issued, to_each):
        self.now = NOW
        self.pks = {external_id: make_member(external_id).pk for external_id in MEMBERS}
        own = {"valid_days": 3, "total_limit": issued, "per_member_limit": to_each}
        public = {"valid_days": 5, "total_limit": total, "per_member_limit": per_member, "code": "HOT"}
        self.own = make_template("own", minimum_minor=1000, **own)
        make_template("public", minimum_minor=1000, **public)
        self.model = {"HOT": ModelCode(None, NOW + timedelta(days=5), total, per_member)}
        self.owners: list[str] = []
        self.enrolment = 0
        return "HOT"

    def teardown(self):
        for model in (Redemption, MemberRedemptions, Coupon, CouponTemplate, Member):
            model.objects.all().delete()

    @rule(target=codes, people=st.lists(members, max_size=3))
    def issue(self, people):
        grants = []
        for person in people:
            self.enrolment += 1
            grants.append(Grant(self.pks[person], self.enrolment, 0))
        answers = issue_batch(template_id=self.own.pk, grants=grants, now=self.now)
        answered = zip(people, grants, strict=True)
        return multiple(*[self._check_grant(person, answers[grant.enrolment_id]) for person, grant in answered])

    def _check_grant(self, person: str, answer: str) -> str:
        limit, total = self.own.per_member_limit, self.own.total_limit
        if limit is not None and self.owners.count(person) >= limit:
            assert answer is Refusal.MEMBER_LIMIT
        elif total is not None and len(self.owners) >= total:
            assert answer is Refusal.EXHAUSTED
        else:
            assert not isinstance(answer, Refusal)
            self.owners.append(person)
            self.model[answer] = ModelCode(person, self.now + timedelta(days=3), None, None)
            return answer
        return "HOT"

    @rule(code=codes, order=orders, member=members, amount=amounts)
    def use(self, code, order, member, amount):
        expected = self.model[code].use(order, member, amount, self.now)
        real = self._outcome(lambda: redeem(code=code, order=order, member=member, amount_minor=amount, now=self.now))
        assert real == expected

    @rule(code=codes, order=orders)
    def give_back(self, code, order):
        expected = self.model[code].give_back(order)
        assert self._outcome(lambda: roll_back(code=code, order=order, now=self.now)) == expected

    @rule(days=st.integers(1, 2))
    def time_passes(self, days):
        self.now += timedelta(days=days)

    @rule()
    def expire(self):
        expire_coupons(now=self.now)

    @invariant()
    def what_holds_is_what_the_model_holds(self):
        held = Redemption.objects.filter(rolled_back_at__isnull=True).values_list("code", "order", "amount_minor")
        expected = {
            (code, order, amount) for code, kept in self.model.items() for order, (_who, amount) in kept.held.items()
        }
        assert set(held) == expected

    @invariant()
    def everything_adds_up(self):
        assert what_does_not_add_up() == []

    def _outcome(self, call) -> str:
        try:
            assert isinstance(call(), RedemptionReceipt)
        except CouponRefused as refused:
            return refused.code
        return "ok"


@pytest.mark.django_db(transaction=True)
class TestCoupons:
    def test_behave_like_the_model_whatever_is_done_in_whatever_order(self):
        run_state_machine_as_test(
            CouponsMachine,
            settings=settings(
                max_examples=40,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
