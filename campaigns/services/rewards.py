"""Rewards: the catalogue as people edit it, and points for what it offers, both or neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.coupons.issue import issue_one
from campaigns.coupons.redeem import AMOUNT_MAXIMUM
from campaigns.models import Coupon, CouponState, CouponTemplate, Reward, RewardKind, RewardUse
from core.errors import DomainError, FieldProblem, InvalidInput, NotFound
from core.sql import insert_rows
from members.services.points.redeeming import spend_points
from members.services.points.refusals import OURS, check_reference, refuse
from members.services.points.reversing import reverse_part

MOST_POINTS = 10**9
"""Points a reward may cost, and pieces there may be: what the columns hold, and more than any shop offers."""
TERMS = ("slug", "name", "kind", "points", "amount_minor", "template", "gift", "stock", "per_member_limit", "offered")
USE_COLUMNS = ("reward", "member_id", "reference", "points", "entry_id", "coupon", "used_at", "by")

MESSAGES = {
    "not_offered": gettext_lazy("This reward is not offered at this time."),
    "exhausted": gettext_lazy("This reward has been given out as often as it may in total."),
    "member_limit": gettext_lazy("This member has had this reward as often as one member may."),
    "reference_used": gettext_lazy("This reference stands for another reward of this member already."),
    "coupon_used": gettext_lazy("The coupon of this reward has been used or has expired; the points cannot be given back."),
}


class RewardRefused(DomainError):
    """A reward cannot be had, or given back; `code` says why, and nothing was changed."""

    def __init__(self, code: str) -> None:
        super().__init__(MESSAGES[code], code=code)


@dataclass(frozen=True, slots=True)
class RewardReceipt:
    """The use a call stands for, and whether it was made by this very call."""

    use: RewardUse
    created: bool


def redeem_reward(*, slug: str, member_id: int, reference: str, now: datetime, by: str = "") -> RewardReceipt:
    """This function will take a member's points and give the reward for them, in one transaction.

    1. The same reference of the same member and reward again: the first use.
    2. Count the reward up, as far as its stock lasts: who wants the same one waits.
    3. Compare with the member's limit; issue the coupon; take the points. A refusal of any undoes all.

    Raises NotFound, InvalidInput for the reference, RewardRefused, CouponRefused, PointsRefused (`insufficient_points`).
    """
    refuse(check_reference(reference))
    with transaction.atomic():
        reward = _found(slug)
        known = _use_under(member_id, reference)
        if known is None:
            _count_up(reward)
            known = _use_under(member_id, reference)  # by a call that held the reward until now
            if known is not None:
                Reward.objects.filter(pk=reward.pk).update(redeemed=F("redeemed") - 1)
        if known is not None:
            if known.reward_id != reward.pk:
                raise RewardRefused("reference_used")
            return RewardReceipt(known, created=False)
        _demand_room(reward, member_id)
        coupon = None
        if reward.template is not None:
            coupon = issue_one(template_slug=reward.template.slug, member_id=member_id, now=now)
        own = f"{OURS}reward:{uuid4()}"
        paid = spend_points(member_id=member_id, points=reward.points, reference=own, reason=reward.name, now=now, by=by)
        row = (reward.pk, member_id, reference, reward.points, paid.entry.pk, coupon.pk if coupon else None, now, by)
        made = insert_rows(RewardUse, USE_COLUMNS, [row], conflict=["member_id", "reference"], returning=["pk"])
        if not made:
            raise RewardRefused("reference_used")
        return RewardReceipt(RewardUse.objects.select_related("reward", "coupon__template").get(pk=made[0][0]), created=True)


def roll_back_reward(*, slug: str, member_id: int, reference: str, now: datetime, by: str = "") -> RewardReceipt:
    """This function will give the points of a reward back and withdraw its coupon; again: the same.

    Raises NotFound, RewardRefused (`coupon_used`) when the coupon is not the member's to give back any more.
    """
    with transaction.atomic():
        reward = _found(slug)
        Reward.objects.select_for_update(no_key=True, of=("self",)).get(pk=reward.pk)
        use = RewardUse.objects.select_related("reward", "coupon__template").filter(member_id=member_id, reference=reference)
        known = use.filter(reward=reward).first()
        if known is None:
            raise NotFound(_("There is no reward under the reference “%(reference)s”.") % {"reference": reference})
        if known.rolled_back_at is not None:
            return RewardReceipt(known, created=False)
        if known.coupon_id is not None:
            voided = Coupon.objects.filter(pk=known.coupon_id, state=CouponState.ISSUED).update(state=CouponState.VOIDED)
            if voided != 1:
                raise RewardRefused("coupon_used")
        reverse_part(
            member_id=member_id,
            entry_id=known.entry_id,
            points=known.points,
            reference=f"{OURS}reward-back:{known.pk}",
            now=now,
            reason=reward.name,
            by=by,
        )
        RewardUse.objects.filter(pk=known.pk).update(rolled_back_at=now)
        Reward.objects.filter(pk=reward.pk).update(redeemed=F("redeemed") - 1)
        known.rolled_back_at = now
        return RewardReceipt(known, created=True)


def _found(slug: str) -> Reward:
    reward = Reward.objects.select_related("template").filter(slug=slug).first()
    if reward is None:
        raise NotFound(_("There is no reward “%(slug)s”.") % {"slug": slug})
    return reward


def _use_under(member_id: int, reference: str) -> RewardUse | None:
    uses = RewardUse.objects.select_related("reward", "coupon__template")
    return uses.filter(member_id=member_id, reference=reference).first()


def _count_up(reward: Reward) -> None:
    in_stock = Q(stock__isnull=True) | Q(redeemed__lt=F("stock"))
    if Reward.objects.filter(in_stock, pk=reward.pk, offered=True).update(redeemed=F("redeemed") + 1) != 1:
        offered = Reward.objects.filter(pk=reward.pk, offered=True).exists()
        raise RewardRefused("exhausted" if offered else "not_offered")


def _demand_room(reward: Reward, member_id: int) -> None:
    held = RewardUse.objects.filter(member_id=member_id, reward=reward, rolled_back_at__isnull=True)
    if reward.per_member_limit is not None and held.count() >= reward.per_member_limit:
        raise RewardRefused("member_limit")


# --- The catalogue


def save_reward(*, slug: str | None, terms: Mapping[str, Any], now: datetime) -> Reward:
    """This function will make a reward (`slug` None) or change one. What a member paid for it stands in the use.

    `template` is a coupon template's short name, or nothing. Raises InvalidInput naming what is wrong.
    """
    with transaction.atomic():
        reward = None if slug is None else Reward.objects.select_for_update(of=("self",)).filter(slug=slug).first()
        if slug is not None and reward is None:
            raise NotFound(_("There is no reward “%(slug)s”.") % {"slug": slug})
        template = CouponTemplate.objects.filter(slug=terms.get("template") or "").first()
        problems = [*_problems(terms, template, reward)]
        if problems:
            raise InvalidInput(problems[0].message, problems=problems)
        reward = reward or Reward(created_at=now)
        for name, value in _fitting(terms, template).items():
            setattr(reward, name, value)
        reward.save()
    return reward


def delete_reward(*, slug: str) -> None:
    """This function will delete a reward that nobody had; others are taken out of the offer."""
    with transaction.atomic():
        reward = _found(slug)
        if reward.uses.exists():
            raise DomainError(_("Members had this reward: take it out of the offer instead."), code="in_use")
        reward.delete()


def _fitting(terms: Mapping[str, Any], template: CouponTemplate | None) -> dict[str, Any]:
    kind = terms["kind"]
    return {name: terms.get(name) for name in TERMS} | {
        "amount_minor": terms.get("amount_minor") if kind == RewardKind.MONEY_OFF else None,
        "template": template if kind == RewardKind.COUPON else None,
        "gift": (terms.get("gift") or "") if kind == RewardKind.GIFT else "",
        "offered": terms.get("offered", True),
    }


def _problems(terms: Mapping[str, Any], template: CouponTemplate | None, reward: Reward | None) -> Iterator[FieldProblem]:
    for name in ("slug", "name"):
        if not str(terms.get(name) or "").strip():
            yield FieldProblem(name, "required", _("This is required."))
    others = Reward.objects.exclude(pk=reward.pk) if reward else Reward.objects.all()
    if others.filter(slug=terms.get("slug") or "").exists():
        yield FieldProblem("slug", "taken", _("Another reward has this short name."))
    elif reward is not None and terms.get("slug") != reward.slug:
        yield FieldProblem("slug", "fixed", _("The short name is the reward's address; it cannot change."))
    yield from _whole(terms, "points", most=MOST_POINTS, needed=True)
    for name in ("stock", "per_member_limit"):
        yield from _whole(terms, name, most=MOST_POINTS, needed=False)
    used = reward.redeemed if reward else 0
    if isinstance(terms.get("stock"), int) and 1 <= terms["stock"] < used:
        yield FieldProblem("stock", "below_used", _("It cannot be below %(used)s, which are used already.") % {"used": used})
    if terms["kind"] == RewardKind.MONEY_OFF:
        yield from _whole(terms, "amount_minor", most=AMOUNT_MAXIMUM, needed=True)
    elif terms["kind"] == RewardKind.COUPON and template is None:
        yield FieldProblem("template", "unknown_template", _("Name a coupon template that exists."))
    elif terms["kind"] == RewardKind.GIFT and not str(terms.get("gift") or "").strip():
        yield FieldProblem("gift", "required", _("Say what the gift is."))


def _whole(terms: Mapping[str, Any], name: str, *, most: int, needed: bool) -> Iterator[FieldProblem]:
    value = terms.get(name)
    if value is None and not needed:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        yield FieldProblem(name, "required" if value is None else "wrong_type", _("A whole number."))
    elif value < 1:
        yield FieldProblem(name, "not_positive", _("At least one; empty where there is no limit."))
    elif value > most:
        yield FieldProblem(name, "too_large", _("That is too much."))
